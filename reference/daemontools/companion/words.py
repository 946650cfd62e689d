"""Words for people: how long something took, and bytes that are safe on a terminal."""

import os

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def duration(seconds: int) -> str:
    """Seconds in words, the two largest units.

    >>> duration(1), duration(86), duration(7322), duration(26 * 86400)
    ('1 second', '1 minute 26 seconds', '2 hours 2 minutes', '26 days')
    """
    for place, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            smaller, smaller_size = (*_UNITS, ("second", 1))[place + 1]
            rest = seconds % size // smaller_size
            return _count(seconds // size, unit) + (f" {_count(rest, smaller)}" if rest else "")
    return _count(seconds, "second")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def printable(text: bytes | str | os.PathLike[str]) -> str:
    r"""Text without anything that a terminal would obey, and one line.

    >>> printable(b"caf\xc3\xa9 \x1b[31m\xff")
    'caf\xe9 \\x1b[31m\\xff'
    """
    decoded = os.fsencode(text).decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in decoded)
