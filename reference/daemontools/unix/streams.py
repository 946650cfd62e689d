"""Reading and writing in whole blocks.

A read takes what is there, up to a block, and never waits for more: a line that
is written alone is worked on alone. When lines come faster than they are worked
on, they pile up in the pipe, and the next read takes them all: the blocks grow
by themselves when that pays.
"""

import os

# A pipe holds as much. From a file, more is hardly faster and only costs memory.
BLOCK_BYTES = 65536


def keep_memory() -> None:
    """Let the C library keep the memory of one block for the next. To be called once, at start.

    glibc gives freed memory at the end of its heap back to the kernel when it is
    more than 128 KB, and takes separate pages for larger pieces; both limits grow
    when a larger piece is freed. Without this, each block of 64 KB and its result
    would get new pages from the kernel, each with a page fault: that took more
    than half of tai64n's time. The megabyte itself is never touched. Other C
    libraries do not notice. To try without: delete the call.
    """
    try:
        bytes(1 << 20)
    except MemoryError:
        pass  # under a limit this low, new pages are not what matters


def read_block(fd: int) -> bytes:
    """The next bytes, at least one; none at the end of the input. Raises OSError."""
    return os.read(fd, BLOCK_BYTES)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, in as many calls as the kernel wants. Raises OSError."""
    while data:
        data = data[os.write(fd, data) :]
