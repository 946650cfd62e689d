"""multilog: TERM ends it at the end of a line, and takes nothing beyond."""

import os
import re
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from daemontools_conformance.helpers.logdirs import contents, lines, mode, old_files
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import TooLate, eventually, never
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.signals import deliver
from daemontools_conformance.running.table import is_asleep

WARNING = re.compile(rb"^multilog: warning: unable to .*, pausing: .*\n", re.MULTILINE)


@clause("multilog/term/exit")
def test_term_between_lines_ends_it_with_0(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"one\n")
    eventually(lambda: current.read_bytes() == b"one\n")
    multilog.signal(signal.SIGTERM)
    assert multilog.wait().code == 0
    assert mode(current) == "0744"


@clause("multilog/term/before-input")
def test_term_before_any_input_ends_it_with_0(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    eventually(lambda: mode(current) == "0644")
    eventually(lambda: is_asleep(multilog.pid))
    multilog.signal(signal.SIGTERM)
    assert multilog.wait().code == 0
    assert mode(current) == "0744"


@clause("multilog/term/finishes-the-line")
def test_term_within_a_line_waits_for_its_end(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"one\ntw")
    eventually(lambda: current.read_bytes() == b"one\n")
    deliver(multilog, signal.SIGTERM)
    never(multilog.has_ended, during=0.3)
    multilog.write(b"o\n")
    assert multilog.wait().code == 0
    assert current.read_bytes() == b"one\ntwo\n"


@clause("multilog/term/finishes-the-line")
def test_term_within_a_long_line_waits_for_its_end(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"x" * 5000)
    eventually(lambda: current.stat().st_size == 5000)
    deliver(multilog, signal.SIGTERM)
    never(multilog.has_ended, during=0.3)
    multilog.write(b"y\n")
    assert multilog.wait().code == 0
    assert current.read_bytes() == b"x" * 5000 + b"y\n"


@clause("multilog/term/partial-line-at-the-end")
def test_term_and_the_end_of_input_finish_a_partial_line(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "e", "./log", stdin=PIPE)
    multilog.write(b"one\ntwo")
    multilog.wait_until_err(b"one\n")
    deliver(multilog, signal.SIGTERM)
    multilog.end_input()
    multilog.wait()
    assert (sandbox.path / "log/current").read_bytes() == b"one\ntwo\n"


@clause("multilog/term/leaves-the-rest")
def test_not_a_byte_beyond_the_line_is_read(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    multilog = sandbox.start("multilog", "./log", stdin=reader)
    current = sandbox.path / "log/current"
    os.write(writer, b"one\ntw")
    eventually(lambda: current.read_bytes() == b"one\n")
    deliver(multilog, signal.SIGTERM)
    os.write(writer, b"o\nthree\nfo")
    multilog.wait()
    os.close(writer)  # if it has read all of the text, there is an end to find
    assert os.read(reader, 100) == b"three\nfo"
    os.close(reader)


@clause("multilog/term/leaves-the-rest")
def test_term_between_lines_leaves_what_comes_after_it(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    multilog = sandbox.start("multilog", "./log", stdin=reader)
    os.write(writer, b"one\n")
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"one\n")
    multilog.signal(signal.SIGTERM)
    multilog.wait()
    os.write(writer, b"two\n")
    os.close(writer)  # if somebody has read the line, there is an end to find
    assert os.read(reader, 100) == b"two\n"
    os.close(reader)


@clause("multilog/term/next-goes-on")
def test_the_next_multilog_on_the_pipe_loses_nothing(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    text = lines(40_000)
    sandbox.write("first", text[: len(text) // 2])
    sandbox.write("second", text[len(text) // 2 :])
    in_parts = ["sh", "-c", "cat first; read go; cat second"]
    feeder = sandbox.start_command(in_parts, stdin=PIPE, stdout=writer)
    os.close(writer)
    log = sandbox.path / "log"
    for turn in range(1, 200):
        multilog = sandbox.start("multilog", "s99999", "n999", "./log", stdin=reader)
        enough = min(turn * 100_000, 2_000_000)
        eventually(partial(has_begun_and_written, multilog, log, enough), within=30)
        multilog.signal(signal.SIGTERM)
        assert multilog.wait().code == 0
        if turn == 2:  # TERM has ended it twice: until now there was no end to find
            feeder.write(b"\n")
        if size(log) == len(text):
            break
    os.close(reader)
    assert feeder.wait().code == 0
    assert contents(log) == text


def has_begun_and_written(multilog: Running, log: Path, enough: int) -> bool:
    """Does it write, and is so much in the log? Or has it ended?"""
    return multilog.has_ended() or (mode(log / "current") == "0644" and size(log) >= enough)


def size(directory: Path) -> int:
    """The bytes in a log, now; a file that is being put away may count twice or not at all."""
    total = 0
    for entry in os.scandir(directory):
        if entry.name.startswith("@") or entry.name == "current":
            try:
                total += entry.stat().st_size
            except FileNotFoundError:
                pass
    return total


@clause("multilog/term/repeated")
def test_further_terms_change_nothing(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "e", stdin=PIPE)
    multilog.write(b"one\ntw")
    multilog.wait_until_err(b"one\n")
    for _ in range(3):
        deliver(multilog, signal.SIGTERM)
    multilog.write(b"o\n")
    answer = multilog.wait()
    assert (answer.code, answer.err) == (0, b"one\ntwo\n")


@clause("multilog/term/after-alrm")
def test_alrm_and_term_within_a_line_rotate_and_then_end(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"one\ntw")
    eventually(lambda: current.read_bytes() == b"one\n")
    deliver(multilog, signal.SIGTERM)
    deliver(multilog, signal.SIGALRM)
    multilog.write(b"o\n")
    assert multilog.wait().code == 0
    assert (current.read_bytes(), mode(current)) == (b"two\n", "0744")
    assert contents(sandbox.path / "log") == b"one\ntwo\n"


@clause("multilog/term/blocked-or-ignored")
@pytest.mark.parametrize("state", [["--block", "TERM"], ["--ignore", "TERM"]])
def test_term_counts_whatever_was_inherited(sandbox: Sandbox, state: list[str]) -> None:
    multilog = sandbox.start("multilog", "e", stdin=PIPE, prepare=state)
    multilog.write(b"one\n")
    multilog.wait_until_err(b"one\n")
    multilog.signal(signal.SIGTERM)
    assert multilog.wait().code == 0


@clause("multilog/term/other-signals")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGQUIT])
def test_other_signals_kill_it(sandbox: Sandbox, number: int) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    multilog.write(b"one\n")
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"one\n")
    multilog.signal(number)
    assert multilog.wait().code == -number
    assert mode(sandbox.path / "log/current") == "0644"


@clause("multilog/term/ignored-by-others")
@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "USR1"])
def test_ignored_signals_stay_ignored(sandbox: Sandbox, name: str) -> None:
    multilog = sandbox.start("multilog", "e", stdin=PIPE, prepare=["--ignore", name])
    multilog.write(b"one\n")
    multilog.wait_until_err(b"one\n")
    multilog.signal(signal.Signals[f"SIG{name}"])
    multilog.write(b"two\n")
    multilog.wait_until_err(b"one\ntwo\n")


@clause("multilog/term/while-starting")
@pytest.mark.parametrize("milliseconds", [0, 3, 10, 20, 50])
def test_term_while_it_starts_takes_no_input(sandbox: Sandbox, milliseconds: int) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a line\n")
    multilog = sandbox.start("multilog", "./log", stdin=reader)
    never(multilog.has_ended, during=milliseconds / 1000)
    multilog.signal(signal.SIGTERM)
    with suppress(TooLate):  # 0.76 may note TERM just before it waits for more input
        eventually(multilog.has_ended, within=5)
    os.close(writer)
    assert multilog.wait().code in (0, -signal.SIGTERM)
    log = sandbox.path / "log"
    assert (contents(log) if (log / "current").exists() else b"") + os.read(
        reader, 99
    ) == b"a line\n"
    os.close(reader)


def at_a_failing_step(sandbox: Sandbox) -> Running:
    """A multilog whose restart cannot give away `previous`, when it has said so.

    (Where a directory has one name, multilog tries to link it; elsewhere, to remove it.)
    """
    sandbox.write("log/current", "current", mode=0o644)
    (sandbox.path / "log/previous").mkdir()
    multilog = sandbox.start("multilog", "./log")
    wait_until_warned(multilog, 1)
    return multilog


def wait_until_warned(multilog: Running, times: int) -> None:
    eventually(lambda: len(WARNING.findall(multilog.err)) == times, what=f"warning {times}")


@clause("multilog/restart/step-retried")
def test_a_step_of_a_restart_that_fails_is_tried_again(sandbox: Sandbox) -> None:
    multilog = at_a_failing_step(sandbox)
    wait_until_warned(multilog, 2)
    previous = sandbox.path / "log/previous"
    previous.rmdir()
    sandbox.write("log/previous", "previous", mode=0o644)
    multilog.wait()
    assert old_files(previous.parent)[-1].read_text() == "current"


@clause("multilog/term/while-a-step-fails")
def test_term_does_not_end_a_restart_whose_step_fails(sandbox: Sandbox) -> None:
    multilog = at_a_failing_step(sandbox)
    multilog.signal(signal.SIGTERM)
    wait_until_warned(multilog, 3)
