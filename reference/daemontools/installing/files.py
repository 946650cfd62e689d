"""How the installer writes a file: under another name first, and only where it may.

Everything that it writes holds MARK, and it overwrites and removes nothing else.
"""

import os
import sys
import tempfile
from pathlib import Path

MARK = "# A launcher written by daemontools.install: it may be overwritten and removed."


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
    fd, new = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
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
