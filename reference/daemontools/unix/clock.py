"""Two clocks: one that tells the time, and one that measures how long.

Stamps come from the wall clock, which an administrator may set back or forward.
Pauses are measured with the monotonic clock, which nobody can set. (0.76's
supervise uses only the wall clock: if that is set back by an hour during the pause of one
second, supervise stands still for an hour.)
"""

import _signal as signal
from time import monotonic, sleep, time_ns


def now() -> tuple[int, int]:
    """The wall clock: Unix seconds, and nanoseconds below 1000000000.

    Microseconds plus 500 ns, as 0.76 stamps: the middle of the microsecond.
    """
    microseconds = time_ns() // 1000
    return microseconds // 1_000_000, microseconds % 1_000_000 * 1000 + 500


def pause(seconds: float) -> None:
    """Do nothing for `seconds`, whatever signals arrive, and whatever the kernel refuses."""
    end = monotonic() + seconds
    while (left := end - monotonic()) > 0:
        try:
            sleep(left)
        except OSError:
            _pause_otherwise(left)


def _pause_otherwise(seconds: float) -> None:
    """Sleep by another system call: wait for a signal out of an empty set."""
    try:
        signal.sigtimedwait((), seconds)
    except OSError:
        pass
