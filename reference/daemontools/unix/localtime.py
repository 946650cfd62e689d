"""The C library's calendar, in the time zone that the environment asks for.

The zone is that of the variable TZ, else of the file /etc/localtime; the C
library reads it once, when the process starts.
"""

import time


def local_time(second: int) -> tuple[int, ...]:
    """Year, month, day, hour, minute, second of a Unix second.

    Raises OverflowError if the year does not fit into the C library's int.
    """
    try:
        return time.localtime(second)[:6]
    except OSError as error:
        raise OverflowError(f"no date for second {second}") from error
