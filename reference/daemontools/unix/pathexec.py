"""Run the next program: execve along PATH, by daemontools' rules.

A name with a slash is executed as it is. Any other name is tried in each
element of PATH (an empty element is the working directory; without PATH they are
/bin and /usr/bin). If the file does not exist, the search goes on. If it may not be
executed, the search goes on too, and this error is reported if no later element
has the program. Any other error ends the search. A script without a `#!` line
is an error: no shell is ever called for it.
Clauses: exec/...
"""

import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.core import envblock
from daemontools.unix import chain, environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from daemontools.unix.start import Main

_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EISDIR)


def pathexec(argv: list[bytes], block: list[bytes] | None = None) -> OSError:
    """Execute argv[0] with the arguments `argv`.

    The child's environment is `block`, or this program's own if that is None.
    The search always uses this program's own PATH. Returns only if
    no program could be started, with the error to report.
    """
    if b"/" in argv[0]:
        return _attempt(argv[0], argv, block)

    remembered = OSError(errno.ENOENT, "")
    for file in _candidates(argv[0]):
        error = _attempt(file, argv, block)
        if error.errno == errno.ENOENT:
            continue
        remembered = error
        if error.errno not in _NOT_ALLOWED:
            break
    return remembered


def prepared(argv: list[bytes]) -> "Main | None":
    """The main that `pathexec(argv)` would call in this process, wherever it is called.

    None if that is not certain: something else comes first along PATH, or depends on the
    working directory.
    """
    for file in _candidates(argv[0]):
        if file[:1] != b"/":
            return None
        main = chain.prepared(file, argv, None)
        if main or not _is_missing(file):
            return main
    return None


def _candidates(name: bytes) -> list[bytes]:
    """The files that a name without a slash may mean, in order."""
    path = environment.get(b"PATH")
    directories = (b"/bin:/usr/bin" if path is None else path).split(b":")
    return [(directory or b".") + b"/" + name for directory in directories]


def _is_missing(file: bytes) -> bool:
    try:
        os.lstat(file)
    except OSError as error:
        return error.errno == errno.ENOENT
    return False


def _attempt(file: bytes, argv: list[bytes], block: list[bytes] | None) -> OSError:
    chain.go_on_here(file, argv, block)
    if block is None and not environment.is_original():
        block = environment.block()
    try:
        call = _call_of_exec(file, argv, block)
        chain.under_waiting_limits(call, chain.size_of([*argv, *(block or [])]))  # calls call()
    except OSError as error:
        return error
    except MemoryError:
        return OSError(errno.ENOMEM, "")
    except ImportError:  # of ctypes
        return OSError(errno.ENOSYS, "")
    raise AssertionError("exec returned without an error")


def _call_of_exec(
    file: bytes, argv: list[bytes], block: list[bytes] | None
) -> "Callable[[], object]":
    """Prepare everything that the call needs; the returned function only makes the call."""
    # Python refuses an empty argv[0] before it asks the kernel. An empty name
    # makes `file` end in a slash, so that the call cannot succeed: with any other
    # argument the kernel gives the same answer.
    words = argv if argv[0] else [b"-"]
    if block is None:
        return lambda: os.execv(file, words)  # hands on what C calls environ, untouched
    if all(map(envblock.has_a_name, block)):
        mapping = _as_mapping(block)
        return lambda: os.execve(file, words, mapping)
    return _system_call(file, argv, block)


# os.execve wants a mapping, but reads only its keys and its values, in order. So an
# object that has both can hand over a block with duplicates.


class _Block:
    def __init__(self, entries: list[tuple[bytes, bytes]]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: bytes) -> bytes:
        raise KeyError(name)  # never asked; without it this would be no mapping

    def keys(self) -> list[bytes]:
        return [name for name, _ in self._entries]

    def values(self) -> list[bytes]:
        return [value for _, value in self._entries]


def _as_mapping(block: list[bytes]) -> "Mapping[bytes, bytes]":
    places = [(entry, entry.index(b"=", 1)) for entry in block]
    return _Block([(entry[:i], entry[i + 1 :]) for entry, i in places])  # type: ignore[return-value]


def _system_call(file: bytes, argv: list[bytes], block: list[bytes]) -> "Callable[[], None]":
    """Call the C library's execve, for the rare block that os.execve cannot take.

    ctypes costs some milliseconds and memory: only a program that changes an
    environment with entries such as "odd" or "=" pays for it (or chain.prepare does).
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_char_p * (len(argv) + 1))(*argv, None)
    entries = (ctypes.c_char_p * (len(block) + 1))(*block, None)

    def call() -> None:
        libc.execve(file, arguments, entries)
        raise OSError(ctypes.get_errno(), "")

    return call
