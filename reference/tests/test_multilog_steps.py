"""multilog's steps in this process: what it does to logs, alerts and status files, in order.

The conformance suite says what multilog does. Here signals come and memory runs out
between two steps, whenever a test says so.
"""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import Ended, ended, saying

from daemontools.core.script import parse
from daemontools.fast.lines import Selection
from daemontools.programs import multilog

ALRM, TERM = signal.SIGALRM, signal.SIGTERM
BLOCK = 16384


class Log:
    """In place of a log directory."""

    def __init__(self, said: list[str]) -> None:
        self.steps: list[str] = []
        self.said, self.block, self.written = said, b"", 5
        self.fails = 0  # so often

    def write(self) -> None:
        """Take the block."""
        self.said.append(f"write {self.block.decode()!r}")
        if self.fails:
            self.fails -= 1
            raise MemoryError
        self.written += len(self.block)
        self.block = b""

    def recover(self) -> None:
        """Go on after a want of memory."""
        self.said.append("recover")
        self.steps.clear()

    def rotate(self) -> None:
        """Put current away."""
        self.said.append("rotate")
        self.written = 0

    def finish(self) -> None:
        """The end."""
        self.said.append("finish")


class World:
    """In place of the system: `events` are what can be read and signals; `said` is what happens."""

    def __init__(self, script: str, *events: bytes | int | OSError) -> None:
        self.said: list[str] = []
        self.arrived: set[int] = set()
        self.events, self.given = iter(events), b""
        is_stamped, actions, directories = parse(list(map(str.encode, script.split())))
        self.selection = Selection(actions, is_stamped=is_stamped)
        self.logs = [Log(self.said) for _ in directories]
        us: Any = self  # the signals, too
        logs: Any = self.logs
        self.work = multilog.Work(self.selection, us, [(b"one", 7), (b"two", 8)], logs, BLOCK)

    def wait(self, fd: int) -> bool:
        """Wait for the next event."""
        assert fd == 0
        if not self.given:
            event = next(self.events)
            if isinstance(event, int):
                self.arrived.add(event)
                return False
            if isinstance(event, OSError):
                raise event
            self.given = event
        return True

    def read(self, fd: int, count: int, _pause: Callable[[], None]) -> bytes:
        """Read what is there."""
        assert fd == 0
        self.said.append(f"read {count}")
        taken, self.given = self.given[:count], self.given[count:]
        if taken == b"error":
            raise OSError(errno.EIO, "")
        return taken

    def go(self) -> list[str]:
        """What happens until the end."""
        for _step in range(99):
            if self.work.is_over:
                return self.said
            try:
                self.work.go_on()
            except MemoryError:
                self.said.append("again")
        raise AssertionError("there is no end")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Make a world."""

    def make(script: str, *events: bytes | int | OSError) -> World:
        made = World(script, *events)
        monkeypatch.setattr(multilog, "read_block", made.read)
        monkeypatch.setattr(multilog, "pause", lambda s: made.said.append(f"pause {s}"))
        monkeypatch.setattr(multilog, "warn", lambda *words: made.said.append("".join(words[1:])))
        monkeypatch.setattr(multilog, "now", lambda: (0, 5))
        monkeypatch.setattr(multilog, "_print", lambda text: made.said.append(f"print {text!r}"))
        monkeypatch.setattr(
            multilog, "_replace", lambda *words: made.said.append(f"replace {words}")
        )
        return made

    return make


READ = f"read {BLOCK}"


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([b""], [READ, "write ''", "finish"]),
        ([b"a\nb", b""], [READ, "write 'a\\n'", READ, "write 'b\\n'", "finish"]),
        ([b"a\n", b"error"], [READ, "write 'a\\n'", READ, "write ''", "finish"]),
        ([b"a", b"error"], [READ, "write ''", READ, "write 'a\\n'", "finish"]),
        # TERM ends multilog at the end of the line, and not a byte after it is read.
        ([TERM], ["finish"]),
        ([b"a\n", TERM], [READ, "write 'a\\n'", "finish"]),
        ([b"a\nb", TERM, b"c\nd"], [
            READ, "write 'a\\n'", "read 1", "write ''", "read 1", "write 'bc\\n'", "finish"]),
        # ALRM puts away what is not empty, once.
        ([ALRM, TERM], ["rotate", "finish"]),
        ([ALRM, ALRM, TERM], ["rotate", "finish"]),
        ([ALRM, b"a\n", ALRM, TERM], ["rotate", READ, "write 'a\\n'", "rotate", "finish"]),
        ([b"a", ALRM, b""], [READ, "write ''", "rotate", READ, "write 'a\\n'", "finish"]),
    ],
)  # fmt: skip
def test_each_event_has_its_step(
    world: Callable[..., World], events: list[bytes | int], said: list[str]
) -> None:
    assert world("./log", *events).go() == said


def test_an_error_while_it_waits_is_an_error_of_the_wait(world: Callable[..., World]) -> None:
    made = world("./log", OSError(errno.EIO, ""), b"")
    calls: list[tuple[object, ...]] = []

    def insist(action: Callable[[], object], *complaint: object) -> object:
        calls.append(complaint)
        try:
            return action()
        except OSError:
            return action()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multilog, "insist", insist)
        assert made.go() == [READ, "write ''", "finish"]
    assert calls == [("unable to wait for input",)]


@pytest.mark.parametrize(
    ("written", "steps", "is_put_away"),
    [(0, [], False), (1, [], True), (0, ["step"], True)],
)
def test_alarm_puts_a_log_away_that_is_not_empty(
    world: Callable[..., World], written: int, steps: list[str], *, is_put_away: bool
) -> None:
    made = world("./a ./b", ALRM, TERM)
    made.logs[0].written, made.logs[0].steps = written, steps
    expected = ["rotate"] * (1 + is_put_away) + ["finish"] * 2
    assert made.go() == expected


def fed(made: World, monkeypatch: pytest.MonkeyPatch, most: list[int]) -> list[bytes]:
    """The pieces that are judged, if there is memory only for so many bytes, and then for all."""
    pieces: list[bytes] = []
    real = made.selection.feed

    def feed(piece: bytes, label: bytes) -> object:
        pieces.append(piece)
        if most and len(piece) > most.pop(0):
            raise (MemoryError, SystemError)[len(most) % 2]
        return real(piece, label)

    monkeypatch.setattr(made.selection, "feed", feed)
    made.go()
    assert pieces.pop() == b"\n"  # the end of the last line
    return pieces


@pytest.mark.parametrize(
    ("most", "pieces"),
    [
        ([], ["abcdefg", "hijk"]),
        ([6, 3], ["abcdefg", "abc", "def", "g", "hijk"]),
        ([6, 2, 9], ["abcdefg", "abc", "a", "b", "c", "d", "e", "f", "g", "hijk"]),
        ([6, 9, 9, 0], ["abcdefg", "abc", "def", "g", "g", "hijk"]),
        ([9, 3, 1], ["abcdefg", "hijk", "hi", "h", "i", "j", "k"]),
    ],
)
def test_a_block_is_judged_in_smaller_pieces_if_memory_is_short(
    world: Callable[..., World],
    monkeypatch: pytest.MonkeyPatch,
    most: list[int],
    pieces: list[str],
) -> None:
    made = world("./log", b"abcdefg", b"hijk", b"")
    assert fed(made, monkeypatch, most) == list(map(str.encode, pieces))
    written = [line.partition(" ")[2] for line in made.said if line.startswith("write")]
    assert written[-1] == repr("abcdefghijk\n")
    assert not [line for line in made.said if line.startswith("pause")]


def test_the_last_piece_may_be_shorter_than_the_others(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world("./log", b"abcdefghijklmnopqrstuvw", b"")
    pieces = fed(made, monkeypatch, [22, 11, 10, 9, 9, 1])
    assert list(map(len, pieces)) == [23, 11, 11, 5, 5, 2, 1, 1]


def test_multilog_pauses_if_there_is_no_memory_for_a_byte(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world("./log", b"a", b"b", b"")
    assert fed(made, monkeypatch, [0, 0, 0]) == [b"a", b"a", b"a", b"a", b"b"]
    trouble = ["unable to judge a line, pausing: out of memory", "pause 5"]
    assert made.said == [READ, *trouble * 2, "write ''", READ, "write ''", READ,
                         "write 'ab\\n'", "finish"]  # fmt: skip


def test_the_stamp_is_that_of_the_block(world: Callable[..., World]) -> None:
    said = world("t ./log", b"a\n", TERM).go()
    assert said == [READ, "write '@400000000000000a00000005 a\\n'", "finish"]


def test_alerts_come_before_status_files_and_these_before_logs(
    world: Callable[..., World],
) -> None:
    def status(line: bytes) -> bytes:
        return line.ljust(1001, b"\n")

    said = world("e =one -* +b* =two ./a ./b", b"ab\nb\n", TERM).go()
    assert said == [
        READ, "print b'ab\\nb\\n'", f"replace {(b'one', 7, status(b'b'))}",
        f"replace {(b'two', 8, status(b'b'))}", "write 'b\\n'", "write 'b\\n'", "finish", "finish",
    ]  # fmt: skip


def test_what_is_done_is_not_done_again_after_a_want_of_memory(
    world: Callable[..., World],
) -> None:
    made = world("e ./a ./b", b"x\n", TERM)
    made.logs[1].fails = 2
    write = "write 'x\\n'"
    assert made.go() == [
        READ, "print b'x\\n'", write, write, "again", "write ''",
        "recover", write, "again", "write ''", "recover", write, "write ''", "finish", "finish",
    ]  # fmt: skip


def test_a_log_that_rotates_is_recovered_first(world: Callable[..., World]) -> None:
    made = world("./log", b"x\n", TERM)
    made.logs[0].steps = ["step"]
    assert made.go() == [READ, "recover", "write ''", "write 'x\\n'", "finish"]


# main, in a fork


def called(words: list[str], change: Callable[[], object]) -> Ended:
    """What becomes of multilog if it was called by such words."""

    def work() -> None:
        change()
        os._exit(multilog.main(list(map(str.encode, words))))

    return ended("multilog", work, text=b"text\n")


def test_multilog_looks_only_at_its_arguments(tmp_path: Path) -> None:
    def change() -> None:
        vars(multilog)["set_title"] = saying("title")
        os.chdir(tmp_path)

    shown = "title [b'multilog', b'e']\n"
    assert called(["./multilog", "e"], change) == (0, shown, "text\n")
    assert list(tmp_path.iterdir()) == []


def test_multilog_reads_16384_bytes_at_most_at_a_time() -> None:
    def change() -> None:
        def read(fd: int, count: int, _pause: object) -> bytes:
            saying(fd, count)()
            return b""

        vars(multilog)["read_block"] = read

    assert called(["multilog", "e"], change) == (0, "0 16384\n", "")


def test_multilog_goes_on_even_without_memory_to_insist() -> None:
    def change() -> None:
        real, calls = vars(multilog)["insist"], iter([MemoryError, MemoryError])

        def insist(*words: Any) -> object:
            for error in calls:
                raise error
            return real(*words)

        vars(multilog)["insist"] = insist

    assert called(["multilog", "e"], change) == (0, "", "text\n")
