"""Signals that wait until the program waits.

A program that writes files wants its signals only while it has nothing to do. So
they are blocked, and unblocked just around poll. A signal that arrives while blocked stays
pending in the kernel; one that arrives in poll, or between the unblocking and poll,
writes its number into a pipe that poll watches (set_wakeup_fd; selfpipe.py says why
Python needs that). Two that are the same may count as one. No system call of the program's
own work is ever interrupted.

poll fails if it is given more descriptors than the limit on open files, which somebody
may lower at any time. select does not look at that limit, so it is the second choice. But
it cannot watch descriptors above 1023. If a parent left so many open that the pipe is one of
them, the pipe is looked at once a second.
"""

import _signal as signal
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
import select
from time import monotonic

from daemontools.unix.clock import pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

HIGHEST_SELECTED = 1023  # FD_SETSIZE - 1
LOOK_SECONDS = 1


class Interrupts:
    """The signals that have arrived are in the set `arrived`; whoever acts on one removes it."""

    def __init__(self, *caught: int) -> None:
        """Catch and block these signal numbers. Raises OSError if no pipe can be made."""
        self.caught = caught
        self.arrived: set[int] = set()
        self._news, write_end = os.pipe()
        for end in (self._news, write_end):
            os.set_blocking(end, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, caught)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in caught:
            signal.signal(number, _do_nothing)

    def wait(self, fd: int | None = None, seconds: float | None = None) -> bool:
        """Wait until `fd` can be read, a signal comes, or `seconds` have passed.

        True: `fd` can be read, and no signal came. After OSError or MemoryError it may be
        called again.
        """
        watched = [self._news] if fd is None else [self._news, fd]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.caught)
        try:
            ready = _ready(watched, seconds)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, self.caught)
        if self._news in ready and (numbers := _read_one(self._news)):
            self.arrived.add(numbers[0])
            return False
        return fd in ready

    def pause(self, seconds: float, until: int) -> bool:
        """Wait for `seconds`, or until the signal `until` arrives. True: it has arrived.

        If the system refuses to wait, look for the signal once a second.
        """
        end = monotonic() + seconds
        while until not in self.arrived and (left := end - monotonic()) > 0:
            try:
                self.wait(seconds=left)
            except (OSError, MemoryError):
                pause(min(left, LOOK_SECONDS))
                self.arrived.update(_read_one(self._news))
        return until in self.arrived

    def restore(self) -> None:
        """Set default and unblock: for a child, before it executes another program."""
        for number in self.caught:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.caught)


def _ready(watched: list[int], seconds: float | None) -> list[int]:
    """Wait until one of the descriptors can be read; those that can. Raises OSError.

    A descriptor that select cannot watch is always among them.
    """
    poll = select.poll()
    for fd in watched:
        poll.register(fd, select.POLLIN)
    try:
        return [fd for fd, _ in poll.poll(None if seconds is None else seconds * 1000)]
    except OSError:
        low = [fd for fd in watched if fd <= HIGHEST_SELECTED]
    if low != watched:
        seconds = LOOK_SECONDS if seconds is None else min(seconds, LOOK_SECONDS)
    ready = select.select(low, [], [], seconds)[0]
    return ready + [fd for fd in watched if fd > HIGHEST_SELECTED]


def _read_one(fd: int) -> bytes:
    """A byte from a descriptor that does not block; empty if there is none."""
    try:
        return os.read(fd, 1)
    except BlockingIOError:
        return b""


def _do_nothing(_number: int, _frame: "FrameType | None") -> None:
    pass
