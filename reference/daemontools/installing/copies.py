"""Copies of the package, each in a folder named for its content.

    LIBRARY/0.1.0-95f1b2c3d4e5/daemontools     what the launchers import
    LIBRARY/daemontools                        a link to the newest, for other programs
    LIBRARY/directories                        where there are launchers that import from here

An upgrade adds a folder, and the launchers are replaced one by one. The folder before it
stays until the next installation, since a program that has just started may still import from
it. So at each moment each program is the old one or the new one, whole. A copy that a launcher
in another directory names stays as long as that launcher does.
"""

import ast
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import daemontools
from daemontools.installing.files import (
    MARK,
    UNFINISHED,
    is_ours,
    make_folder,
    remove_folder,
    remove_unfinished,
    replace,
    warn,
)


def content(package: Path) -> dict[str, bytes]:
    """The files of a package, by their names in it, without compiled modules."""
    files = (file for file in sorted(package.rglob("*")) if file.is_file())
    return {
        str(file.relative_to(package)): file.read_bytes()
        for file in files
        if "__pycache__" not in file.parts
    }


def version(files: dict[str, bytes]) -> str:
    """The name of a copy's folder: the version, and a digest of all files."""
    digest = hashlib.sha256()
    for name, text in files.items():
        digest.update(b"%s\0%d\0%s" % (os.fsencode(name), len(text), text))
    return f"{daemontools.__version__}-{digest.hexdigest()[:12]}"


def copy(library: Path) -> str:
    """Copy the package below `library`, readable by everybody. Returns the folder to import from.

    `library/daemontools` is a link to the newest copy, for programs that import the package.
    """
    refuse_foreign(library)
    make_folder(library)
    link = library / "daemontools"
    files = content(Path(daemontools.__file__).parent)
    folder = library.resolve() / version(files)
    if not folder.exists():
        new = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=library))
        try:
            _write(new, files)
            os.sync()  # after a cut of power, no launcher may name a library that is not there
            new.rename(folder)
        except BaseException:  # an interrupt, too
            shutil.rmtree(new)
            raise
    _write(folder, files)  # changes nothing but what somebody has damaged
    if link.is_dir() and not link.is_symlink():  # a copy by the first releases
        shutil.rmtree(link)
    if not link.is_symlink() or os.readlink(link) != f"{folder.name}/daemontools":
        temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=library))
        (temporary / "link").symlink_to(f"{folder.name}/daemontools")
        (temporary / "link").rename(link)
        temporary.rmdir()
    return str(folder)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Make `folder/daemontools` hold these files."""
    folder.chmod(0o755)
    for name, text in files.items():
        make_folder((folder / "daemontools" / name).parent)
        replace(folder / "daemontools" / name, text, 0o644)


def _copies(library: Path) -> Iterator[Path]:
    """The folders with copies of the package, old ones included."""
    for folder in sorted(library.glob("[0-9]*-*")):
        if _is_copy(folder / "daemontools"):
            yield folder


def newest(library: Path) -> str:
    """The name of the newest copy's folder; empty if there is none."""
    try:
        return Path(os.readlink(library / "daemontools")).parent.name
    except OSError:
        return ""


def directories(library: Path) -> list[Path]:
    """The directories into which launchers were written. Raises FileExistsError, OSError."""
    record = library / "directories"
    if not os.path.lexists(record):
        return []
    if not is_ours(record):
        raise FileExistsError(f"not written by daemontools.install: {record}")
    return [Path(os.fsdecode(name)) for name in record.read_bytes().split(b"\0")[1:-1]]


def note(library: Path, directory: Path) -> None:
    """Remember that launchers in `directory` import from `library`. Raises OSError."""
    noted = sorted({*directories(library), directory.resolve()})
    names = b"".join(os.fsencode(name) + b"\0" for name in noted)
    replace(library / "directories", MARK.encode() + b"\0" + names, 0o644)


def in_use(library: Path, programs: Iterable[str]) -> dict[Path, set[str]]:
    """The directories with launchers that import from here, and the names of their copies."""
    found: dict[Path, set[str]] = {}
    for directory in directories(library):
        files = (directory / program for program in programs)
        text = b"".join(file.read_bytes() for file in files if is_ours(file))
        names = {copy.name for copy in _copies(library) if os.fsencode(f"/{copy.name}") in text}
        if names:
            found[directory] = names
    return found


def remove_old_copies(library: Path, kept: set[str]) -> None:
    """Remove all copies but those in the folders of these names."""
    for folder in _copies(library):
        if folder.name not in kept:
            remove_folder(folder)


def remove_copy(library: Path) -> None:
    """Remove all copies below `library`, and the folder if it is empty then. Raises OSError."""
    link = library / "daemontools"
    _check_copy(link)
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        shutil.rmtree(link)
    for folder in _copies(library):
        remove_folder(folder)
    if directories(library):
        (library / "directories").unlink()
    if not library.is_dir():
        return
    if others := sorted(path.name for path in library.iterdir()):
        warn(f"{library} stays: it holds what is not the installer's: {', '.join(others)}")
    else:
        library.rmdir()


def remove_unfinished_copies(library: Path) -> None:
    """Remove what an installer that was killed has left below `library`."""
    remove_unfinished(library)
    for folder in _copies(library):
        for inside in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
            remove_unfinished(inside)


def library_of(launcher: Path) -> Path | None:
    """The library with the copy that a launcher names; None if it names no copy."""
    text = launcher.read_text("utf-8") if is_ours(launcher) else ""
    named = re.search(r"""^sys\.path\.append\((["'].*["'])\)$""", text, re.MULTILINE)
    if not named:
        return None
    library = Path(ast.literal_eval(named[1])).parent
    return library if is_ours(library / "directories") else None


def paths(library: Path) -> Iterator[Path]:
    """What an installer has written below `library`, and all that is in the copies."""
    new = library.resolve() / version(content(Path(daemontools.__file__).parent))
    for folder in sorted({*_copies(library.resolve()), new}):
        yield from (folder, *sorted(folder.rglob("*")))
    yield from (library / "daemontools", library / "directories")


def refuse_foreign(library: Path) -> None:
    """Raise FileExistsError if something of another origin has the name of a part of it."""
    _check_copy(library / "daemontools")
    directories(library)


def _check_copy(package: Path) -> None:
    """Raise FileExistsError if there is something that is not a copy of this package."""
    if os.path.lexists(package) and not _is_copy(package):
        raise FileExistsError(f"not written by daemontools.install: {package}")


def _is_copy(package: Path) -> bool:
    """Is it this package? MARK is in these files too; in the first releases, in the second."""
    return is_ours(package / "installing/files.py") or is_ours(package / "install.py")
