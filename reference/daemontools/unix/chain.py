"""Chains of our own programs run in one process.

    softlimit -m 4000000 envdir ./env setuidgid www httpd

With C programs each step of such a line costs a millisecond and some hundred
kilobytes. A Python envdir that is started anew under `-m 4000000` cannot even
start: the interpreter needs 12 to 15 MB of address space. So when the next
program of a chain, found by the ordinary rules, is one of our own launchers, its
`main` is called in this process in place of an exec. What finally runs
cannot tell the difference, and the whole line costs one start.

How it goes:

1. Before its first effect each chain program calls `prepare` with the words that
   follow. For each word that names a chain program, the launcher of that name
   beside the running one is looked at: if it says the same but for the name, and may
   be executed, its identity is noted and its module imported.
2. `pathexec` asks here before it executes a file. If the file has one of the noted
   identities, `Next` is raised: it unwinds the program that has done its part, and
   `start.run` calls the next one. Any other file is executed.
3. setuidgid ends it (`execute_always`). What the new user may execute, with which
   capabilities and how many processes, only the kernel can tell; and nobody needs
   to know, for in the run scripts of the field setuidgid comes last.
4. Limits on memory would hit the interpreter, which is larger than they allow.
   softlimit only tries them, and they wait (`set_limit`). The real exec sets them for
   as long as the system call takes: it either replaces the process or fails. Limits
   on anything else (files, processes, time) are set where they stand in the chain.

What a chain in one process does otherwise than separate processes is declared
(clauses: chain/...).

`python -I -m daemontools.install --no-chain DIR` writes launchers without all this.
"""

import os
import sys

from daemontools.core import envblock
from daemontools.unix import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Main = Callable[[list[bytes]], int]

# They do one thing and become the next program. fghack forks, and multilog stays:
# those are always executed.
PROGRAMS = (b"envdir", b"envuidgid", b"pgrphack", b"setlock", b"setuidgid", b"softlimit")

# What Linux takes for arguments and environment, in bytes (execve(2)): a quarter of the
# limit on the stack, but no less and no more than this; and the longest word.
LEAST_ROOM, MOST_ROOM = 128 * 1024, 6 * 1024 * 1024
LONGEST_WORD = 128 * 1024
PAGE = 4096

# A launcher written with --no-chain sets this to False. No variable of the
# environment does: a service's could switch it by accident.
enabled = True

# What prepare found: the identity of a launcher -> the program's main.
_mains: "dict[tuple[int, ...], Main]" = {}
_looked_at: set[bytes] = set()

# Limits that wait for the real exec: resource -> (soft, hard).
_waiting: dict[int, tuple[int, int]] = {}


class Next(BaseException):
    """The program has become the next one, in this process: `main(argv)` is to be called."""

    def __init__(self, main: "Main", argv: list[bytes]) -> None:
        self.main = main
        self.argv = argv


def prepare(argv: list[bytes], programs: tuple[bytes, ...] = PROGRAMS) -> None:
    """Get ready to run the chain programs among the words `argv` in this process.

    To be called before the first effect: under a limit of four descriptors nothing
    could be imported any more. A word that only looks like a program's
    name costs an import and nothing else. (svscan calls it for `supervise`.)
    """
    names = {word.rpartition(b"/")[2] for word in argv}.intersection(programs) - _looked_at
    if not names or not enabled:
        return
    _looked_at.update(names)
    try:
        own_file = os.path.realpath(os.fsencode(sys.argv[0]))
    except OSError:
        return  # relative to a working directory that has been removed
    folder, own_name = os.path.split(own_file)
    own_text = _content(own_file)
    for name in names:
        file = folder + b"/" + name
        is_ours = own_text and _content(file) == _renamed(own_text, own_name, name)
        if is_ours and os.access(file, os.X_OK, effective_ids=True):
            _mains[_identity(os.stat(file))] = _main_of(name.decode())
    if _mains and not all(map(envblock.has_a_name, environment.original_block())):
        __import__("ctypes")  # pathexec will need it


def _renamed(text: bytes, name: bytes, other: bytes) -> bytes:
    """A launcher, ours or pip's, for another program: lines with paths stay as they are."""
    lines = text.splitlines(keepends=True)
    return b"".join(line if b"/" in line else line.replace(name, other) for line in lines)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    # An inode that was freed is soon another file's, but not with this time of change;
    # and a change of the permissions is a change.
    return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns


def execute_always() -> None:
    """Forget what was prepared: from now on every program is executed."""
    _mains.clear()


def go_on_here(file: bytes, argv: list[bytes], block: list[bytes] | None) -> None:
    """If executing `file` would start a prepared program: raise Next. Otherwise return."""
    if not _mains:
        return
    try:
        main = _mains.get(_identity(os.stat(file)))
    except OSError:
        return
    if main and _exec_takes([*argv, *(environment.block() if block is None else block)]):
        if block is not None:
            environment.become(block)
        raise Next(main, argv)


def _exec_takes(words: list[bytes]) -> bool:
    """Are arguments and environment surely short enough? If not, the kernel is to decide."""
    room = _room_for_words() - PAGE  # for the name of the file, among others
    return size_of(words) < room and max(map(len, words)) < LONGEST_WORD


def _room_for_words() -> int:
    """The bytes that exec takes at least, under the limits that wait."""
    if not _waiting:
        return LEAST_ROOM
    import resource

    now = resource.getrlimit(resource.RLIMIT_STACK)
    stack = _waiting.get(resource.RLIMIT_STACK, now)[0] % 2**64  # no limit is -1 here
    return min(stack, max(LEAST_ROOM, min(stack // 4, MOST_ROOM)))


def size_of(words: list[bytes]) -> int:
    """The bytes that the words take in a new process: each with its NUL and a pointer."""
    return sum(map(len, words)) + 9 * len(words)


def set_limit(which: int, limits: tuple[int, int]) -> None:
    """resource.setrlimit(which, limits), but a limit on memory waits.

    It is tried at once, so that an error is an error of the program that asked.
    Raises OSError, ValueError.
    """
    import resource

    before = resource.getrlimit(which)
    resource.setrlimit(which, limits)
    if which in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK):
        resource.setrlimit(which, before)
        _waiting[which] = limits


def least_limit_on_memory() -> int:
    """The bytes that the program may have, were it a process of its own; 2**64: no limit."""
    try:
        import resource
    except (ImportError, OSError):
        return 2**64
    which = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    now = {limit: resource.getrlimit(limit) for limit in which} | _waiting
    return min(now[limit][0] % 2**64 for limit in which)  # no limit is -1 here


def under_waiting_limits(execute: "Callable[[], object]", size: int) -> None:
    """Set the limits that wait and call `execute`; if that fails, undo them. Raises OSError.

    Units: `size` bytes are what `execute` copies (arguments and environment).
    """
    if not _waiting:
        execute()
        return
    import resource

    before = {which: resource.getrlimit(which) for which in _waiting}
    _leave_room(size)
    try:
        for which, limits in _waiting.items():
            resource.setrlimit(which, limits)
        execute()
    finally:
        for which, limits in before.items():
            resource.setrlimit(which, limits)


def _leave_room(size: int) -> None:
    # Python copies arguments and environment for the call, when nothing more can be
    # had from the system. malloc keeps a block that it got back, if it has
    # seen one of that size come and go before.
    for _ in range(2):
        bytes(2 * size + 65536)


def _content(file: bytes) -> bytes:
    """The first bytes of a file; nothing if it cannot be read."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _main_of(name: str) -> "Main":
    module = "daemontools.programs." + name
    __import__(module)
    main: Main = sys.modules[module].main
    return main
