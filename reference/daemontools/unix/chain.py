"""Chains of our own programs run in one process.

    softlimit -m 4000000 envdir ./env setuidgid www httpd

The next program of a chain is found by the ordinary rules. If it is one of our own
launchers, this process calls its `main` and does not exec. What differs for the program at
the end of the chain is on the page of deviations.

* Before its first effect each chain program but setuidgid calls `prepare` with the words
  that follow. `prepare` notes the launchers among them, and imports their modules.
* Before `pathexec` executes a file, it calls `go_on_here`. If the file is one of the
  launchers noted by `prepare`, `go_on_here` raises `Next`. The exception unwinds the
  program that has done its part, and `start.call` runs the next one. Any other file
  is executed.
* setuidgid ends this (`execute_always`): only the kernel knows what the new user
  may execute.
* A limit on memory may be smaller than the interpreter, so it must not be in force while
  Python runs. softlimit only tries such a limit (`set_limit`), and it is set just before
  the real exec (`under_waiting_limits`). All other limits are set at once.

Why, and what differs from separate processes: docs/book/09-one-interpreter.md.
`python -I -m daemontools.install --no-chain DIR` writes launchers that always exec.
Clauses: chain/...
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
import sys

from daemontools.core import envblock
from daemontools.unix import environment
from daemontools.unix.start import Next

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from daemontools.unix.start import Main

# The programs that do one thing and become the next program. fghack, which forks, and
# multilog, which stays, are always executed.
PROGRAMS = (b"envdir", b"envuidgid", b"pgrphack", b"setlock", b"setuidgid", b"softlimit")

# How many bytes of arguments and environment Linux accepts (execve(2)): a quarter of the
# limit on the stack, but at least LEAST_ROOM and at most MOST_ROOM; and the longest word.
LEAST_ROOM, MOST_ROOM = 128 * 1024, 6 * 1024 * 1024
LONGEST_WORD = 128 * 1024
PAGE = 4096

# A launcher written with --no-chain sets this to False. There is no environment variable
# for it: a service's own variable could set it by accident.
enabled = True

# What prepare found: the identity of a launcher -> the program's main.
_mains: "dict[tuple[int, ...], Main]" = {}
_looked_at: set[bytes] = set()

# Limits that wait for the real exec: resource -> (soft, hard).
_waiting: dict[int, tuple[int, int]] = {}


def prepare(argv: list[bytes], programs: tuple[bytes, ...] = PROGRAMS) -> None:
    """Get ready to run the chain programs among the words `argv` in this process.

    It must be called before the first effect: once the limit is four descriptors, nothing
    more can be imported. A word that only looks like the name of a program costs one
    import. A program whose module cannot be imported is executed when its turn comes, and
    says so itself. (svscan calls this for `supervise`.)
    """
    names = {word.rpartition(b"/")[2] for word in argv}.intersection(programs) - _looked_at
    if not names or not enabled:
        return
    _looked_at.update(names)
    own_file = _launcher()
    folder, slash, own_name = own_file.rpartition(b"/")
    own_text = _content(own_file)
    for name in names:
        file = folder + slash + name
        is_ours = own_text and _content(file) == _renamed(own_text, own_name, name)
        if is_ours and os.access(file, os.X_OK, effective_ids=True):
            try:
                _mains[_identity(os.stat(file))] = _main_of(name.decode())
            except (Exception, SystemExit):
                continue
    if _mains and not all(map(envblock.has_a_name, environment.original_block())):
        try:
            __import__("ctypes")  # pathexec will need it
        except ImportError:
            pass  # and pathexec will report it


def _launcher() -> bytes:
    """The file that this process was started from; links to it are followed."""
    file = environment.as_bytes(sys.argv[0])
    try:
        while True:
            target = os.readlink(file)
            file = target if target[:1] == b"/" else file[: file.rfind(b"/") + 1] + target
    except OSError:
        return file


def _renamed(text: bytes, name: bytes, other: bytes) -> bytes:
    """The text of a launcher (ours or pip's), changed to that of another program's launcher.

    Lines with paths stay as they are.
    """
    lines = text.splitlines(keepends=True)
    return b"".join(line if b"/" in line else line.replace(name, other) for line in lines)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    # A freed inode number may soon be reused, but the new file has a different ctime.
    # chmod changes the ctime too.
    return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns


def execute_always() -> None:
    """Forget what was prepared: from now on every program is executed."""
    _mains.clear()


def go_on_here(file: bytes, argv: list[bytes], block: list[bytes] | None) -> None:
    """Raise Next if executing `file` would start a prepared program; otherwise return."""
    main = prepared(file, argv, block)
    if main:
        if block is not None:
            environment.become(block)
        raise Next(main, argv)


def prepared(file: bytes, argv: list[bytes], block: list[bytes] | None) -> "Main | None":
    """The main of the prepared program that executing `file` would start; None: execute it."""
    if not _mains:
        return None
    try:
        main = _mains.get(_identity(os.stat(file)))
    except OSError:
        return None
    words = [*argv, *(environment.block() if block is None else block)]
    return main if main and _exec_takes(words) else None


def _exec_takes(words: list[bytes]) -> bool:
    """Are arguments and environment short enough for certain? If not, the kernel must decide."""
    room = _room_for_words() - PAGE  # for the name of the file, among others
    return size_of(words) < room and max(map(len, words)) < LONGEST_WORD


def _room_for_words() -> int:
    """How many bytes exec is certain to accept once the waiting limits are set."""
    if not _waiting:
        return LEAST_ROOM
    import resource

    now = resource.getrlimit(resource.RLIMIT_STACK)
    stack = _waiting.get(resource.RLIMIT_STACK, now)[0] % 2**64  # "no limit" is -1
    return min(stack, max(LEAST_ROOM, min(stack // 4, MOST_ROOM)))


def size_of(words: list[bytes]) -> int:
    """The number of bytes that the words take in a new process, with NULs and pointers."""
    return sum(map(len, words)) + 9 * len(words)


def set_limit(which: int, limits: tuple[int, int]) -> None:
    """Call resource.setrlimit(which, limits), but let a limit on memory wait for the real exec.

    Such a limit is tried at once, so that the program that asked for it reports the error.
    Raises OSError, ValueError, OverflowError.
    """
    import resource

    before = resource.getrlimit(which)
    resource.setrlimit(which, limits)
    if which in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK):
        resource.setrlimit(which, before)
        _waiting[which] = limits


def least_limit_on_memory() -> int:
    """How many bytes of memory the program could have in its own process; no limit: 2**64 - 1."""
    try:
        import resource
    except (ImportError, OSError):
        return 2**64 - 1
    which = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    now = {limit: resource.getrlimit(limit) for limit in which} | _waiting
    return min(now[limit][0] % 2**64 for limit in which)  # "no limit" is -1


def under_waiting_limits(execute: "Callable[[], object]", size: int) -> None:
    """Set the limits that wait, and call `execute`; if that fails, undo them. Raises OSError.

    `size` is the number of bytes that `execute` copies (arguments and environment).
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
    # Python copies arguments and environment for the call, when the limits no longer let
    # malloc get memory from the system. malloc keeps a freed block for later if a block of
    # that size was freed before: hence twice.
    for _ in range(2):
        bytes(2 * size + 65536)


def _content(file: bytes) -> bytes:
    """The first 4096 bytes of a file; empty if it cannot be read."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""
    finally:
        os.closerange(fd, fd + 1)  # ignores errors


def _main_of(name: str) -> "Main":
    module = "daemontools.programs." + name
    __import__(module)
    main: Main = sys.modules[module].main
    return main
