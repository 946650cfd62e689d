"""Reading and writing in whole blocks.

A read takes what is there, up to a block, and never waits for more: a line that
is written alone is worked on alone. When lines come faster than they are worked
on, they pile up in the pipe, and the next read takes them all: the blocks grow
by themselves when that pays.
"""

import os

# A pipe holds as much. From a file, more is hardly faster and only costs memory.
BLOCK_BYTES = 65536


def read_block(fd: int) -> bytes:
    """The next bytes, at least one; none at the end of the input. Raises OSError."""
    return os.read(fd, BLOCK_BYTES)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, in as many calls as the kernel wants. Raises OSError."""
    while data:
        data = data[os.write(fd, data) :]
