"""Remove what a test left, whatever that is.

A program may leave 3,000 nested folders (no path is long enough to name the last one, and
no recursion deep enough to reach it), folders without permissions, links to the files of
others, or mounts. So no link is followed, mounts are detached first, and what is in a folder
is moved up to the top until the folder is empty.
"""

import contextlib
import os
import subprocess
from pathlib import Path

_MOUNTS = "/proc/self/mountinfo"


def remove(top: Path) -> None:
    """Remove the folder and everything below it. Raises OSError."""
    if not os.path.lexists(top):
        return
    _open_up(top.parent)
    if top.is_symlink() or not top.is_dir():
        top.unlink()
        return
    with contextlib.suppress(OSError):  # it is empty, and nothing is mounted on it
        os.rmdir(top)
        return
    _detach_mounts(top)
    _open_up(top)
    number = 0
    while left := list(os.scandir(top)):
        for entry in left:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry)
                continue
            _open_up(entry)
            for inner in list(os.scandir(entry)):
                if not inner.is_dir(follow_symlinks=False):
                    os.unlink(inner)
                    continue
                while os.path.lexists(top / str(number)):
                    number += 1
                _open_up(inner)
                os.rename(inner, top / str(number))
            os.rmdir(entry)
    top.rmdir()


def _open_up(folder: "os.PathLike[str]") -> None:
    """Let the owner change a folder (moving it changes its `..`)."""
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        os.chmod(folder, 0o700)


def _detach_mounts(top: Path) -> None:
    """Detach what is mounted below, so that nothing behind it is removed. Raises OSError."""
    if not (found := _mounted(top)):
        return
    for point in sorted(found, reverse=True):
        subprocess.run([b"umount", b"-l", b"--", point], capture_output=True, check=False)
    if left := _mounted(top):
        raise OSError(f"something is still mounted on {os.fsdecode(left[0])}")


def _mounted(top: Path) -> list[bytes]:
    """The mount points at or below the folder, as this process sees them."""
    try:
        with open(_MOUNTS, "rb") as file:
            points = [line.split(b" ", 5)[4] for line in file]
    except OSError:
        return []
    paths = [
        point.decode("unicode_escape").encode("latin-1") if b"\\" in point else point
        for point in points
    ]
    real = os.path.realpath(os.fsencode(top))
    return [path for path in paths if path == real or path.startswith(real + b"/")]
