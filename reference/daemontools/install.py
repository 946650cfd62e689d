"""Write the programs' launchers into a directory, or take them away again.

    python -m daemontools.install DIR             write them
    python -m daemontools.install --remove DIR    take them away

For servers: /command, /usr/local/bin, /usr/bin. A launcher is four lines that
start with the absolute path of the interpreter and the flags `-ISXutf8`:

* `-I` no PYTHON* variable and no file in the working directory has a say, so
  that a service's own PYTHONPATH cannot break the tools that supervise it;
* `-S` no site module: 2 to 8 ms less for each program in a run script;
* `-X utf8` file names and arguments survive as bytes in every locale.

A file that is not a launcher of ours is never overwritten and never removed.
"""

import argparse
import compileall
import os
import sys
from pathlib import Path

import daemontools

MARK = "# A launcher written by daemontools.install: it may be overwritten and removed."

LAUNCHER = """\
#!{python} -ISXutf8
{mark}
import sys
sys.path.append({library!r})
from daemontools.programs.{program} import main
from daemontools.unix.start import run
run(main)
"""

# The kernel reads at most this many bytes of a #! line (Linux since 5.1).
LONGEST_FIRST_LINE = 255


def programs() -> list[str]:
    """The names of all programs: the modules in `programs/`."""
    folder = Path(__file__).parent / "programs"
    return sorted(module.stem for module in folder.glob("[a-z]*.py"))


def launcher(program: str, python: str, library: str) -> str:
    """The text of one launcher. Raises ValueError if `python` cannot stand in a #! line."""
    first_line = f"#!{python} -ISXutf8"
    if " " in python or len(os.fsencode(first_line)) > LONGEST_FIRST_LINE:
        raise ValueError(f"this interpreter's path cannot stand in a #! line: {python}")
    return LAUNCHER.format(python=python, mark=MARK, program=program, library=library)


def is_ours(path: Path) -> bool:
    """Is the file a launcher that this module wrote?"""
    try:
        return MARK in path.read_text(errors="replace")
    except FileNotFoundError:
        return False


def install(directory: Path, python: str, library: str) -> None:
    """Write all launchers, each by rename, so that a running service never sees half of one."""
    directory.mkdir(parents=True, exist_ok=True)
    foreign = [p for p in programs() if _exists(directory / p) and not is_ours(directory / p)]
    if foreign:
        raise FileExistsError(f"not written by daemontools.install: {', '.join(foreign)}")
    compileall.compile_dir(Path(library) / "daemontools", quiet=2)
    for program in programs():
        new = directory / f".{program}.new"
        new.write_text(launcher(program, python, library))
        new.chmod(0o755)
        new.rename(directory / program)


def remove(directory: Path) -> None:
    """Remove the launchers, and nothing else."""
    for program in programs():
        if is_ours(directory / program):
            (directory / program).unlink()


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def main() -> None:
    """The command line of `python -m daemontools.install`."""
    parser = argparse.ArgumentParser(prog="python -m daemontools.install")
    parser.add_argument("directory", type=Path, help="where the programs shall be, e.g. /command")
    parser.add_argument("--remove", action="store_true", help="take the launchers away again")
    parser.add_argument(
        "--python",
        default=os.path.realpath(sys.executable),
        help="the interpreter of the launchers (default: this one, without links)",
    )
    arguments = parser.parse_args()
    try:
        if arguments.remove:
            remove(arguments.directory)
        else:
            library = str(Path(daemontools.__file__).parent.parent.resolve())
            install(arguments.directory, arguments.python, library)
    except (OSError, ValueError) as error:
        sys.exit(f"daemontools.install: {error}")


if __name__ == "__main__":
    main()
