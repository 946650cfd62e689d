"""Write launchers for the programs into a directory, or remove them again.

    python -I -m daemontools.install DIR             write them
    python -I -m daemontools.install --remove DIR    remove them

    --python FILE    the interpreter that runs the programs (default: this one)
    --library DIR    copy the package to DIR, and import it from there: for users who
                     may not read the place where pip has put it
    --no-chain       start an interpreter for each program of a chain (unix/chain.py)

For servers: /command, /usr/local/bin, /usr/bin. A launcher puts SIGINT back to its
default before all else, and says in one line if the library cannot be had. Its first
line is the absolute path of the interpreter, with the flags `-BISXutf8`:

* `-B` no program ever writes a compiled module: under a umask of 0, anybody could change
  what root has written. This module compiles them once;
* `-I` nothing is imported from the working directory, or from PYTHONPATH, which a service
  may set for itself. Two variables still count, PYTHONEXECUTABLE and
  __PYVENV_LAUNCHER__ (docs/reference/trust.md);
* `-S` the site module is not loaded, which saves 2 to 8 ms for each program in a run script;
* `-X utf8` file names and arguments survive as bytes in every locale.

This module never overwrites or removes a file that is not one of its launchers, or a
folder that is not a copy of this package. Everybody can read what it writes,
whatever the umask. A rename puts each launcher in the place of the old one, so that a
service that starts meanwhile finds the old one or the new one. Replacing the copy of the
package takes two renames; for the instant between them there is no package.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import daemontools

MARK = "# A launcher written by daemontools.install: it may be overwritten and removed."

FLAGS = "-BISXutf8"

# What it imports before the library is part of every interpreter, and takes no file.
LAUNCHER = """\
#!{python} {flags}
{mark}
import _signal, posix, sys
if _signal.getsignal(2) is _signal.default_int_handler:
    _signal.signal(2, _signal.SIG_DFL)
sys.path.append({library!r})
try:
{switches}    from {module} import main
    from daemontools.unix.start import run
except BaseException as error:
    try:
        posix.write(2, b"{program}: fatal: unable to load its modules: %a\\n" % error)
    finally:
        posix._exit(111)
run(main)
"""

NO_CHAIN = "    import daemontools.unix.chain\n    daemontools.unix.chain.enabled = False\n"

# The command beside the seventeen, `daemontools` (companion/).
COMPANION = "daemontools"

# The kernel reads at most this many bytes of a #! line (Linux since 5.1).
LONGEST_FIRST_LINE = 255


def programs() -> list[str]:
    """The names of the seventeen: the modules in `programs/`."""
    folder = Path(__file__).parent / "programs"
    return sorted(module.stem for module in folder.glob("[a-z]*.py"))


def commands() -> list[str]:
    """The names of all launchers: the seventeen, and the companion."""
    return [COMPANION, *programs()]


def launcher(program: str, python: str, library: str, *, chain: bool = True) -> str:
    """The text of one launcher. Raises ValueError if `python` cannot be used in a #! line."""
    first_line = f"#!{python} {FLAGS}"
    too_long = len(os.fsencode(first_line)) > LONGEST_FIRST_LINE
    if not os.path.isabs(python) or any(blank in python for blank in " \t\n") or too_long:
        raise ValueError(f"the path of this interpreter cannot be used in a #! line: {python}")
    switches = "" if chain else NO_CHAIN
    return LAUNCHER.format(
        python=python,
        flags=FLAGS,
        mark=MARK,
        library=library,
        switches=switches,
        module="daemontools.companion"
        if program == COMPANION
        else f"daemontools.programs.{program}",
        program=program,
    )


def is_ours(path: Path) -> bool:
    """Is it a file that this module wrote? (The mark is near its start.)"""
    if not path.is_file():
        return False  # opening a FIFO would wait
    with open(path, "rb") as file:
        return MARK.encode() in file.read(8192)


def install(directory: Path, python: str, library: str, *, chain: bool = True) -> None:
    """Write all launchers. Raises OSError or ValueError.

    All checks come before the first write; if a write fails, some launchers may already be new.
    """
    texts = {program: launcher(program, python, library, chain=chain) for program in commands()}
    check_interpreter(python)
    _make_folder(directory)
    foreign = [p for p in texts if os.path.lexists(directory / p) and not is_ours(directory / p)]
    if foreign:
        raise FileExistsError(f"not written by daemontools.install: {', '.join(foreign)}")
    compile_package(python, library)
    for program, text in texts.items():
        replace(directory / program, text)


