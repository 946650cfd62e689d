"""Write launchers for the programs into a directory, check them, or remove them again.

    ./install --library /usr/local/lib/daemontools /usr/local/bin      in a checkout
    python -I -m daemontools.install DIR                               where pip has installed it
    python -I -m daemontools.install --check DIR
    python -I -m daemontools.install --remove DIR

    --library DIR    copy the package to DIR, and import it from there
    --share DIR      manual pages and completion, below e.g. /usr/local/share
    --python FILE    the interpreter that runs the programs (default: this one)
    --no-chain       start an interpreter for each program of a chain (unix/chain.py)
    --destdir DIR    write below DIR what a package will unpack elsewhere (packaging/debian)

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

This module never overwrites or removes a file that is not one of its own, except in its own
copies. A copy of the package lies in a folder named for its content. An upgrade adds a folder,
and replaces the launchers one by one, each by a rename; the folder before it stays until the
next installation. At each moment each program is the old one or the new one, whole. To
install the same again changes nothing else. Everybody can read what is written, whatever the umask.

While it writes or removes, it holds locks on DIR and the folders of the other options: a
second installer there fails at once. So what has the name of an unfinished file was left by
one that was killed, and the next one removes it.

It refuses to install as root what others could change, and over what they could have changed
(installing/checks.py), and runs a launcher at the end, as nobody too.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import daemontools
from daemontools.installing import checks, copies
from daemontools.installing.files import (
    MARK,
    is_ours,
    is_so,
    locked,
    make_folder,
    remove_ours,
    remove_unfinished,
    replace,
    warn,
)
from daemontools.installing.shared import (
    install_shared,
    refuse_foreign_pages,
    remove_shared,
    remove_unfinished_pages,
    shared,
    shared_paths,
)

FLAGS = "-BISXutf8"

# What it imports before the library is part of every interpreter, and takes no file. The
# first two modules are imported by importlib, which would wait for a FIFO (see loading.py).
LAUNCHER = """\
#!{python} {flags}
{mark}
import _signal, posix, sys
if _signal.getsignal(2) is _signal.default_int_handler:
    _signal.signal(2, _signal.SIG_DFL)
sys.path.append({library!r})
try:
    for name in "__init__", "loading":
        name += "." + sys.implementation.cache_tag
        file = sys.path[-1] + "/daemontools/__pycache__/" + name + ".pyc"
        if posix.access(file, 0) and posix.stat(file).st_mode & 0o170000 != 0o100000:
            raise ImportError(file + " is not a regular file")
{switches}    import daemontools.loading
    from {module} import main
    from daemontools.unix.start import run
except BaseException as error:
    try:
        posix.write(2, b"{program}: fatal: unable to load its modules: %a\\n" % error)
    finally:
        posix._exit(111)
run(main)
"""

# Compile a package, and remove what is no whole module, before and after. CPython 3.11 takes a
# short write for a whole one, and compileall looks only at the head of a compiled module.
COMPILE = """\
import compileall, marshal, pathlib, sys
def removed():
    for file in pathlib.Path(sys.argv[1]).rglob(f"*.{sys.implementation.cache_tag}.pyc"):
        try:
            marshal.loads(file.read_bytes()[16:])
        except (EOFError, TypeError, ValueError):
            file.unlink()
            yield file
list(removed())
is_compiled = compileall.compile_dir(sys.argv[1], quiet=2)
sys.exit(any([*removed(), not is_compiled]))
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


def install(directory: Path, python: str, library: str, *, chain: bool = True) -> None:
    """Write all launchers. Raises OSError or ValueError.

    All checks come before the first write; if a write fails, some launchers may already be new.
    """
    texts = launchers(python, library, chain=chain)
    check_interpreter(python)
    refuse_foreign(directory)
    make_folder(directory)
    compile_package(python, library)
    for program, text in texts.items():
        replace(directory / program, text.encode(), 0o755)


def refuse_foreign(directory: Path) -> None:
    """Raise FileExistsError if a program of another origin has the name of a launcher."""
    paths = [directory / program for program in commands()]
    foreign = [path.name for path in paths if os.path.lexists(path) and not is_ours(path)]
    if foreign:
        raise FileExistsError(f"not written by daemontools.install: {', '.join(foreign)}")


