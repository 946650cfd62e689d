"""tai64n: put the time in front of each line.

    program 2>&1 | tai64n > log

It copies standard input to standard output and writes, before the first byte of
each line, a label and a space. The label says when that byte was read: `@` and
24 hexadecimal digits, a TAI64N label (core/tai64.py). 4096 bytes or a million
lines may come in one read; lines that do share a label.

Labels sort as their times do, and never look different in another time zone or
locale. tai64nlocal makes them readable.

Exit code 0: the input has ended. 111: it could not read or write, which it
leaves to its neighbours in the pipeline to explain: it prints no message.

What can go wrong: a line without a newline has its label as soon as its first
byte has come, and is passed on at once, so that nothing is held back that a
crash could lose.

Contract: conformance/spec/tai64n.md. Manual: http://cr.yp.to/daemontools/tai64n.html
"""

from daemontools.core.stamp_blocks import stamp
from daemontools.core.tai64 import format_tai64n
from daemontools.unix.clock import now
from daemontools.unix.streams import keep_memory, read_block, write_all


def main(argv: list[bytes]) -> int:  # noqa: ARG001 - like djb's: arguments are ignored
    """Label standard input's lines on standard output until the input ends."""
    # RESOURCES
    keep_memory()

    # LOOP
    inside_line = False
    try:
        while block := read_block(0):
            write_all(1, stamp(block, format_tai64n(*now()), inside_line))
            inside_line = not block.endswith(b"\n")
    except OSError:
        return 111
    return 0
