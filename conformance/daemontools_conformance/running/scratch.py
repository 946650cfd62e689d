"""The folders of a run, and what the runs that were killed have left.

A run holds a lock on a file in each of its folders until it ends, in whatever way. So the next
run sees which of them nobody uses. A process id would not tell that: the folder may be in use
in another namespace, where process ids are others. A replay makes a folder of a run that has
ended again; it has no such file, so no run removes it.
"""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

from daemontools_conformance.running.removal import remove

PREFIX, LOCK = "daemontools-conformance-run-", "lock"


def make(parent: Path) -> Path:
    """A new folder, locked by this process and its forks until all of them have ended."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            # Nobody closes this. A program that is executed does not inherit it.
            fd = os.open(made / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            continue  # another run has seen the folder before it was locked, and removes it
        except OSError:
            pass  # a file system without locks: no run removes anything there
        if made.exists():
            made.chmod(0o755)
            return made


def remove_left_behind(parent: Path) -> None:
    """Remove the folders of this user's runs that have ended, but keep evidence of failures."""
    with contextlib.suppress(OSError):
        for name in os.listdir(parent):
            if name.startswith(PREFIX):
                with contextlib.suppress(OSError):  # in use, somebody else's, or gone
                    _remove_unless_used(parent / name)


def tidy(folder: Path) -> None:
    """Remove the folder, or only what belongs to tests if it holds evidence. Raises OSError."""
    has_evidence = (folder / "evidence").exists()
    for part in (folder / "tests", folder / LOCK) if has_evidence else (folder,):
        remove(part)


def _remove_unless_used(folder: Path) -> None:
    """Raises OSError if the folder is in use, is a replay's, or cannot be removed."""
    fds = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)]
    try:
        if os.fstat(fds[0]).st_uid == os.geteuid():
            fds.append(os.open(LOCK, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fds[0]))
            fcntl.flock(fds[1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            tidy(folder)
    finally:
        for fd in fds:
            os.close(fd)
