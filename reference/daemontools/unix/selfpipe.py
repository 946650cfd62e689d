"""The self-pipe: a signal as something that poll can see.

A program that waits for descriptors and for a signal has a gap: the signal may
arrive after the last look and before poll. djb's answer is a pipe to oneself.
The handler writes a byte into the pipe, and poll watches the pipe, so that the
event is kept until the program looks.

In Python the interpreter's own C handler must write the byte (set_wakeup_fd):
handlers in Python run only between two instructions, and Python silently
repeats a poll that a signal interrupts. The handler in Python has nothing left to do.

Both ends are non-blocking: a full pipe already says that there is news. Both
are close-on-exec, and exec resets a caught signal to its default.

If the write fails for another reason, CPython calls sys.unraisablehook, which
prints a traceback by default. Here it writes the byte again.
"""

import sys
from _signal import SIG_UNBLOCK, pthread_sigmask, set_wakeup_fd, signal
from posix import pipe, read, set_blocking, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# STATE
_write_end = -1  # of the one self-pipe of this process


def open_selfpipe(caught: int) -> int:
    """From now on signal number `caught` makes the returned descriptor readable.

    The signal is unblocked too. Raises OSError if no pipe can be made.
    """
    global _write_end
    read_end, _write_end = pipe()  # close-on-exec, as all that Python opens
    for end in (read_end, _write_end):
        set_blocking(end, False)
    sys.unraisablehook = _write_again
    set_wakeup_fd(_write_end, warn_on_full_buffer=False)
    signal(caught, _do_nothing)
    pthread_sigmask(SIG_UNBLOCK, [caught])
    return read_end


def drain(read_end: int) -> bool:
    """Empty the pipe. Was there anything in it? Raises OSError, MemoryError.

    Look for what has happened after this call, never before.
    """
    has_news = False
    try:
        while read(read_end, 512):
            has_news = True
    except BlockingIOError:
        pass
    return has_news


def _write_again(_error: object) -> None:
    try:
        write(_write_end, b"\0")
    except OSError:
        pass  # supervise looks from time to time without news, too


def _do_nothing(_number: int, _frame: "FrameType | None") -> None:
    pass
