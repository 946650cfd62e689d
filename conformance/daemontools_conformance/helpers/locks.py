"""Locks of flock on files: whether somebody holds one, and through which descriptors."""

import fcntl
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.running.record import Record, descriptors_to
from daemontools_conformance.running.table import HAS_PROC


def is_locked(path: Path, *, kind: int = fcntl.LOCK_EX) -> bool:
    """Does somebody hold a lock on the file that conflicts with this one?"""
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def need_separate_locks(path: Path) -> None:
    """Raise Unavailable on a system where a lock of fcntl is one of flock too, as on the BSDs."""
    with open(path, "ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_locked(path):
            raise Unavailable("needs a system on which locks of fcntl and flock are separate")


def locked_through(process: Record, path: Path) -> list[int]:
    """The descriptors through which a process holds an exclusive lock on the file.

    Where the kernel tells no locks: all that refer to the file, if it is locked. So the test
    must let no other process hold it.
    """
    found = descriptors_to(process, path)
    if HAS_PROC:
        return [fd for fd in found if process.locks.get(fd) == "FLOCK ADVISORY WRITE"]
    return found if is_locked(path, kind=fcntl.LOCK_SH) else []
