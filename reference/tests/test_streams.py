"""unix/streams.py: blocks of input, what becomes of them without memory, and whole writes."""

import os
import posix
from collections.abc import Iterator
from types import ModuleType

import pytest

from daemontools.programs import multilog, readproctitle, tai64n, tai64nlocal
from daemontools.unix import streams
from daemontools.unix.streams import LEAST_BLOCK_BYTES, affordable, in_pieces, read_block, write_all


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: its reading end, its writing end."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


class Memory:
    """What os.read is replaced by: it refuses more than `most` bytes, `times` times."""

    def __init__(self, most: int, times: int) -> None:
        self.most, self.times = most, times
        self.asked: list[int] = []

    def read(self, fd: int, size: int) -> bytes:
        """Refuse, or read."""
        self.asked.append(size)
        if size > self.most and len(self.asked) <= self.times:
            raise MemoryError
        return os.read(fd, size)


@pytest.mark.parametrize(
    ("most", "times", "asked", "pauses"),
    [
        (4096, 9, [4096], 0),
        (2048, 9, [4096, 2048], 0),
        (512, 9, [4096, 2048, 1024, 512], 0),
        (0, 4, [4096, 2048, 1024, 512, 512], 1),
        (0, 6, [4096, 2048, 1024, 512, 512, 512, 512], 3),
    ],
)
def test_a_read_asks_for_less_and_less_and_then_waits_for_memory(
    pipe: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    times: int,
    asked: list[int],
    pauses: int,
) -> None:
    memory, paused = Memory(most, times), []
    monkeypatch.setattr(posix, "read", memory.read)
    os.write(pipe[1], b"line\n")
    assert read_block(pipe[0], 4096, lambda: paused.append(1)) == b"line\n"
    assert memory.asked == asked
    assert len(paused) == pauses
    assert asked[-1] >= LEAST_BLOCK_BYTES


def test_the_least_block_is_asked_for_even_if_its_double_is_odd(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(most=0, times=1)
    monkeypatch.setattr(posix, "read", memory.read)
    os.write(pipe[1], b"x")
    assert read_block(pipe[0], 513, lambda: None) == b"x"
    assert memory.asked == [513, 512]


@pytest.mark.parametrize("error", [MemoryError, SystemError])
def test_a_block_is_worked_on_in_pieces_as_large_as_memory_allows(error: type[Exception]) -> None:
    tried = []

    def work(piece: bytes) -> bytes:
        tried.append(len(piece))
        if len(piece) > 2:
            raise error
        return piece.upper()

    pauses: list[int] = []
    assert [*in_pieces(b"abcdefghij", work, lambda: pauses.append(1))] == [
        b"AB", b"CD", b"EF", b"GH", b"IJ",
    ]  # fmt: skip
    assert tried == [10, 5, 2, 2, 2, 2, 2]
    assert pauses == []


def test_a_single_byte_waits_for_memory() -> None:
    tried, pauses = [], []

    def work(piece: bytes) -> bytes:
        tried.append(piece)
        if len(tried) < 5:
            raise MemoryError
        return piece

    assert [*in_pieces(b"abc", work, lambda: pauses.append(len(tried)))] == [b"a", b"b", b"c"]
    assert tried == [b"abc", b"a", b"a", b"a", b"a", b"b", b"c"]
    assert pauses == [2, 3, 4]


def test_no_block_is_no_work() -> None:
    assert [*in_pieces(b"", lambda piece: piece, lambda: None)] == []


@pytest.mark.parametrize(
    ("room", "size"),
    [(1 << 40, 65536), (4096 * 100 + streams.SPARE, 4096), (0, None)],
)
def test_the_block_fits_into_the_memory_that_is_there(
    monkeypatch: pytest.MonkeyPatch, room: int, size: int | None
) -> None:
    tried = []

    def allocate(count: int) -> bytes:
        tried.append(count)
        if count > room:
            raise MemoryError
        return b""

    monkeypatch.setattr(streams, "bytes", allocate, raising=False)
    if size is None:
        with pytest.raises(MemoryError):
            affordable(65536, 100)
        assert tried[-1] == LEAST_BLOCK_BYTES * 100 + streams.SPARE
    else:
        assert affordable(65536, 100) == size


def test_everything_is_written_in_as_many_calls_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[bytes] = []

    def write(fd: int, data: memoryview) -> int:
        written.append(bytes(data[:3]))
        return min(3, len(data)) if fd == 7 else 0

    monkeypatch.setattr(posix, "write", write)
    write_all(7, b"abcdefgh")
    assert written == [b"abc", b"def", b"gh"]


@pytest.mark.parametrize(
    ("program", "why", "seconds", "said"),
    [
        (readproctitle, [], 1, b""),
        (tai64n, [], 1, b""),
        (tai64nlocal, [], 1, b""),
        (
            multilog,
            ["read input"],
            5,
            b"multilog: warning: unable to read input, pausing: out of memory\n",
        ),
    ],
)
def test_a_program_without_memory_waits_as_long_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    program: ModuleType,
    why: list[str],
    seconds: int,
    said: bytes,
) -> None:
    paused: list[float] = []
    monkeypatch.setattr(program, "pause", paused.append)
    vars(program)["_pause"](*why)
    assert paused == [seconds]
    assert capfdbinary.readouterr().err == said
