"""Two clocks: one that tells the time, and one that measures how long.

Stamps are read from the wall clock, which an administrator may set back or
forth. Pauses are measured by the monotonic clock, which nobody can set. (0.76
knew only the wall clock: a step back during supervise's pause of one second
froze it for as long.)
"""

import _signal as signal
import time


def now() -> tuple[int, int]:
    """The wall clock: Unix seconds, and nanoseconds below 1000000000.

    Microseconds plus 500 ns, as 0.76 stamps: the middle of the microsecond.
    """
    microseconds = time.time_ns() // 1000
    return microseconds // 1_000_000, microseconds % 1_000_000 * 1000 + 500


def pause(seconds: float) -> None:
    """Do nothing for so long, whatever signals arrive, and whatever the kernel refuses."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            time.sleep(left)
        except OSError:
            _pause_otherwise(left)


def _pause_otherwise(seconds: float) -> None:
    """By another system call: to wait for no signal at all is to sleep."""
    try:
        signal.sigtimedwait((), seconds)
    except OSError:
        pass
