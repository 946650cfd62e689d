"""The log reader gives every line once and in order, whatever multilog does meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemontools import logs

NAME = "@4000000065000000{:08d}"


class Directory:
    """A log directory; the test makes multilog's system calls in it, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = 0
        self.number = 0
        (path / "state").touch()  # multilog makes it with and without a processor
        self.current = (path / "current").open("ab", buffering=0)

    def line(self) -> None:
        """Write the next number."""
        self.current.write(b"%d\n" % self.number)
        self.number += 1

    def begin_rotation(self) -> None:
        """`current` becomes `previous`."""
        self.current.close()
        os.rename(self.path / "current", self.path / "previous")

    def new_current(self) -> None:
        """Make a new `current`."""
        self.current.close()
        self.current = (self.path / "current").open("ab", buffering=0)

    def link(self, source: str = "previous", code: str = "s") -> None:
        """Give a file its final name in addition to its old one."""
        self.names += 1
        os.link(self.path / source, self.path / (NAME.format(self.names) + "." + code))

    def rotate(self) -> None:
        """Carry out a whole rotation."""
        self.begin_rotation()
        self.new_current()
        self.link()
        self.unlink("previous")

    def process(self) -> None:
        """Write what a processor makes of `previous`."""
        (self.path / "newstate").touch()
        text = (self.path / "previous").read_bytes()
        (self.path / "processed").write_bytes(text.replace(b"\n", b" processed\n"))

    def new_state(self) -> None:
        """Take over the processor's new state, after `previous` has been removed."""
        (self.path / "newstate").rename(self.path / "state")

    def unlink(self, name: str) -> None:
        """Remove one name of a file."""
        os.unlink(self.path / name)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path)
    yield made
    made.current.close()


class Follower:
    """Follows a directory; `seen` has what the reader has given so far."""

    def __init__(self, path: Path, *, new: bool = False) -> None:
        self.seen: list[bytes] = []
        # Everything happens between two looks.
        self._files = logs._Files(path, new=new, may_be_missing=True, complain=pytest.fail)  # noqa: SLF001
        self._rest = b""

    def look(self) -> None:
        """Read until the reader would pause."""
        while True:
            newer = self._files.look_for_newer()
            while chunk := self._files.read():
                *whole, self._rest = (self._rest + chunk).split(b"\n")
                self.seen += whole
            if not newer:
                return
            self._files.turn_to(newer)


def numbers(until: int) -> list[bytes]:
    return [b"%d" % number for number in range(until)]


def raw(path: Path) -> list[bytes]:
    return [line.raw for line in logs.lines(path)]


def test_lines_come_in_the_order_in_which_they_were_written(directory: Directory) -> None:
    for _ in range(5):
        directory.line()
        directory.line()
        directory.rotate()
    directory.line()
    directory.begin_rotation()
    directory.new_current()
    directory.line()
    assert raw(directory.path) == numbers(12)


def test_a_file_that_has_both_names_is_read_once(directory: Directory) -> None:
    directory.line()
    directory.begin_rotation()
    directory.new_current()
    directory.line()
    directory.link()
    assert raw(directory.path) == numbers(2)


def test_other_files_are_not_read(directory: Directory) -> None:
    directory.line()
    for name in ("lock", "state", "newstate", "processed", "status", "@x", "@" + 24 * "0"):
        (directory.path / name).write_bytes(b"no\n")
    assert raw(directory.path) == numbers(1)


def test_a_line_that_spans_two_files_is_one_line(directory: Directory) -> None:
    directory.current.write(b"one ")
    directory.rotate()
    directory.current.write(b"line\n")
    assert raw(directory.path) == [b"one line"]


def test_after_an_unfinished_file_a_new_line_begins(directory: Directory) -> None:
    directory.current.write(b"cut of")
    directory.link("current", code="u")
    directory.unlink("current")
    directory.new_current()
    directory.line()
    assert raw(directory.path) == [b"cut of", b"0"]