def launchers(python: str, library: str, *, chain: bool = True) -> dict[str, str]:
    """The texts of all launchers, by their names. Raises ValueError."""
    return {program: launcher(program, python, library, chain=chain) for program in commands()}


def check_interpreter(python: str) -> None:
    """Raise OSError if it cannot be run, ValueError if it is too old."""
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([python, "-IS", "-c", question], check=False).returncode != 0:
        raise ValueError(f"this is not Python 3.11 or later: {python}")


def compile_package(python: str, library: str) -> None:
    """Compile the package with the interpreter that will run it, readable by everybody.

    The programs never do that themselves (`-B`). If the package cannot be compiled here, each
    start takes longer: this is a warning and not a failure. What has the name of a compiled
    module and is not a file is removed first: compileall would wait for a FIFO. On a full
    disk no part of a compiled module stays, which would keep all programs from starting.
    Raises OSError if it cannot be removed.
    """
    for compiled in Path(library, "daemontools").rglob("__pycache__/*.pyc"):
        if not compiled.is_file():
            compiled.unlink()
    compile_all = [python, "-IS", "-c", COMPILE, f"{library}/daemontools"]
    if subprocess.run(compile_all, check=False, umask=0o022).returncode != 0:
        warn(f"unable to compile {library}/daemontools: all programs will start more slowly")


def remove(directory: Path) -> None:
    """Remove the launchers, and nothing else; name what has the name of one and stays."""
    remove_ours(directory / program for program in commands())


def warn_of_running(directory: Path) -> None:
    """Name the programs of a tree that these launchers started, if there are any."""
    running = checks.running(directory)
    if running:
        warn(f"still running, and going on: {', '.join(running)}; stop the tree first")


def copy(library: Path, python: str) -> str:
    """Copy the package below `library` for an interpreter. Returns the folder to import from."""
    check_interpreter(python)
    return copies.copy(library)


# The command line


def problems(directory: Path, texts: dict[str, str]) -> list[str]:
    """What is not as this module would install it; empty if all is."""
    found = []
    for program, text in texts.items():
        file = directory / program
        if not os.path.lexists(file):
            found.append(f"{file} is missing")
        elif not is_ours(file):
            found.append(f"{file} was not written by daemontools.install")
        elif not is_so(file, text.encode(), 0o755):
            found.append(f"{file} is another version's, has other options, or was changed")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./install" if sys.argv[0] == "-c" else "python -I -m daemontools.install",
        description="Write launchers for the programs into a directory; or check or remove them.",
    )
    parser.add_argument("directory", type=Path, help="where to write the launchers, e.g. /command")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--remove", action="store_true", help="remove what these options install")
    doing.add_argument("--check", action="store_true", help="change nothing, and say what is wrong")
    doing.add_argument(
        "--destdir", type=Path, help="write below this directory, for a package (needs --library)"
    )
    # Where a virtual environment links to an interpreter, the link may go with it.
    in_environment = sys.prefix != sys.base_prefix
    parser.add_argument(
        "--python",
        default=os.path.realpath(sys.executable) if in_environment else sys.executable,
        help="the interpreter that runs the programs (default: this one)",
    )
    parser.add_argument(
        "--library",
        type=Path,
        help="copy the package to this directory, and import it from there "
        "(default: import it from where it is now)",
    )
    parser.add_argument(
        "--share", type=Path, help="write manual pages and completion below, e.g. /usr/local/share"
    )
    parser.add_argument(
        "--no-chain", action="store_true", help="start an interpreter for each program of a chain"
    )
    return parser


def main() -> None:
    """The command line of `python -I -m daemontools.install`."""
    parser = _parser()
    options = parser.parse_args()
    if options.destdir and not options.library:
        parser.error("--destdir needs --library")
    try:
        if options.destdir:
            _stage(options)
        elif options.remove:
            _remove(options)
        elif options.check:
            _check(options)
        else:
            _install(options)
    except (OSError, ValueError) as error:
        sys.exit(f"daemontools.install: {error}")


def _install(options: argparse.Namespace) -> None:
    own = str(Path(daemontools.__file__).parent.parent.resolve())
    checks.refuse_what_others_can_change(_places(options), _written(options), warn)
    launchers(options.python, str(options.library or own))  # a wrong path is refused here
    refuse_foreign(options.directory)
    if options.share:
        refuse_foreign_pages(options.share)
    if options.library:
        copies.refuse_foreign(options.library)
        make_folder(options.library)
    make_folder(options.directory)
    with _alone(options.directory, options.library, options.share):
        _install_all(options, own)


