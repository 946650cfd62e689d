"""The C library's calendar, in the time zone that the environment asks for.

The zone is that of the variable TZ, else of the file /etc/localtime; the C
library reads it once, when the process starts.
"""

import time


def local_time(second: int) -> tuple[int, ...]:
    """Year, month, day, hour, minute, second of a Unix second.

    The year is a C int less 1900, plus 1900; where that is too much for an int, it
    comes round at the other end, as in 0.76. (Some builds of CPython do that too.)
    Raises OverflowError if the year less 1900 does not fit into an int.
    """
    try:
        year, *rest = time.localtime(second)[:6]
        return ((year + 2**31) % 2**32 - 2**31, *rest)
    except OSError as error:
        raise OverflowError(f"no date for second {second}") from error
