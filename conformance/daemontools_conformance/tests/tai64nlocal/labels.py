"""What the tests of tai64nlocal know about labels, from the specification alone."""

from bisect import bisect_right
from datetime import UTC as UTC_ZONE
from datetime import datetime

# A label's seconds at Unix time 0.
EPOCH = 2**62 + 10

# A second to convert where the date does not matter. It lies before 1972, when the
# leap seconds begin: implementations that count them agree with those that do not.
LABEL = b"@4000000002abcdef1234abcd"
DATE = b"1971-06-03 16:16:37.305441741"

# The time zone for it. Every test of tai64nlocal says which zone it means.
UTC = {"TZ": "UTC"}

# The days before which a leap second was put in (IERS Bulletin C), as Unix seconds.
_JANUARY = [1973, 1974, 1975, 1976, 1977, 1978, 1979, 1980, 1988, 1990, 1991, 1996, 1999, 2006]
_JANUARY += [2009, 2017]
_JULY = [1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015]
LEAPS = sorted(
    [int(datetime(year, 1, 1, tzinfo=UTC_ZONE).timestamp()) for year in _JANUARY]
    + [int(datetime(year, 7, 1, tzinfo=UTC_ZONE).timestamp()) for year in _JULY]
)


def label(second: int, nanosecond: int = 0, variant: str = "") -> bytes:
    """The label of a Unix second; in the variant "leap-seconds", true TAI."""
    leaps = {"": 0, "leap-seconds": bisect_right(LEAPS, second)}[variant]
    return b"@%016x%08x" % (EPOCH + second + leaps, nanosecond)