def replace(file: Path, text: str) -> None:
    """Write a launcher under an unused name, and rename it. Raises OSError."""
    # mkstemp follows no link and reuses no file: others may be able to write here, too.
    fd, new = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with open(fd, "w") as output:
            output.write(text)
            os.fchmod(fd, 0o755)
        os.rename(new, file)
    except OSError:
        os.unlink(new)
        raise


def check_interpreter(python: str) -> None:
    """Raise OSError if it cannot be run, ValueError if it is too old."""
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([python, "-IS", "-c", question], check=False).returncode != 0:
        raise ValueError(f"this is not Python 3.11 or later: {python}")


def compile_package(python: str, library: str) -> None:
    """Compile the package with the interpreter that will run it, readable by everybody.

    The programs never do that themselves (`-B`). If the package cannot be compiled here, each
    start takes longer: this is a warning and not a failure.
    """
    compile_all = [python, "-IS", "-m", "compileall", "-qq", f"{library}/daemontools"]
    if subprocess.run(compile_all, check=False, umask=0o022).returncode != 0:
        warning = f"unable to compile {library}/daemontools: all programs will start more slowly"
        print(f"daemontools.install: warning: {warning}", file=sys.stderr)


def remove(directory: Path) -> None:
    """Remove the launchers, and nothing else."""
    for program in commands():
        if is_ours(directory / program):
            (directory / program).unlink()


def copy(library: Path, python: str) -> str:
    """Copy the package into the folder `library`, readable by everybody. Returns its path."""
    _make_folder(library)
    package, new, old = (
        library / f for f in ("daemontools", ".daemontools.new", ".daemontools.old")
    )
    _check_copy(package)
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(daemontools.__file__).parent, new, ignore=hidden)
    for path in [new, *new.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    check_interpreter(python)
    if package.exists():
        package.rename(old)
    new.rename(package)
    shutil.rmtree(old, ignore_errors=True)
    return str(library.resolve())


def remove_copy(library: Path) -> None:
    """Remove the copy of the package in the folder `library`, and nothing else. Raises OSError."""
    package = library / "daemontools"
    _check_copy(package)
    shutil.rmtree(package)


def _check_copy(package: Path) -> None:
    """Raise FileExistsError if there is something that is not a copy of this package."""
    if os.path.lexists(package) and not is_ours(package / "install.py"):  # it holds MARK too
        raise FileExistsError(f"not written by daemontools.install: {package}")


def _make_folder(folder: Path) -> None:
    """Create the folder, and missing ones above it; everybody may enter and read them."""
    for missing in [p for p in (*reversed(folder.parents), folder) if not p.exists()]:
        missing.mkdir()
        missing.chmod(0o755)


def main() -> None:
    """The command line of `python -I -m daemontools.install`."""
    parser = argparse.ArgumentParser(prog="python -I -m daemontools.install")
    parser.add_argument("directory", type=Path, help="where to write the launchers, e.g. /command")
    parser.add_argument("--remove", action="store_true", help="remove the launchers")
    parser.add_argument(
        "--python",
        default=os.path.realpath(sys.executable),
        help="the interpreter that runs the programs (default: this one, links resolved)",
    )
    parser.add_argument(
        "--library", type=Path, help="copy the package to this directory, and import it from there"
    )
    parser.add_argument(
        "--no-chain", action="store_true", help="start an interpreter for each program of a chain"
    )
    arguments = parser.parse_args()
    try:
        if arguments.remove:
            remove(arguments.directory)
            if arguments.library:
                remove_copy(arguments.library)
        else:
            library = str(Path(daemontools.__file__).parent.parent.resolve())
            if arguments.library:
                library = copy(arguments.library, arguments.python)
            chain = not arguments.no_chain
            install(arguments.directory, arguments.python, library, chain=chain)
    except (OSError, ValueError) as error:
        sys.exit(f"daemontools.install: {error}")


if __name__ == "__main__":
    main()