def _places(options: argparse.Namespace) -> list[Path]:
    """What decides what the programs do: these, and the folders above them."""
    library = options.library or Path(daemontools.__file__).parent.parent
    share = [options.share] if options.share else []
    return [Path(options.python), options.directory, library, *share]


def _written(options: argparse.Namespace) -> Iterator[Path]:
    """What is there of all that an installer writes, and what is in the copies of the package."""
    package = Path(daemontools.__file__).parent
    library = copies.paths(options.library) if options.library else package.rglob("*")
    files = [options.directory / command for command in commands()]
    pages = shared_paths(options.share) if options.share else []
    return (path for path in (*files, *library, *pages) if os.path.lexists(path))


@contextmanager
def _alone(directory: Path, library: Path | None, share: Path | None) -> Iterator[None]:
    """Keep other installers out, and remove what one that was killed has left."""
    with locked(place for place in (directory, library, share) if place) as is_sure:
        if is_sure:
            remove_unfinished(directory)
            if library:
                copies.remove_unfinished_copies(library)
            if share:
                remove_unfinished_pages(share)
        yield


def _install_all(options: argparse.Namespace, own: str) -> None:
    """Write everything; `own` is where this package can be imported from."""
    previous = copies.newest(options.library) if options.library else ""
    library = copy(options.library, options.python) if options.library else own
    if options.library:
        copies.note(options.library, options.directory)
    install(options.directory, options.python, library, chain=not options.no_chain)
    if options.library:
        used = copies.in_use(options.library, commands()).values()
        copies.remove_old_copies(options.library, {previous, Path(library).name}.union(*used))
    if options.share:
        install_shared(options.share)
    for text in checks.verify(options.directory, options.python, library):
        warn(text)


def _stage(options: argparse.Namespace) -> None:
    """Write below --destdir what belongs below `/`. Raises OSError or ValueError.

    Nothing is compiled or run, since nothing is in its place yet.
    """
    root: Path = options.destdir

    def below(path: Path) -> Path:
        return root / path.relative_to("/")

    directory, to = below(options.directory), below(options.library)
    share = below(options.share) if options.share else None
    make_folder(directory)
    make_folder(to)
    with _alone(directory, to, share):
        library = str(options.library / Path(copies.copy(to)).name)
        for program, text in launchers(options.python, library, chain=not options.no_chain).items():
            replace(directory / program, text.encode(), 0o755)
        if share:
            install_shared(share, is_package=True)


def _check(options: argparse.Namespace) -> None:
    """Exit 1 if anything is wrong."""
    library = str(Path(daemontools.__file__).parent.parent.resolve())
    found = []
    if options.library:
        files = copies.content(Path(daemontools.__file__).parent)
        library = str(options.library.resolve() / copies.version(files))
        package = Path(library) / "daemontools"
        is_open = all(is_so(package / name, text, 0o644) for name, text in files.items())
        if copies.content(package) != files or not is_open:
            found.append(f"{library} is missing, or was changed")
    texts = launchers(options.python, library, chain=not options.no_chain)
    found += problems(options.directory, texts)
    for name, page in (shared() if options.share else {}).items():
        if not is_so(options.share / name, page, 0o644):
            found.append(f"{options.share / name} is missing, or another version's")
    if os.geteuid() == 0:
        found += checks.what_others_can_change(_places(options), _written(options), warn)
    found += checks.verify(options.directory, options.python, library)
    for text in found:
        warn(text)
    sys.exit(1 if found else 0)


def _remove(options: argparse.Namespace) -> None:
    warn_of_running(options.directory)
    with _alone(options.directory, options.library, options.share):
        _remove_all(options)


def _remove_all(options: argparse.Namespace) -> None:
    library = copies.library_of(options.directory / "svok")
    remove(options.directory)
    if library and not options.library:
        warn(f"{library} stays: to remove it, say --library {library}, too")
    if options.share:  # before the library, where this module may be, too
        remove_shared(options.share)
    others = copies.in_use(options.library, commands()) if options.library else {}
    if others:
        names = ", ".join(str(directory) for directory in others)
        warn(f"{options.library} stays: the programs in {names} need it")
    elif options.library:
        copies.remove_copy(options.library)


if __name__ == "__main__":
    main()
