"""The times that a person may type: a label, a date, a time of today, how long ago, how long."""

import argparse
import os
import re
import time
from datetime import datetime

from daemontools.core.tai64 import parse_tai64n

LONGEST = 10**9  # seconds, thirty years: the system calls that wait take no more than 10^10
_AGO = re.compile(r"(\d+)([smhd])(?: ago)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse(text: str) -> tuple[int, int]:
    """Unix seconds and nanoseconds. Raises argparse.ArgumentTypeError.

    >>> parse("@4000000037c219bf2ef02e94")
    (935467445, 787492500)
    >>> parse("1999-08-24T04:04:05.5+00:00")
    (935467445, 500000000)
    """
    if match := _AGO.fullmatch(text):
        return int(time.time()) - int(match[1]) * _SECONDS[match[2]], 0
    try:
        if text.startswith("@"):
            return parse_tai64n(os.fsencode(text))
        is_time = re.fullmatch(r"\d\d?:\d\d(:\d\d)?", text)
        date = f"{datetime.now():%Y-%m-%d} {text:0>5}" if is_time else text
        moment = datetime.fromisoformat(date).astimezone()
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"not a time: {text!r}") from error
    return int(moment.timestamp() // 1), moment.microsecond * 1000


def seconds(text: str) -> float:
    """A number of seconds, 0 to LONGEST. Raises ValueError.

    >>> seconds("0.5"), seconds("inf")
    (0.5, 1000000000)
    """
    number = float(text)
    if not number >= 0:  # negative, or "nan"
        raise ValueError(text)
    return min(number, LONGEST)
