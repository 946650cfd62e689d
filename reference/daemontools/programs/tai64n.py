"""tai64n: put the time in front of each line.

    program 2>&1 | tai64n > log

It copies standard input to standard output and writes a label and a space before the
first byte of each line. The label says when that byte was read: `@` and
24 hexadecimal digits, a TAI64N label (core/tai64.py). A read takes at
most 65536 bytes, and the lines that begin in one read share a label.

Labels sort as their times do, and look the same in every time zone and
locale. tai64nlocal makes them readable.

Exit code 0: the input has ended. 111: it could not read or write, and prints no message,
since its neighbours in the pipeline explain; or memory is short at the start, and it says so.

A line is labelled as soon as its first byte has arrived, and passed on at once, newline
or not.

Contract: conformance/spec/tai64n.md. Manual: http://cr.yp.to/daemontools/tai64n.html
"""

from daemontools.core.tai64 import format_tai64n
from daemontools.fast.stamp import stamp
from daemontools.unix.clock import now, pause
from daemontools.unix.streams import BLOCK_BYTES, affordable, in_pieces, read_block, write_all
from daemontools.unix.title import set_title

MEMORY_PER_BYTE = 100  # for a block of newlines; each gets a label


def main(argv: list[bytes]) -> int:
    """Label standard input's lines on standard output until the input ends."""
    # RESOURCES
    set_title([b"tai64n", *argv[1:]])
    block_bytes = affordable(BLOCK_BYTES, MEMORY_PER_BYTE)

    # LOOP
    inside_line = False

    def label(piece: bytes) -> tuple[bytes, bool]:
        stamped = stamp(piece, format_tai64n(*now()), inside_line=inside_line)
        return stamped, not piece.endswith(b"\n")

    try:
        while block := read_block(0, block_bytes, _pause):
            for stamped, inside_line in in_pieces(block, label, _pause):  # noqa: B007
                write_all(1, stamped)
    except OSError:
        return 111
    return 0


def _pause() -> None:
    """There is no memory: somebody has lowered a limit, and may raise it."""
    pause(1)
