"""With the lock taken too late: a second supervise spoils what the first one has written."""

import fcntl
import os
import sys


def supervise(name, pid, *, lock_first):
    """A supervise that starts: it takes the lock, and says that ./run is down, then up."""
    if lock_first:
        take_lock(name)
    write_status("down")
    if not lock_first:
        take_lock(name)
    write_status(f"up, pid {pid}")


def take_lock(name):
    """Take the lock, or say what the status is now and exit."""
    lock = os.open("lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"the {name} does not get the lock; the status says: {open('status').read()}")


def write_status(text):
    """Replace the status, as a supervise does."""
    with open("status.new", "w") as file:
        file.write(text)
    os.rename("status.new", "status")


is_early = sys.argv[1:] == ["early"]
supervise("first", 12345, lock_first=is_early)
supervise("second", 12346, lock_first=is_early)
