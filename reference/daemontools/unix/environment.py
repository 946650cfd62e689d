"""The environment of the program: a list of byte strings, as the kernel handed it over.

Most entries read NAME=value, but nothing enforces it. A block may hold the same
name twice, and entries without "="; C programs pass them on untouched, in order,
and so must these programs. `os.environ` is a dictionary and has lost all that.

A program that changes the environment makes a new block with `merged` and gives
it to `pathexec`. The environment of the program itself stays as it was: its own
PATH is the one along which the next program is found.
"""

import os

from daemontools.core import envblock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# The block of the program that runs now. None: the one that this process was
# started with, not read yet. A chain of programs in one process sets it (chain.py).
_block: list[bytes] | None = None

_LOCALE_C = (b"", b"C", b"POSIX")

# The block that this process was started with, once it has been read.
_original: list[bytes] | None = None


def block() -> list[bytes]:
    """All entries of this program's environment, in order."""
    return original_block() if _block is None else _block


def get(name: bytes) -> bytes | None:
    """The value of a variable of this program, by its first entry; None if there is none."""
    if _block is None:
        return os.environb.get(name)  # it keeps the first entry of each name
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

    To be read while the process is still the user that it was started as: later
    the kernel refuses.
    """
    global _original
    if _original is None:
        _original = _read_block()
    return _original


def _read_block() -> list[bytes]:
    # /proc/self/environ is the memory that exec filled. Where there is no /proc the
    # dictionary must do: duplicates and entries without "=" are lost then. An LC_CTYPE at
    # its end is the interpreter's own, if nothing else says what the locale is.
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            content = file.read()
    except OSError:
        entries = [name + b"=" + value for name, value in os.environb.items()]
        has_locale = os.environb.get(b"LC_ALL") or os.environb.get(b"LANG", b"C") not in _LOCALE_C
        return entries[:-1] if entries[-1:] == [b"LC_CTYPE=C.UTF-8"] and not has_locale else entries
    return content.split(b"\0")[:-1]
