"""tai64nlocal: make tai64n's labels readable.

    tai64nlocal < /service/clock/log/main/current

It copies standard input to standard output. Where a line starts with a label,
`@` and hexadecimal digits, the label becomes a date and a time of day in the
local time zone, `1999-08-23 21:04:05.787492500`. All other bytes stay.

Labels count without leap seconds, and so does tai64nlocal
(docs/explain/leap-seconds.md). In a "right/" time zone, such as TZ=right/Asia/Tokyo, the
C library counts leap seconds.

Exit code 0: the input has ended. 111: it could not read or write, and prints no message;
or memory is short at the start, and it says so.

A line that starts with `@` and is not a label, or whose year no
calendar has, stays as it is (0.76 crashes there). If the input ends right after a label,
the label is lost: it might have been half a label.

Contract: conformance/spec/tai64nlocal.md.
Manual: http://cr.yp.to/daemontools/tai64nlocal.html
"""

from daemontools.fast.local import Localiser
from daemontools.unix.clock import pause
from daemontools.unix.localtime import local_time
from daemontools.unix.streams import BLOCK_BYTES, affordable, in_pieces, read_block, write_all
from daemontools.unix.title import set_title

MEMORY_PER_BYTE = 100  # for a block of short labels that all have no date


def main(argv: list[bytes]) -> int:
    """Copy standard input to standard output with dates for labels until the input ends."""
    # RESOURCES
    set_title([b"tai64nlocal", *argv[1:]])
    block_bytes = affordable(BLOCK_BYTES, MEMORY_PER_BYTE)

    # LOOP
    localiser = Localiser(local_time)
    try:
        while block := read_block(0, block_bytes, _pause):
            for text in in_pieces(block, localiser.convert, _pause):
                write_all(1, text)
    except OSError:
        return 111
    return 0


def _pause() -> None:
    """There is no memory: somebody has lowered a limit, and may raise it."""
    pause(1)
