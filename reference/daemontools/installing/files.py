"""How the installer writes a file: under another name first, and only where it may.

A launcher holds MARK; a copy of the package is known by a file in it that holds MARK, and
pages and completion by the project's name. What has a name that begins with UNFINISHED was
left by an installer that was killed. The installer overwrites and removes nothing else.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

MARK = "# A launcher written by daemontools.install: it may be overwritten and removed."

# How the names of files and folders begin that an installer has not finished.
UNFINISHED = ".daemontools.install."


@contextmanager
def locked(folders: Iterable[Path]) -> Iterator[bool]:
    """Keep other installers out of these folders, as far as they exist.

    True: every lock is held, so what is unfinished there was left by an installer that is dead.
    False: a file system has no locks for folders (NFS). Raises BlockingIOError if another
    installer is at work, and OSError.
    """
    is_sure, fds = True, []
    try:
        for folder in {folder.resolve() for folder in folders if folder.is_dir()}:
            fds.append(os.open(folder, os.O_RDONLY))
            try:
                flock(fds[-1], LOCK_EX | LOCK_NB)
            except BlockingIOError:
                text = f"another daemontools.install is at work in {folder}"
                raise BlockingIOError(text) from None
            except OSError:
                is_sure = False
        yield is_sure
    finally:
        for fd in fds:
            os.close(fd)


def remove_unfinished(folder: Path) -> None:
    """Remove what an installer that was killed has left in a folder, if there is one."""
    for path in folder.glob(UNFINISHED + "*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; under another name first, so that no half stays."""
    away = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    folder.rename(away / "folder")
    shutil.rmtree(away)


def is_ours(path: Path) -> bool:
    """Is it a file that this module wrote? (The mark is near its start.)"""
    if not path.is_file():
        return False  # opening a FIFO would wait
    with open(path, "rb") as file:
        return MARK.encode() in file.read(8192)


def replace(file: Path, content: bytes, mode: int) -> None:
    """Write a file under an unused name, and rename it, unless it is so. Raises OSError.

    A file that is so keeps its inode, and a running svscan goes on forking its supervises.
    """
    if is_so(file, content, mode):
        return
    # mkstemp follows no link and reuses no file: others may be able to write here, too.
    fd, new = tempfile.mkstemp(prefix=UNFINISHED, dir=file.parent)
    try:
        with open(fd, "wb") as output:
            output.write(content)
            os.fchmod(fd, mode)
        os.rename(new, file)
    except BaseException:  # an interrupt, too
        os.unlink(new)
        raise


def is_so(file: Path, content: bytes, mode: int) -> bool:
    """Is it a regular file with this content and mode?"""
    if file.is_symlink() or not file.is_file():
        return False
    return file.stat().st_mode & 0o7777 == mode and file.read_bytes() == content


def make_folder(folder: Path) -> None:
    """Create the folder, and missing ones above it; everybody may enter and read them."""
    for missing in [p for p in (*reversed(folder.parents), folder) if not p.exists()]:
        missing.mkdir()
        missing.chmod(0o755)


def warn(text: str) -> None:
    """Say what is not as it should be, on standard error."""
    print(f"daemontools.install: warning: {text}", file=sys.stderr)


def remove_ours(files: Iterable[Path], is_ours: Callable[[Path], bool] = is_ours) -> None:
    """Remove these files, as far as they are ours; name those that stay."""
    for file in files:
        if is_ours(file):
            file.unlink()
        elif os.path.lexists(file):
            warn(f"{file} stays: it was not written by daemontools.install")
