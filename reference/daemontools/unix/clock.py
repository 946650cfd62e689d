"""Two clocks: one that tells the time, and one that measures how long.

Stamps are read from the wall clock, which an administrator may set back or
forth. Pauses are measured by the monotonic clock, which nobody can set. (0.76
knew only the wall clock: a step back during supervise's pause of one second
froze it for as long.)
"""

import time


def now() -> tuple[int, int]:
    """The wall clock: Unix seconds, and nanoseconds below 1000000000.

    Microseconds plus 500 ns, as 0.76 stamps: the middle of the microsecond.
    """
    microseconds = time.time_ns() // 1000
    return microseconds // 1_000_000, microseconds % 1_000_000 * 1000 + 500


def pause(seconds: float) -> None:
    """Do nothing for so long, whatever signals arrive; Python goes back to sleep after each."""
    time.sleep(seconds)
