"""What tai64nlocal does, fast: all the labels of a block at once.

For each line the plain version (`core/local.py`, the model) takes a dozen
steps of the interpreter. Here functions written in C take nearly all of these steps
for hundreds of lines at once:

    split      the block at its labels: text, digits, text, digits, text ...
    fromhex    all digits, joined, become bytes; an array of 32-bit words:
               high second, low second, nanosecond, high, low, nanosecond ...
    a cache    gives the date of a low second; few lines start a new second
    one %      with a format repeated once a line puts everything together again

This works for labels as programs write them: 24 digits, of which the first eight are
40000000 (from 1970 to 2106). A block with any other label goes
through `_one_by_one`, which asks the model for each label.

A block may end anywhere, also inside a label. So if the end of a block may become a
label, it is kept back as `_pending` until the next block shows what it is. `_pending`
starts with the newline before the label. The newline itself has been written
already, so that a line is never late.
"""

import re
from array import array

from daemontools.core.local import MOST_DIGITS, date_of, format_date, unix_second

TYPE_CHECKING = False
if TYPE_CHECKING:
    from daemontools.core.local import Calendar

_LABEL = re.compile(rb"\n@([0-9a-f]*)")
_MAY_BECOME_A_LABEL = re.compile(rb"\n(@[0-9a-f]{0,%d})?" % MOST_DIGITS)
_HIGH = 0x40000000
_LITTLE_ENDIAN = array("H", [1]).tobytes()[0] == 1
_MOST_DATES = 4096


class Localiser:
    """Converts a stream block by block, and keeps half a label until the next block comes."""

    def __init__(self, calendar: "Calendar") -> None:
        self._calendar = calendar
        self._dates = _Dates(calendar)
        self._pending = b"\n"

    def convert(self, block: bytes) -> bytes:
        """The text that can be written after `block` (at least one byte) has arrived.

        An exception (MemoryError) changes nothing.
        """
        text = self._pending + block
        written_before = 1 if self._pending else 0
        last_line = max(text.rfind(b"\n"), 0)
        if _MAY_BECOME_A_LABEL.fullmatch(text, last_line):
            pending = text[last_line:]
            text = text[: last_line + 1]
        else:
            pending = b""
        converted = self._with_dates(text)[written_before:]
        self._pending = pending
        return converted

    def _with_dates(self, text: bytes) -> bytes:
        parts = _LABEL.split(text)
        labels = parts[1::2]
        count = len(labels)
        if set(map(len, labels)) != {24}:
            return self._one_by_one(text) if labels else text
        words = array("I", bytes.fromhex(b"".join(labels).decode()))
        if _LITTLE_ENDIAN:
            words.byteswap()
        if words[0::3] != array("I", [_HIGH]) * count:
            return self._one_by_one(text)
        pieces: list[bytes | int] = [b""] * (3 * count)
        pieces[0::3] = map(self._dates.__getitem__, words[1::3])
        pieces[1::3] = words[2::3]
        pieces[2::3] = parts[2::2]
        return parts[0] + b"\n%b.%09d%b" * count % tuple(pieces)

    def _one_by_one(self, text: bytes) -> bytes:
        def with_date(label: re.Match[bytes]) -> bytes:
            try:
                return b"\n" + date_of(label[1], self._calendar)
            except OverflowError:
                return label[0]

        return _LABEL.sub(with_date, text)


class _Dates(dict[int, bytes]):
    """The dates of the seconds 0x40000000 * 2^32 + key, each made on first use.

    Asking for a local time is expensive, so ask once a minute: if a minute starts
    at :00 and ends at :59, the seconds between can be counted.
    """

    def __init__(self, calendar: "Calendar") -> None:
        self._calendar = calendar
        self._minutes: dict[int, bytes] = {}

    def __missing__(self, low: int) -> bytes:
        if len(self) >= _MOST_DATES:
            self.clear()
            self._minutes.clear()
        minute, second = divmod(unix_second(_HIGH << 32 | low), 60)
        if minute not in self._minutes:
            self._minutes[minute] = self._up_to_the_seconds(minute * 60)
        known = self._minutes[minute]
        if known:
            self[low] = b"%b%02d" % (known, second)
        else:
            self[low] = format_date(self._calendar(minute * 60 + second))
        return self[low]

    def _up_to_the_seconds(self, start: int) -> bytes:
        """`1999-08-23 21:04:`, or empty if the minute does not run from :00 to :59."""
        first, last = self._calendar(start), self._calendar(start + 59)
        if (first[:5], first[5], last[5]) != (last[:5], 0, 59):
            return b""
        return format_date(first)[:-2]
