"""What a test does by itself, without the sandbox: to files, locks and processes.

CPython tells an audit hook of each such call before it makes it. Here the calls that
concern the test's folder become entries of the journal, so that a replay can do the same.
What a test writes into a file is noted at its next step, when the file holds it.
"""

import contextlib
import fcntl
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from daemontools_conformance.running import journal

_MOST = 65536  # bytes of a file
_root = b""  # the test's folder, with a slash; empty between tests
_is_off = False
_changed: dict[bytes, None] = {}  # files that the test has opened for writing, oldest first
_locks: dict[int, tuple[bytes, bool]] = {}  # descriptor -> file, is it known to be held?


def watch(folder: Path | None) -> None:
    """Note what happens in this folder from now on; None: in no folder."""
    global _root
    _root = os.fsencode(folder) + b"/" if folder else b""
    _changed.clear()
    _locks.clear()
    journal.before_each(settle)


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Note nothing meanwhile: the caller notes what it does itself."""
    global _is_off
    before, _is_off = _is_off, True
    try:
        yield
    finally:
        _is_off = before


def settle() -> None:
    """Note what the earlier calls have led to: the files as written, the locks as held."""
    if not _root or _is_off:
        return
    with unwatched():
        for name in list(_changed):
            del _changed[name]
            _note_content(name)
        for fd, (name, is_held) in list(_locks.items()):
            if is_held != _holds(fd, name):
                _locks[fd] = (name, not is_held)
                journal.add("release" if is_held else "hold", fd=fd, name=name)
            elif not is_held:
                del _locks[fd]
                journal.add("tries", name=name)


def _note_content(name: bytes) -> None:
    try:
        about = os.stat(_root + name)
        if not stat.S_ISREG(about.st_mode):  # a FIFO by now, which would keep us waiting
            return
        with open(_root + name, "rb") as file:
            content = file.read(_MOST + 1)
    except OSError:
        return
    journal.add("write", name=Path(os.fsdecode(name)), content=content, mode=about.st_mode)


def _holds(fd: int, name: bytes) -> bool:
    """Is the file still open as this descriptor, and locked through it?"""
    try:
        is_same = os.fsencode(os.readlink(f"/proc/self/fd/{fd}")) == _root + name
        return is_same and b"lock:" in Path(f"/proc/self/fdinfo/{fd}").read_bytes()
    except OSError:
        return False


def _name(file: Any) -> bytes | None:
    """The file's name in the test's folder; None if it is not there."""
    try:
        path = os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else file
        path = os.fsencode(path)
    except (OSError, TypeError):
        return None
    if path + b"/" == _root:
        return b"."
    return path[len(_root) :] if path.startswith(_root) else None


def _opened(path: Any, _mode: object, flags: int) -> None:
    name = _name(path)
    if name is None:
        return
    way = flags & os.O_ACCMODE
    exists = os.path.exists(_root + name)
    is_fifo = exists and stat.S_ISFIFO(os.stat(_root + name).st_mode)
    if is_fifo and way != os.O_WRONLY:
        journal.note("reads", name=name)
    elif is_fifo and not name.endswith(b"supervise/ok"):  # whoever opens that only asks
        journal.note("opens", name=name)
    elif way == os.O_RDONLY and not is_fifo:
        journal.note("looks", name=name)
    elif exists or flags & os.O_CREAT:
        _changed[name] = None


def _killed(pid: int, number: int) -> None:
    if number:
        try:
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            argv = []
        journal.note("signal", pid=pid, signal=int(number), argv=argv)


def _locked(file: Any, way: int) -> None:
    fd = file if isinstance(file, int) else file.fileno()
    name = _name(fd)
    if name is not None and not way & fcntl.LOCK_UN:
        _locks[fd] = (name, False)


def _command(*words: str) -> Callable[..., None]:
    """An event whose first arguments are files, as a shell command."""

    def act(*arguments: Any) -> None:
        number = sum(word == "FILE" for word in words)
        names = [_name(argument) for argument in arguments[:number]]
        if None not in names and b"." not in names:
            rest = [word.format(*arguments) if "{" in word else word for word in words]
            filled: list[Any] = [names.pop(0) if word == "FILE" else word for word in rest]
            journal.note("runs", argv=[os.fsencode(word) for word in filled])

    return act


def _linked(target: Any, path: Any, *_: object) -> None:
    name = _name(path)
    if name is not None:
        journal.note("runs", argv=[b"ln", b"-sfn", os.fsencode(target), name])


def _noting_write(write: Callable[..., int]) -> Callable[..., int]:
    def noted(fd: int, data: Any, /) -> int:
        number = write(fd, data)
        if _root and not _is_off:
            _note_of_pipe("writes", fd, data=bytes(data[:number]))
        return number

    return noted


def _noting_close(close: Callable[[int], None]) -> Callable[[int], None]:
    def noted(fd: int, /) -> None:
        if _root and not _is_off:
            _note_of_pipe("lets go", fd)
        close(fd)

    return noted


def _noting_fifo(mkfifo: Callable[..., None]) -> Callable[..., None]:
    def noted(path: Any, *arguments: Any, **options: Any) -> None:
        mkfifo(path, *arguments, **options)
        if _root and not _is_off and (name := _name(path)):
            mode = stat.S_IMODE(os.stat(path).st_mode)
            journal.note("runs", argv=[b"mkfifo", b"-m", b"%o" % mode, name])

    return noted


def _note_of_pipe(kind: str, fd: int, **facts: Any) -> None:
    """Note what happens to a FIFO in the test's folder, or to the writing end of a pipe."""
    with unwatched(), contextlib.suppress(Exception):
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            name, way = _name(fd), fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
            if name and (kind == "writes" or way != os.O_WRONLY):
                journal.note(kind, name=name, **facts)
            elif not name and way == os.O_WRONLY:
                journal.note(kind, pipe=os.readlink(f"/proc/self/fd/{fd}"), **facts)


_ACTS: dict[str, Callable[..., None]] = {
    "open": _opened,
    "os.kill": _killed,
    "fcntl.flock": _locked,
    "os.symlink": _linked,
    "os.mkdir": _command("mkdir", "-p", "FILE"),
    "os.rmdir": _command("rmdir", "FILE"),
    "os.remove": _command("rm", "-f", "FILE"),
    "os.rename": _command("mv", "-T", "FILE", "FILE"),
    "os.link": _command("ln", "FILE", "FILE"),
    "os.chmod": _command("chmod", "{1:o}", "FILE"),
    "os.chown": _command("chown", "-h", "{1}:{2}", "FILE"),
    "os.truncate": _command("truncate", "-s", "{1}", "FILE"),
    "os.utime": _command("touch", "-d", "@{1[0]}", "FILE"),
    "os.listdir": _command("ls", "-l", "FILE"),
    "shutil.rmtree": _command("rm", "-rf", "FILE"),
}


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook. It must be quick, since it hears of everything.

    An error here would become one of the test, which does nothing wrong, but for one: a test that
    signals process 0 or -1, which a program or its status has told, would end the whole run.
    """
    if event == "os.kill" and arguments[0] in (0, -1):
        raise AssertionError(f"a program gave {arguments[0]} as the id of a process")
    if not _root or _is_off or event not in _ACTS:
        return
    if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith("/proc/"):
        return  # what waits ask for, hundreds of thousands of times
    with unwatched(), contextlib.suppress(Exception):
        _ACTS[event](*arguments)


sys.addaudithook(_hear)
os.write = _noting_write(os.write)  # no event tells of these three
os.mkfifo = _noting_fifo(os.mkfifo)
os.close = _noting_close(os.close)  # type: ignore[assignment]
