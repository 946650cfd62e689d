"""What tai64nlocal does, plainly: one line at a time.

A line that starts with a label starts with a date instead:

    @4000000037c219bf2ef02e94 mice     1999-08-23 21:04:05.787492500 mice

A label is `@` and all hexadecimal digits after it, however many; no space needs to
follow. The last eight digits are nanoseconds, and the sixteen before them are
the second. Digits further left do not count, and missing digits are zeros.
If a label has no date, the line stays as it is: the C library's calendar does not have
the year. That is so for `@` and `@hello`, too, which mean second 0 of TAI64.
If the input ends with a label, or with the beginning of one, that is lost.

This is the model. The program runs `fast/local.py`, which a property
test proves equal to it (reference/tests/test_fast_local.py; docs/explain/fast-path.md).
"""

from daemontools.core.tai64 import UNIX_EPOCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # From a Unix second to year, month, day, hour, minute, second. Raises OverflowError
    # if the second has no date.
    Calendar = Callable[[int], tuple[int, ...]]

# A longer run of digits is not a label, so that memory has a bound.
MOST_DIGITS = 65536


def localise(text: bytes, calendar: "Calendar") -> bytes:
    """The whole text, with each label replaced by a date."""
    lines = text.split(b"\n")
    converted = [_localise_line(line + b"\n", calendar) for line in lines[:-1]]
    return b"".join(converted) + _localise_line(lines[-1], calendar)


def date_of(digits: bytes, calendar: "Calendar") -> bytes:
    """The date and time of a label's digits. Raises OverflowError if there is none.

    >>> date_of(b"4000000037c219bf2ef02e94", lambda second: (1999, 8, 23, 21, 4, second % 60))
    b'1999-08-23 21:04:05.787492500'
    """
    if len(digits) > MOST_DIGITS:
        raise OverflowError("too many digits for a label")
    value = int(digits or b"0", 16)
    date = calendar(unix_second(value >> 32))
    return b"%b.%09d" % (format_date(date), value & 0xFFFFFFFF)


def unix_second(label: int) -> int:
    """The Unix second of a TAI64 label, in the signed 64 bits of a time_t.

    core/tai64.py refuses some labels; here every number is a label, and one that is
    out of range wraps around.
    """
    wrapped = (label - UNIX_EPOCH) % 2**64
    return wrapped if wrapped < 2**63 else wrapped - 2**64


def format_date(date: tuple[int, ...]) -> bytes:
    """The date as text, `1999-08-23 21:04:05`. Years before 0 wrap at 2^64, as in 0.76."""
    year, *rest = date
    return b"%d-%02d-%02d %02d:%02d:%02d" % (year % 2**64, *rest)


def _localise_line(line: bytes, calendar: "Calendar") -> bytes:
    """Convert a line. If the input ends inside its label, the label is lost."""
    if not line.startswith(b"@"):
        return line
    rest = line[1:].lstrip(b"0123456789abcdef")
    digits = line[1 : len(line) - len(rest)]
    if not rest and len(digits) <= MOST_DIGITS:
        return b""
    try:
        return date_of(digits, calendar) + rest
    except OverflowError:
        return line
