"""What the tests of tai64n know about labels, in integers, from the specification alone."""

import fcntl
import re
import sys
import termios

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running

# A label's seconds at Unix time 0.
EPOCH = 2**62 + 10

LINE = re.compile(rb"@([0-9a-f]{16})([0-9a-f]{8}) ([^\n]*(?:\n|\Z))")


def split(output: bytes) -> list[tuple[int, bytes]]:
    """The lines of tai64n's output: Unix time in nanoseconds, and the text with its newline.

    Fails if there is anything else in the output.
    """
    lines = LINE.findall(output)
    assert sum(26 + len(text) for _, _, text in lines) == len(output), output[:200]
    return [((int(s, 16) - EPOCH) * 10**9 + int(n, 16), text) for s, n, text in lines]


def wait_until_labelled(tai64n: Running, text: bytes) -> int:
    """Wait until the last line of the output is this text; when, in nanoseconds of Unix time."""
    eventually(lambda: tai64n.out.endswith(b" " + text), what=f"the line {text!r} comes out")
    return split(tai64n.out)[-1][0]


def unread(running: Running) -> int:
    """How many bytes lie in the pipe to the program's standard input."""
    assert running.popen.stdin is not None
    answer = fcntl.ioctl(running.popen.stdin, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)
