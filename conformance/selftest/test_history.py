"""The reader of histories, and the checkers on histories written by hand."""

import os
import subprocess
from pathlib import Path

import pytest

from daemontools_conformance import helpers
from daemontools_conformance.helpers.history import (
    NOTE_START,
    TICKS_PER_SECOND,
    Event,
    births,
    moments,
    now,
    overlaps,
    parse,
    read,
    received,
    signals,
    starts,
    too_soon,
    witness,
)
from daemontools_conformance.running.patience import eventually

GOOD = """\
10 start 1000
10 ready
10 signal TERM
10 signal CONT
10 line hello world
10 end
11 start 1100
"""


def test_a_history_is_read_line_by_line() -> None:
    history = parse(GOOD)
    assert history[0] == Event(10, "start", "1000")
    assert history[1] == Event(10, "ready")
    assert signals(history) == ["TERM", "CONT"]
    assert received(history) == ["hello world"]
    assert starts(history) == [10, 11]
    assert moments(history) == [1000, 1100]


def test_an_unfinished_line_is_no_event_yet() -> None:
    assert parse("10 start 1000\n10 sig") == [Event(10, "start", "1000")]


def test_no_file_is_an_empty_history(tmp_path: Path) -> None:
    assert read(tmp_path / "history") == []


def test_a_good_history_has_no_problems() -> None:
    assert overlaps(parse(GOOD)) == []
    assert too_soon([(1000, 1000), (1100, 1100)], 100 / TICKS_PER_SECOND) == []


def test_a_start_that_comes_too_soon() -> None:
    assert len(too_soon([(1000, 1000), (1100, 1100)], 101 / TICKS_PER_SECOND)) == 1


def test_bounds_of_births_count_together() -> None:
    births = [(1000, 1010), (1000, 1101), (1090, 1201)]
    assert too_soon(births, 100 / TICKS_PER_SECOND) == []
    assert len(too_soon(births, 101 / TICKS_PER_SECOND)) == 1


@pytest.mark.parametrize("has_proc", [True, False])
def test_births_are_told_or_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_proc: bool
) -> None:
    monkeypatch.setattr(helpers.history, "HAS_PROC", has_proc)
    file = tmp_path / "history"
    begin = now()
    look = births(file)
    assert look() == []
    file.write_text(GOOD)
    seen = look()
    end = now() + 1
    if has_proc:
        assert seen == [(1000, 1000), (1100, 1100)]
    else:
        assert all(begin <= first <= last <= end for first, last in seen)
    assert look() == seen


def test_two_processes_at_a_time() -> None:
    history = parse("10 start 1000\n11 start 1100\n10 signal TERM\n11 ready\n")
    assert overlaps(history) == ["process 10 noted signal while 11 was running"]


def test_the_witness_notes_signals_lines_and_its_end(tmp_path: Path) -> None:
    child = subprocess.Popen(
        ["/bin/sh", "-c", witness("TERM")], cwd=tmp_path, stdin=subprocess.PIPE
    )
    file = tmp_path / "history"
    eventually(lambda: Event(child.pid, "ready") in read(file))
    child.send_signal(1)
    eventually(lambda: signals(read(file)) == ["HUP"])
    assert child.stdin is not None
    child.stdin.write(b"a line\nunfinished")
    child.stdin.close()
    eventually(lambda: received(read(file)) == ["a line"])
    child.terminate()
    assert child.wait(20) == 0
    assert [event.what for event in read(file)] == [
        "start",
        "ready",
        "signal",
        "line",
        "signal",
        "end",
    ]


def test_a_shell_notes_its_start(tmp_path: Path) -> None:
    with open("/proc/uptime") as file:
        before = float(file.read().split()[0])
    subprocess.run(["/bin/sh", "-c", NOTE_START], cwd=tmp_path, check=True)
    (event,) = read(tmp_path / "history")
    assert event.what == "start"
    assert event.pid != os.getpid()
    assert before - 1 <= int(event.detail) / TICKS_PER_SECOND <= before + 60
