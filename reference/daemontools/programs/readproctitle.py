"""readproctitle: keep the newest bytes of the input where `ps` shows them.

    svscan /service 2>&1 | readproctitle service errors: ........................................

It is a log that needs no disk, for messages that are worth seeing but must not fill
anything. The last argument, five bytes or more, is the screen. readproctitle fills it
with dots, and shifts what it reads from descriptor 0 into it from the right,
byte by byte, without NUL bytes. The three dots at the left never move: they say
that there was more. `ps` then shows

    readproctitle service errors: ...le to start clock/run: access denied?

The arguments of a process lie in its memory, and the kernel shows what is there
now (unix/title.py).

Exit code 0: end of input. 111: unable to read, or memory is short at the start. 100: no
argument, or a last argument shorter than five bytes. It prints nothing, unless memory is
short at the start.
Contract: conformance/spec/readproctitle.md.
Manual: http://cr.yp.to/daemontools/readproctitle.html
"""

from daemontools.unix.clock import pause
from daemontools.unix.streams import BLOCK_BYTES, affordable, in_pieces, read_block
from daemontools.unix.title import joined, open_room, set_title, show

FIXED_DOTS = 3
SHORTEST_SCREEN = 5  # bytes
MEMORY_PER_BYTE = 5  # of a block


def main(argv: list[bytes]) -> int:
    """Show the newest bytes from descriptor 0 in place of argv[-1]."""
    # ARGUMENTS
    if len(argv) < 2 or len(argv[-1]) < SHORTEST_SCREEN:
        return 100
    label, width = argv[1:-1], len(argv[-1])

    # RESOURCES
    words = [b"readproctitle", *label, b"." * width]
    set_title(words)
    room = open_room()
    block_bytes = affordable(BLOCK_BYTES, MEMORY_PER_BYTE)
    place = len(joined(words[:-1])) + FIXED_DOTS

    # LOOP
    moving = words[-1][FIXED_DOTS:]

    def shifted(piece: bytes) -> bytes:
        return (moving + piece.replace(b"\0", b""))[-len(moving) :]

    while True:
        try:
            block = read_block(0, block_bytes, _pause)
        except OSError:
            return 111
        if not block:
            return 0
        for moving in in_pieces(block, shifted, _pause):
            if room:
                show(room, place, moving)


def _pause() -> None:
    """There is no memory: somebody has lowered a limit, and may raise it."""
    pause(1)
