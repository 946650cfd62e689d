"""Locks: a file that one process at a time may hold, and that its death releases.

The lock belongs to the open file, so it lasts until the last descriptor of it is
closed, whatever kills the process; no stale lock ever needs to be broken. It is
flock's, as in djb's programs: his and ours respect each other's.
Clauses: setlock/lock/..., multilog/lock/..., supervise/lock/...
"""

import fcntl


def lock_ex(fd: int) -> None:
    """Wait for the lock on this descriptor. Raises OSError."""
    fcntl.flock(fd, fcntl.LOCK_EX)


def lock_exnb(fd: int) -> None:
    """Take the lock without waiting. Raises OSError: EAGAIN ("temporary failure") if it is held."""
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