def test_a_last_line_without_newline_is_given_as_it_is(directory: Directory) -> None:
    directory.line()
    directory.current.write(b"half")
    assert raw(directory.path) == [b"0", b"half"]


def test_lines_have_times_and_texts() -> None:
    line = logs.Line(b"@4000000037c219bf2ef02e94 mice  two")
    assert (line.time, line.text) == ((935467445, 787492500), b"mice  two")
    assert (logs.Line(b"@hello mice").time, logs.Line(b"@hello mice").text) == (
        None,
        b"@hello mice",
    )


def test_an_empty_or_missing_directory(tmp_path: Path) -> None:
    assert raw(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        raw(tmp_path / "nowhere")


STEPS = st.lists(st.sampled_from(["line", "look", "go on", "rotation", "crash"]), max_size=80)


@settings(deadline=None, max_examples=300)
@given(steps=STEPS, processor=st.booleans())
@example(
    steps=["crash", *3 * ["go on"], "line", "rotation", *3 * ["go on"], "look"], processor=True
)
def test_following_neither_loses_nor_repeats_a_line(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], processor: bool
) -> None:
    """Rotation goes on one system call at a time, and the reader looks at any time between."""
    directory = Directory(tmp_path_factory.mktemp("log"))
    follower = Follower(directory.path)
    follower.look()
    under_way: list[Callable[[], None]] = []
    unlink, link = directory.unlink, directory.link
    rotation = [directory.begin_rotation, directory.new_current]
    if processor:
        rotation += [
            directory.process,
            partial(unlink, "previous"),
            directory.new_state,
            partial(link, "processed"),
            partial(unlink, "processed"),
        ]
    else:
        rotation += [directory.link, partial(unlink, "previous")]
    crash = [partial(link, "current", "u"), partial(unlink, "current"), directory.new_current]
    for step in steps:
        if step == "look":
            follower.look()
        elif step == "line" and not under_way:
            directory.line()
        elif step in ("rotation", "crash") and not under_way:
            under_way = [*(rotation if step == "rotation" else crash)]
        elif step == "go on" and under_way:
            under_way.pop(0)()
    for act in under_way:
        act()
    follower.look()
    directory.current.close()
    follower._files.close()  # noqa: SLF001
    seen = [line.removesuffix(b" processed") for line in follower.seen]
    assert seen == numbers(directory.number)


def is_between_previous_and_its_final_name(directory: Directory) -> list[Callable[[], None]]:
    """The processor's output of the first line is complete; the steps that are still to come."""
    directory.line()
    directory.begin_rotation()
    directory.new_current()
    directory.line()
    directory.process()
    (directory.path / "processed").chmod(0o744)
    directory.unlink("previous")
    return [
        directory.new_state,
        partial(directory.link, "processed"),
        partial(directory.unlink, "processed"),
    ]


