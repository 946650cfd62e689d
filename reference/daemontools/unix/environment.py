"""The environment of the program: a list of byte strings, as the kernel handed it over.

Most entries are NAME=value, but nothing enforces that. A block may hold the same
name twice, and entries without "="; C programs pass them on untouched and in order,
and so must these programs. `posix.environ` is a dictionary, and keeps none of this.

A program that changes the environment makes a new block with `merged` and gives
it to `pathexec`. Its own environment does not change: the next program is found along the
PATH that this program was given.
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
import sys

from daemontools.core import envblock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# The environment of the program that runs now, if a chain of programs in one process
# has set it (chain.py). None: it is the one that this process was started with.
_block: list[bytes] | None = None

_LOCALE_C = (b"", b"C", b"POSIX")

# The block that this process was started with, once it has been read.
_original: list[bytes] | None = None


def as_bytes(word: str) -> bytes:
    """An argument as the kernel handed it over: os.fsencode."""
    return word.encode(sys.getfilesystemencoding(), "surrogateescape")


def as_text(word: bytes) -> str:
    """The opposite: os.fsdecode."""
    return word.decode(sys.getfilesystemencoding(), "surrogateescape")


def block() -> list[bytes]:
    """All entries of this program's environment, in order."""
    return original_block() if _block is None else _block


def get(name: bytes) -> bytes | None:
    """The value of a variable of this program, by its first entry; None if there is none."""
    if _block is None:
        return os.environ.get(name)  # it keeps the first entry of each name
    return envblock.value_of(_block, name)


def merged(changes: "Iterable[tuple[bytes, bytes | None]]") -> list[bytes]:
    """This program's block after the changes, in turn: (name, value), or (name, None) to remove."""
    return envblock.merged(block(), changes)


def is_original() -> bool:
    """Is the block still the one that this process was started with?"""
    return _block is None


def become(new: list[bytes]) -> None:
    """From now on `new` is the environment of the program that runs in this process."""
    global _block
    _block = new


def original_block() -> list[bytes]:
    """The entries of this process's environment at the time of exec, in order.

    The first call must come before the process changes its user: after that the kernel
    refuses to show them.
    """
    global _original
    if _original is None:
        _original = _read_block()
    return _original


def _read_block() -> list[bytes]:
    # /proc/self/environ is the memory that exec filled. Without /proc we take the
    # dictionary, which has lost duplicates and entries without "=". If nothing else sets
    # a locale, an LC_CTYPE at its end comes from the interpreter.
    try:
        content = _content("/proc/self/environ")
    except OSError:
        entries = [name + b"=" + value for name, value in os.environ.items()]
        has_locale = os.environ.get(b"LC_ALL") or os.environ.get(b"LANG", b"C") not in _LOCALE_C
        return entries[:-1] if entries[-1:] == [b"LC_CTYPE=C.UTF-8"] and not has_locale else entries
    return content.split(b"\0")[:-1]


def _content(path: str) -> bytes:
    """All that the file holds. Not the built-in open(), whose objects take memory."""
    fd = os.open(path, os.O_RDONLY)
    try:
        content = b""
        while part := os.read(fd, 16384):
            content += part
        return content
    finally:
        os.close(fd)
