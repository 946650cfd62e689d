"""Locks: one process at a time may take a file, and the end of all that hold it releases it.

The lock belongs to the open file, so it lasts until the last descriptor of that file is
closed, whatever kills the process; nobody ever has to break a stale lock. The call is
flock, as in djb's programs, so that his programs and these respect each other's locks.
Clauses: setlock/lock/..., multilog/lock/..., supervise/lock/...
"""

from fcntl import LOCK_EX, LOCK_NB, flock


def lock_ex(fd: int) -> None:
    """Wait for the lock on this descriptor. Raises OSError."""
    flock(fd, LOCK_EX)


def lock_exnb(fd: int) -> None:
    """Take the lock without waiting. Raises OSError: EAGAIN ("temporary failure") if it is held."""
    flock(fd, LOCK_EX | LOCK_NB)
