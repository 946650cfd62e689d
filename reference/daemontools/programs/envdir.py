"""envdir: run a program with variables from the files of a directory.

    envdir dir child

Each setting of a service is a file: its name is the variable, and its first line is
the value. Administrators change settings with an editor, packages by installing a file:

    exec envdir ./env setuidgid www httpd

An empty file removes the variable; names that begin with a dot are skipped.
Any other file that cannot be read is an error: a service must not start with
half of its settings. envdir looks for the child along the PATH that envdir was
given, and the child runs in the directory where envdir was started.

One fault of 0.76 is not kept. There a link to nowhere sets its variable to the value of
the file read before it; here it always counts as an empty file.

Contract: conformance/spec/envdir.md. Manual: http://cr.yp.to/daemontools/envdir.html
"""

import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.core import envfile
from daemontools.unix import chain, environment
from daemontools.unix.messages import die
from daemontools.unix.opening import close, open_read
from daemontools.unix.pathexec import pathexec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FATAL = "envdir: fatal: "

# Bytes: the most that one read takes; the most for which no limit matters; and the size that
# 0.76, whose lengths have 32 bits, cannot hold. 0.76 copies a buffer to make it larger, so
# that a buffer can reach at most half of a limit.
PART = 65536
SMALL = 1 << 20
MOST = 1 << 32


def main(argv: list[bytes]) -> int:
    """Become argv[2] with the arguments argv[2:] and the variables of the directory argv[1]."""
    # ARGUMENTS
    directory, child = argv[1:2], argv[2:]
    if not child:
        die(111, "envdir: usage: envdir dir child")
    chain.prepare(child)

    # RESOURCES
    try:
        start = open_read(".")
    except OSError as error:
        die(111, FATAL, "unable to switch to current directory: ", error)
    try:
        os.chdir(directory[0])
    except OSError as error:
        die(111, FATAL, "unable to switch to directory ", directory[0], ": ", error)

    # THE CHANGE
    block = environment.merged(_changes(directory[0]))
    try:
        os.fchdir(start)
    except OSError as error:
        die(111, FATAL, "unable to switch to starting directory: ", error)
    close(start)

    # GOODBYE
    die(111, FATAL, "unable to run ", child[0], ": ", pathexec(child, block))


def _changes(directory: bytes) -> list[tuple[bytes, bytes | None]]:
    """The changes that the files of the working directory ask for, in the directory's order."""
    changes = []
    size = 0
    try:
        with os.scandir(b".") as entries:
            for entry in entries:
                if not entry.name.startswith(b"."):
                    value = _value(directory, entry.name)
                    changes.append((entry.name, value))
                    size += len(entry.name) + len(value or b"")
                    if _is_too_much(size):
                        die(111, FATAL, "out of memory")
    except OSError as error:
        die(111, FATAL, "unable to read directory ", directory, ": ", error)
    return changes


def _value(directory: bytes, name: bytes) -> bytes | None:
    """The value that one file gives; a file that cannot be read ends the program."""
    try:
        return envfile.value(_parts(name))
    except (OSError, MemoryError) as error:
        reason = error if isinstance(error, OSError) else OSError(errno.ENOMEM, "")
        die(111, FATAL, "unable to read ", directory, b"/", name, ": ", reason)


def _parts(name: bytes) -> "Iterator[bytes]":
    """The bytes of a file, in parts; no part if there is no such file. Raises OSError."""
    try:
        fd = open_read(name)
    except FileNotFoundError:
        return
    size = 0
    try:
        while part := os.read(fd, PART):
            size += len(part)
            if _is_too_much(size):
                raise OSError(errno.ENOMEM, "")
            yield part
    finally:
        close(fd)


def _is_too_much(size: int) -> bool:
    """Would 0.76 run out of memory at `size` bytes? It keeps all that it reads; envdir does not.

    So a file without an end, such as /dev/zero, ends as it does with 0.76: with `out of memory`,
    as soon as a limit on memory is reached, also one that waits (unix/chain.py).
    """
    return size > SMALL and size > min(MOST, chain.least_limit_on_memory() // 2)
