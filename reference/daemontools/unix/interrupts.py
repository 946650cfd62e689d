"""Signals that wait until the program waits.

A program that writes files wants its signals at one moment only: while it has
nothing to do. So they are blocked, and unblocked just around poll. What arrives
meanwhile stays pending in the kernel; what arrives in poll, or between the
unblocking and poll, writes its number into a pipe that poll watches
(set_wakeup_fd; see selfpipe.py on why Python needs that). No signal is lost and
no system call of the program's own work is ever interrupted.

poll refuses to look at more descriptors than the process may open, by the limit of
this moment, which somebody may have lowered. select does not ask for that limit
(but knows no descriptor above 1023), so that it is the second choice.
"""

import _signal as signal
import os
import select
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


class Interrupts:
    """Those signals that have arrived are in the set `arrived`; who acts on one removes it."""

    def __init__(self, *caught: int) -> None:
        """Catch and block these signal numbers. Raises OSError if there is no pipe to be had."""
        self.caught = caught
        self.arrived: set[int] = set()
        self._news, write_end = os.pipe()
        os.set_blocking(write_end, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, caught)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in caught:
            signal.signal(number, _do_nothing)

    def wait(self, fd: int | None = None, seconds: float | None = None) -> bool:
        """Wait for `fd`, for a signal, or so long. True: `fd` can be read, and no signal came.

        Raises OSError, MemoryError; then it may be called again.
        """
        watched = [self._news] if fd is None else [self._news, fd]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.caught)
        try:
            ready = _ready(watched, seconds)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, self.caught)
        if self._news in ready:
            self.arrived.add(os.read(self._news, 1)[0])
            return False
        return fd in ready

    def pause(self, seconds: float, until: int) -> bool:
        """Wait so long, or until that signal arrives. True: it has arrived."""
        end = monotonic() + seconds
        while until not in self.arrived and (left := end - monotonic()) > 0:
            self.wait(seconds=left)
        return until in self.arrived

    def restore(self) -> None:
        """Default and unblocked again: for a child, before it executes another program."""
        for number in self.caught:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.caught)


def _ready(watched: list[int], seconds: float | None) -> list[int]:
    """Those of the descriptors that can be read, as soon as there is one. Raises OSError."""
    poll = select.poll()
    for fd in watched:
        poll.register(fd, select.POLLIN)
    try:
        return [fd for fd, _ in poll.poll(None if seconds is None else seconds * 1000)]
    except OSError:
        return select.select(watched, [], [], seconds)[0]


def _do_nothing(_number: int, _frame: "FrameType | None") -> None:
    pass
