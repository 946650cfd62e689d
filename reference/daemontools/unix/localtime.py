"""The C library's calendar, in the time zone that the environment asks for.

The variable TZ names the zone; without TZ the file /etc/localtime has it. The C
library reads it once, when the process starts.
"""

import time


def local_time(second: int) -> tuple[int, ...]:
    """Year, month, day, hour, minute, second of a Unix second.

    C holds the year less 1900 in an int. If adding 1900 overflows an int, the year
    wraps to the other end, as in 0.76. (Some builds of CPython do that too.)
    Raises OverflowError if the year less 1900 does not fit into an int.
    """
    try:
        year, *rest = time.localtime(second)[:6]
        return ((year + 2**31) % 2**32 - 2**31, *rest)
    except OSError as error:
        raise OverflowError(f"no date for second {second}") from error
