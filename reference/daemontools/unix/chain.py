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
   beside the running one is looked at: if it says the same but for the name, its
   identity is noted and its module imported. Afterwards nothing more need be
   imported: not under a limit of four descriptors, nor as a user for whom the
   interpreter's home is closed.
2. `pathexec` asks here before it executes a candidate. If the candidate still has one
   of the noted identities, and exec would succeed now and change nothing of what the
   process may do (`_exec_would_succeed`), the program goes on here: `Next` is raised,
   which unwinds the program that has done its part, and `start.run` calls the next
   one. In doubt the candidate is executed, and the kernel gives the answer.
3. Limits on memory would hit the interpreter, which is larger than they allow.
   `set_limit` keeps them until the real exec, and there they are set for as
   long as the system call takes: it either replaces the process or fails.
   Other limits are set where they stand in the chain.

What differs from separate processes, and is declared (clauses: chain/...): a limit
on memory does not bind the later programs of the chain itself, only what
they finally run; and `ps` shows the words of the first one until then.

`python -m daemontools.install --no-chain DIR` writes launchers without all this.
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

# What Linux takes for arguments and environment, in bytes (execve(2)). The stack that
# this interpreter needs to start has room for the first.
SURELY_SHORT_ENOUGH = 16 * 1024
LONGEST_WORD = 128 * 1024
LEAST_ROOM, MOST_ROOM = 128 * 1024, 6 * 1024 * 1024
PAGE = 4096

# A launcher written with --no-chain sets this to False. No variable of the
# environment does: a service's could switch it by accident.
enabled = True

# What prepare found: the identity of a launcher -> the program's main.
_mains: "dict[tuple[int, ...], Main]" = {}
_looked_at: set[bytes] = set()

# The user ids with which this process was executed.
_ids: "tuple[int, int, int] | None" = None

# Limits that wait for the real exec: resource -> (soft, hard).
_waiting: dict[int, tuple[int, int]] = {}


class Next(BaseException):
    """The program has become the next one, in this process: `main(argv)` is to be called."""

    def __init__(self, main: "Main", argv: list[bytes]) -> None:
        self.main = main
        self.argv = argv


def prepare(argv: list[bytes], programs: tuple[bytes, ...] = PROGRAMS) -> None:
    """Get ready to run the chain programs among the words `argv` in this process.

    To be called before the first effect. A word that only looks like a program's
    name costs an import and nothing else. (svscan calls it for `supervise`.)
    """
    global _ids
    if not enabled:
        return
    _ids = _ids or os.getresuid()
    names = {word.rpartition(b"/")[2] for word in argv}.intersection(programs) - _looked_at
    if not names:
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
        if own_text and _content(file) == _renamed(own_text, own_name, name):
            _mains[_identity(os.stat(file))] = _main_of(name.decode())
    if _mains:
        block = environment.original_block()  # as another user it could not be read
        if not all(map(envblock.has_a_name, block)):
            __import__("ctypes")  # pathexec will need it, and could not load it later


def _renamed(text: bytes, name: bytes, other: bytes) -> bytes:
    """A launcher, ours or pip's, for another program: lines with paths stay as they are."""
    lines = text.splitlines(keepends=True)
    return b"".join(line if b"/" in line else line.replace(name, other) for line in lines)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    # An inode that was freed is soon another file's: but not with this time of change.
    return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns


def execute_always() -> None:
    """Forget what was prepared: from now on every candidate is executed."""
    _mains.clear()


def go_on_here(file: bytes, argv: list[bytes], block: list[bytes] | None) -> None:
    """If executing `file` would start a prepared program: raise Next. Otherwise return."""
    if not _mains:
        return
    try:
        found = os.stat(file)
    except OSError:
        return
    main = _mains.get(_identity(found))
    if main and _exec_would_succeed(file, argv, environment.block() if block is None else block):
        if block is not None:
            environment.become(block)
        raise Next(main, argv)


def _exec_would_succeed(file: bytes, argv: list[bytes], block: list[bytes]) -> bool:
    """May this process, as the user that it now is, execute this launcher, to no other effect?

    Asked of the kernel with the effective ids: search permission on the way,
    permission on the file, no `noexec` mount; the same for the interpreter.
    """
    return (
        _is_short_enough(file, argv, block)
        and os.access(file, os.R_OK | os.X_OK, effective_ids=True)
        and os.access(sys.executable, os.X_OK, effective_ids=True)
        and (os.getresuid() == _ids or _is_ordinary_user())
    )


def _is_short_enough(file: bytes, argv: list[bytes], block: list[bytes]) -> bool:
    """Does exec take so much, under the limit on the stack that waits? False in doubt."""
    size = size_of([file, *argv], block)
    if size < SURELY_SHORT_ENOUGH and not _waiting:
        return True
    try:
        import resource
    except (ImportError, OSError):
        return False
    now = resource.getrlimit(resource.RLIMIT_STACK)
    stack = _waiting.get(resource.RLIMIT_STACK, now)[0] % 2**64  # no limit is -1 here
    room = min(stack, max(LEAST_ROOM, min(stack // 4, MOST_ROOM)))
    longest = max(map(len, [*argv, *block]))
    return size < room - PAGE and longest < LONGEST_WORD and sys.platform == "linux"


def _is_ordinary_user() -> bool:
    """Asked when the user has changed: is it one whom exec would neither give nor take anything?

    exec gives capabilities to uid 0 and takes them from others, and it fails
    if the user has more processes than the limit allows.
    """
    if 0 in os.getresuid():
        return False
    try:
        capabilities = _word_after(b"CapPrm:", b"/proc/self/status")
        most_processes = _word_after(b"Max processes", b"/proc/self/limits")
        threads = _content(b"/proc/loadavg").split()[3].partition(b"/")[2]
    except IndexError:
        return False
    has_room = most_processes == b"unlimited" or int(threads) < int(most_processes)
    return int(capabilities, 16) == 0 and (has_room or _may_start_another())


def _word_after(name: bytes, file: bytes) -> bytes:
    """The first word after `name` in the file. Raises IndexError if it cannot be read."""
    return _content(file).split(name)[1].split()[0]


def _may_start_another() -> bool:
    """Does the limit on processes leave room for one more? (A thread counts as one.)"""
    import _thread

    ended = _thread.allocate_lock()
    ended.acquire()
    try:
        _thread.start_new_thread(ended.release, ())
    except RuntimeError:
        return False
    return ended.acquire()


def size_of(argv: list[bytes], block: list[bytes]) -> int:
    """The bytes that arguments and environment take: words with their NULs, and pointers."""
    return sum(map(len, argv)) + sum(map(len, block)) + 9 * (len(argv) + len(block))


def set_limit(which: int, limits: tuple[int, int]) -> None:
    """resource.setrlimit(which, limits), but a limit on memory waits for the real exec.

    It is tried at once, so that an error is an error of the program that asked.
    Raises OSError, ValueError.
    """
    import resource

    before = resource.getrlimit(which)
    resource.setrlimit(which, limits)
    if which in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK):
        resource.setrlimit(which, before)
        _waiting[which] = limits


def under_waiting_limits(execute: "Callable[[], object]", size: int) -> None:
    """Set the waiting limits and call `execute`; if that fails, undo them. Raises OSError.

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
