"""What one test may use up: output, disk, memory and time.

The programs under test inherit no limit for this, because clauses are about their limits. A
thread looks ten times a second instead, and kills all that the test has started if it is
too much. Then every wait of the test ends, and its outcome is CRASH. As long as the disk has
room and the machine has memory as before, it looks closely only now and then: dozens of tests
wait at the same time, and each close look takes a third of a millisecond. An alarm ends
a test that waits where no deadline ends it: it reads a pipe, or opens a FIFO.
"""

import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from daemontools_conformance.contract.outcomes import Crashed, Hung
from daemontools_conformance.running import patience, table
from daemontools_conformance.running.table import HAS_PROC
from daemontools_conformance.running.waking import times_woken

MOST_OUTPUT = 64 << 20  # bytes in one stream of a program
MOST_DISK = 256 << 20  # bytes on disk of all that a test makes
MOST_MEMORY = 2 << 30  # bytes that one process has in memory
MOST_SECONDS = 600.0  # from the first program of a test to its end
_TAKEN = "removed or replaced the file of its output"  # a cause, of Crashed
_ROOM = 4 << 30  # bytes of memory with which tests may have their files there
_NAP = 0.1  # seconds
_NAPS = 5  # between two looks at the machine's memory
_MOST_NAPS = 20  # between two close looks
_NOTICED = 32 << 20  # bytes of disk or of memory that are gone: reason for a close look


class Guard:
    """The thread of one test, for its folders and for all processes but those `spared`."""

    def __init__(self, streams: Path, files: Path, spared: set[int]) -> None:
        self.problem: Crashed | None = None
        self._streams = streams
        self._files = files
        self._spared = spared
        self._free = _free(files)
        self._room = [self._free, _memory()]  # at the last close look
        self._woken = times_woken()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        patience.interrupt(None)
        self._thread.start()
        if threading.current_thread() is threading.main_thread():  # not so where faults are tried
            signal.signal(signal.SIGALRM, _too_long)
            signal.setitimer(signal.ITIMER_REAL, patience.stretched(MOST_SECONDS))

    def check(self) -> None:
        """Raise Crashed if something was too much until now."""
        found = self._output()
        if times_woken() != self._woken:
            text = "a signal stopped the suite while the programs ran"
            found = Crashed(text, "stopped the suite")
        self.problem = self.problem or found
        if self.problem:
            raise self.problem

    def stop(self) -> None:
        """Look no longer. Raises Crashed if something was too much."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._over.set()
        self._thread.join()
        patience.interrupt(None)
        self.check()

    def _look(self) -> None:
        naps = 0
        while not self._over.wait(_NAP):
            naps += 1
            disk, memory = self._room
            is_as_before = _free(self._files) > disk - _NOTICED and (
                naps % _NAPS or _memory() > memory - _NOTICED
            )
            if is_as_before and naps % _MOST_NAPS and not self.problem:
                continue
            self._room = [_free(self._files), _memory()]
            if not self.problem and (found := self._output() or self._processes()):
                self.problem = found
                patience.interrupt(found)
            if self.problem:
                for pid in _descendants(os.getpid(), self._spared):
                    _kill(pid)

    def _output(self) -> Crashed | None:
        """Which output is too much; None if none is."""
        for entry in _entries(self._streams):
            if _on_disk(entry.path) > MOST_OUTPUT:
                cause = f"wrote more than {MOST_OUTPUT >> 20} MB"
                return Crashed(f"{entry.name}: a program {cause} there", cause)
        return None

    def _processes(self) -> Crashed | None:
        """What else the processes use up; None if it is not too much.

        Without /proc only the folder is looked at, since each `ps` costs much.
        """
        pids = _descendants(os.getpid(), self._spared) if HAS_PROC else []
        if any(_resident(pid) > MOST_MEMORY for pid in pids):
            cause = f"had more than {MOST_MEMORY >> 20} MB in memory"
            return Crashed(f"a program {cause}", cause)
        if self._free - _free(self._files) > MOST_DISK:  # by this test, or by anything else
            if _below(self._files) + sum(map(_held, pids)) > MOST_DISK:
                cause = f"filled more than {MOST_DISK >> 20} MB of the disk"
                return Crashed(f"the programs {cause}", cause)
            self._free = _free(self._files)
        return None


def _too_long(*_: object) -> None:
    """End the test, whatever its first thread waits for."""
    raise Hung(f"the test did not end within {patience.stretched(MOST_SECONDS):g} s")


def content(file: Path) -> bytes:
    """What a program has written to its stream. Raises Crashed if something else is there now."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as stream:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Crashed(f"the file of {file.name} has been replaced", _TAKEN)
            return stream.read(MOST_OUTPUT)
    except OSError as error:
        raise Crashed(f"the file of {file.name} has gone: {error.strerror}", _TAKEN) from error


def _descendants(parent: int, spared: set[int]) -> list[int]:
    """The processes that `parent` has started, and theirs, without those spared."""
    found: list[int] = []
    left = [parent]
    while left:
        of = left.pop()
        new = _children(of) - spared - {*found}
        found += new
        left += new
    return found


def _children(pid: int) -> set[int]:
    if not HAS_PROC:
        return table.children(pid)
    found: set[int] = set()
    for thread in _entries(Path(f"/proc/{pid}/task")):
        try:
            found.update(map(int, table.read(f"{thread.path}/children").split()))
        except OSError:
            pass  # it has ended
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except OSError:
        pass  # it has ended, or has become another user's


def _entries(folder: Path) -> "Iterator[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        pass  # it has gone


def _on_disk(path: str) -> int:
    """The bytes of disk that a file takes (a sparse one takes few); 0 if it has gone."""
    try:
        return os.lstat(path).st_blocks * 512
    except OSError:
        return 0


def _below(folder: Path) -> int:
    """The bytes of disk that everything below the folder takes."""
    total, left = 0, [folder]
    while left:
        for entry in _entries(left.pop()):
            total += _on_disk(entry.path)
            if entry.is_dir(follow_symlinks=False):
                left.append(Path(entry.path))
    return total


def _held(pid: int) -> int:
    """The bytes of disk of the removed files that a process has open."""
    total = 0
    for entry in _entries(Path(f"/proc/{pid}/fd")):
        try:
            about = os.stat(entry.path)
        except OSError:
            continue
        total += about.st_blocks * 512 if stat.S_ISREG(about.st_mode) and not about.st_nlink else 0
    return total


def _resident(pid: int) -> int:
    """The bytes that a process has in memory; 0 if it has ended."""
    try:
        pages = table.read(f"/proc/{pid}/statm").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _memory() -> int:
    """The bytes of memory that processes can still get; 0 where nothing tells."""
    try:
        words = table.read("/proc/meminfo").split()
        return int(words[words.index(b"MemAvailable:") + 1]) << 10
    except (OSError, ValueError):
        return 0


def has_room_in_memory(folder: Path) -> bool:
    """Is this a file system in memory with much room, in which programs can be executed?"""
    if not os.path.ismount(folder) or not os.access(folder, os.W_OK | os.X_OK):
        return False
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):  # Linux has this flag
        return False
    return min(_free(folder), _memory()) >= _ROOM


def _free(folder: Path) -> int:
    """The free bytes of the file system; 0 if the folder has gone."""
    try:
        about = os.statvfs(folder)
    except OSError:
        return 0
    return about.f_bavail * about.f_frsize
