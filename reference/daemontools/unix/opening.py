"""The four ways in which the programs open a file, and how they close it.

O_NONBLOCK everywhere: no program may hang because somebody put a FIFO where it
expected a file. On a FIFO it also answers a question at once: opened for
writing, a FIFO without a reader gives ENXIO ("device not configured"); opened
for reading it succeeds, writer or no writer.

Python marks each new descriptor close-on-exec. A program that wants to hand one to a child
makes it inheritable. Every function but `close` raises OSError.
"""

from posix import O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY
from posix import close as os_close
from posix import open as os_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrOrBytesPath


def open_read(path: "StrOrBytesPath") -> int:
    """Open for reading."""
    return os_open(path, O_RDONLY | O_NONBLOCK)


def open_write(path: "StrOrBytesPath") -> int:
    """Open an existing file for writing."""
    return os_open(path, O_WRONLY | O_NONBLOCK)


def open_append(path: "StrOrBytesPath") -> int:
    """Open for writing at the end; a new file gets mode 0600 less the umask."""
    return os_open(path, O_WRONLY | O_NONBLOCK | O_APPEND | O_CREAT, 0o600)


def open_trunc(path: "StrOrBytesPath") -> int:
    """Truncate and open for writing; a new file gets mode 0644 less the umask."""
    return os_open(path, O_WRONLY | O_NONBLOCK | O_TRUNC | O_CREAT, 0o644)


def close(fd: int) -> None:
    """Close; an error changes nothing, since the descriptor is free all the same.

    A file system in user space may report one even for a file that was only read.
    """
    try:
        os_close(fd)
    except OSError:
        pass
