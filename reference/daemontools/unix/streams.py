"""Reading and writing in whole blocks, and the memory for them.

A read takes what is there, up to a block, and never waits for more: a line that
is written alone is worked on alone. When lines come faster than they are worked
on, they pile up in the pipe, and the next read takes them all: the blocks grow
by themselves when that pays.

What has been read exists nowhere else, so that the memory for the worst block must
be there before the first read: `affordable` asks for it. Should memory be refused
all the same (somebody sets a limit while the program runs), `in_pieces` goes on
with less at a time.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    Result = TypeVar("Result")

# A pipe holds as much. From a file, more is hardly faster and only costs memory.
BLOCK_BYTES = 65536
LEAST_BLOCK_BYTES = 512
# Bytes for all that does not grow with the block; Python takes a whole megabyte from
# the system when it needs room for small objects.
SPARE = 2 << 20


def affordable(most: int, per_byte: int) -> int:
    """The largest block, at most `most` bytes, for whose work there is memory.

    `per_byte` bytes of memory are needed for each byte of the block. Raises
    MemoryError if not even a small block can be afforded. To be called once, before
    the first read. Nothing of that memory is touched; it is given back at once, and
    then there is room for it under whatever limit there is.

    It does more: glibc gives freed memory at the end of its heap back to the
    kernel when it is more than 128 KB, and takes separate pages for larger pieces;
    both limits grow when a larger piece is freed. Without this, each block of
    64 KB and its result would get new pages from the kernel, each with a page
    fault: that took more than half of tai64n's time.
    """
    size = most
    while True:
        try:
            bytes(size * per_byte + SPARE)
            return size
        except MemoryError:
            if size <= LEAST_BLOCK_BYTES:
                raise
        size //= 2


def in_pieces(
    block: bytes, work: "Callable[[bytes], Result]", pause: "Callable[[], object]"
) -> "Iterator[Result]":
    """What `work` makes of the block: of all of it, or, short of memory, of piece after piece.

    Nothing may have changed when `work` raises MemoryError. When that happens with a
    single byte, `pause` is called before the next attempt.
    """
    start, size = 0, len(block)
    while start < len(block):
        try:
            result = work(block[start : start + size])
        except (MemoryError, SystemError):  # `re` has raised either for want of memory
            if size == 1:
                pause()
            size = max(size // 2, 1)
            continue
        yield result
        start += size


def read_block(fd: int, size: int = BLOCK_BYTES) -> bytes:
    """The next bytes, at least one; none at the end of the input. Raises OSError."""
    return os.read(fd, size)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, in as many calls as the kernel wants. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