def test_a_processed_file_is_waited_for_until_it_has_its_name(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = is_between_previous_and_its_final_name(directory)
    monkeypatch.setattr(time, "sleep", lambda _: steps.pop(0)())
    assert (raw(directory.path), steps) == ([b"0 processed", b"1"], [])


def test_a_processed_file_that_a_crash_left_is_waited_for_once(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_between_previous_and_its_final_name(directory)
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    follower = Follower(directory.path)
    follower.look()
    follower.look()
    follower._files.close()  # noqa: SLF001
    assert (follower.seen, 0.9 < sum(slept) < 1.1) == ([b"1"], True)


def test_new_leaves_out_what_is_there(directory: Directory) -> None:
    for _ in range(3):
        directory.line()
        directory.rotate()
    directory.line()
    follower = Follower(directory.path, new=True)
    directory.line()
    directory.rotate()
    directory.line()
    follower.look()
    follower._files.close()  # noqa: SLF001
    assert follower.seen == [b"4", b"5"]


def test_a_removed_file_is_no_reason_to_stop(directory: Directory) -> None:
    follower = Follower(directory.path)
    for _ in range(5):
        directory.line()
        directory.rotate()
    for name in sorted(directory.path.glob("@*"))[:3]:
        name.unlink()
    follower.look()
    follower._files.close()  # noqa: SLF001
    assert follower.seen == [b"3", b"4"]


def test_a_file_removed_before_its_final_name_was_seen_takes_no_other_with_it(
    directory: Directory,
) -> None:
    directory.line()
    follower = Follower(directory.path)
    follower.look()
    for _ in range(3):
        directory.rotate()
        directory.line()
    min(directory.path.glob("@*")).unlink()
    follower.look()
    follower._files.close()  # noqa: SLF001
    assert follower.seen == numbers(4)


MULTILOG = shutil.which("multilog")


@pytest.mark.skipif(not MULTILOG, reason="needs a multilog on PATH")
@pytest.mark.parametrize("processor", [[], ["!sed 's/^/processed /'"]])
def test_following_a_real_multilog_that_rotates_and_dies(
    tmp_path: Path, processor: list[str]
) -> None:
    log = tmp_path / "log"
    log.mkdir()
    seen: list[bytes] = []
    total = 30_000

    def follow() -> None:
        for line in logs.lines(log, follow=True, pause=0.001):
            seen.append(line.raw.removeprefix(b"processed "))
            if line.raw.endswith(b"last"):
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    script = ["s4096", "n1000", *processor, str(log)]
    multilog = subprocess.Popen([str(MULTILOG), *script], stdin=subprocess.PIPE, bufsize=0)
    for number in range(total):
        if number % 1000 == 999:
            # multilog finishes its line and exits; the next one goes on with `current`.
            assert multilog.stdin
            multilog.stdin.close()
            assert multilog.wait() == 0
            multilog = subprocess.Popen([str(MULTILOG), *script], stdin=subprocess.PIPE, bufsize=0)
        assert multilog.stdin
        multilog.stdin.write(b"line %d\n" % number)
    assert multilog.stdin
    multilog.stdin.write(b"last\n")
    thread.join(timeout=60)
    assert not thread.is_alive(), f"{len(seen)} of {total} lines after a minute"
    multilog.stdin.close()
    multilog.wait()
    assert seen == [b"line %d" % number for number in range(total)] + [b"last"]


def run(*arguments: str, tz: str = "UTC") -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-I", "-m", "daemontools.logs", *arguments]
    environment = {**os.environ, "TZ": tz}
    return subprocess.run(command, capture_output=True, env=environment, check=False)


def test_the_command_prints_the_log(directory: Directory) -> None:
    directory.current.write(b"@400000003883d9ca00000000 a\n")
    directory.rotate()
    directory.current.write(b"b\n")
    assert run(str(directory.path)).stdout == b"@400000003883d9ca00000000 a\nb\n"
    assert run("--local", str(directory.path)).stdout == b"2000-01-18 03:10:56.000000000 a\nb\n"


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    answer = run(str(tmp_path / "nowhere"))
    assert (answer.returncode, answer.stdout) == (1, b"")
    assert answer.stderr.startswith(b"daemontools.logs: ")
    assert answer.stderr.count(b"\n") == 1


def test_the_command_follows_and_dies_of_an_interrupt_silently(directory: Directory) -> None:
    command = [sys.executable, "-I", "-m", "daemontools.logs", "--follow", str(directory.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    for _ in range(3):
        directory.line()
        assert process.stdout.readline() == b"%d\n" % (directory.number - 1)
        directory.rotate()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == -signal.SIGINT
    assert process.stderr.read() == b""
    process.stdout.close()
    process.stderr.close()


def test_a_look_inside_a_very_long_line_is_empty(tmp_path: Path) -> None:
    (tmp_path / "current").write_bytes(b"x" * 200_000 + b"\nshort\n")
    looks = logs.looks(tmp_path, complain=pytest.fail)
    assert [len(next(looks)) for _ in range(6)] == [0, 0, 0, 2, 0, 0]
