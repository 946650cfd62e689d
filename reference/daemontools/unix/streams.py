"""Reading and writing in whole blocks, and the memory for them.

A read takes what is there, up to a block, and never waits for more: a line that
is written alone is processed alone. When lines come faster than they are processed,
they pile up in the pipe, and the next read takes them all. So blocks grow
when that pays.

What has been read exists nowhere else, so the memory for the worst block must
be there before the first read: `affordable` tries it. If the system refuses memory
later (somebody sets a limit while the program runs), `read_block` and `in_pieces` go on
with less at a time.
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    Result = TypeVar("Result")

# A pipe holds this much. Larger reads from a file are hardly faster and cost memory.
BLOCK_BYTES = 65536
LEAST_BLOCK_BYTES = 512
# Bytes for everything that does not grow with the block. Python takes a whole megabyte from
# the system when it needs room for small objects.
SPARE = 2 << 20


def affordable(most: int, per_byte: int) -> int:
    """The size of the largest block that memory suffices for: at most `most` bytes.

    Each byte of the block needs `per_byte` bytes of memory. Raises MemoryError if there is
    not enough even for a small block. Must be called once, before the first read. The memory
    is allocated, never touched, and freed at once: this shows that the limits on address space
    and data leave room for it. A limit of a control group counts only what is touched.

    It also makes malloc faster. glibc returns freed memory at the end of its heap to the
    kernel if it is more than 128 KB, and maps separate pages for larger pieces;
    both thresholds grow when a larger piece is freed. Without this call, each block of
    64 KB and its result would get new pages from the kernel, each with a page
    fault, which would take a third of tai64n's time.
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
    """Call `work` on the whole block, or on piece after piece if memory is short; its results.

    If `work` raises MemoryError, it must have changed nothing. If it raises that for a
    single byte, `pause` is called before the next attempt.
    """
    start, size = 0, len(block)
    while start < len(block):
        try:
            result = work(block[start : start + size])
        except (MemoryError, SystemError):  # `re` may raise either if memory is short
            if size == 1:
                pause()
            size = max(size // 2, 1)
            continue
        yield result
        start += size


def read_block(fd: int, size: int, pause: "Callable[[], object]") -> bytes:
    """The next bytes, at least one; empty at the end of the input. Raises OSError.

    If memory is short, ask for fewer bytes, but never for fewer than LEAST_BLOCK_BYTES:
    os.read shrinks its result to what it got, and shrinking so small an object copies
    it. There may be no memory for the copy, and the bytes would be lost. Call `pause`
    instead, and try again.
    """
    while True:
        try:
            return os.read(fd, size)
        except MemoryError:
            if size <= LEAST_BLOCK_BYTES:
                pause()
            else:
                size = max(size // 2, LEAST_BLOCK_BYTES)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, in as many calls as it takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
