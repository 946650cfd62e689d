"""TAI64, TAI64N and TAI64NA labels, for other Python programs.

    >>> from daemontools import tai64
    >>> tai64.parse_tai64n(b"@4000000037c219bf2ef02e94")
    (935467445, 787492500)
    >>> tai64.format_tai64n(935467445, 787492500)
    b'@4000000037c219bf2ef02e94'
    >>> tai64.unpack_tai64n(tai64.pack_tai64n(1, 2))
    (1, 2)

There are four verbs (pack and unpack for bytes, format and parse for text) and three
labels (tai64 has seconds, tai64n adds nanoseconds, tai64na adds attoseconds). Times are
Unix time in integers, so nothing is ever rounded. To get a `datetime`, which
has microseconds only:

    >>> from datetime import datetime, timedelta, timezone
    >>> seconds, nanoseconds = tai64.parse_tai64n(b"@4000000037c219bf2ef02e94")
    >>> at = timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    >>> str(datetime(1970, 1, 1, tzinfo=timezone.utc) + at)
    '1999-08-24 04:04:05.787492+00:00'

As in daemontools, leap seconds are not counted: TAI is taken to be Unix time
plus 10 seconds. Software that counts them (such as s6) writes labels that are
27 seconds ahead of these. Anything that is not a label raises ValueError.
"""

from daemontools.core.tai64 import *  # noqa: F403 - its __all__ is what is public
