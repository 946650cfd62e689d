"""Waits end as soon as the answer is known, and say what they waited for."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemontools_conformance.contract.outcomes import Crashed
from daemontools_conformance.contract.profiles import Profile
from daemontools_conformance.helpers.filters import read_slowly
from daemontools_conformance.helpers.states import child
from daemontools_conformance.hope import SHORT, SHORTEST, Hope
from daemontools_conformance.running import patience
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.patience import InVain, TooLate, eventually, until, words
from daemontools_conformance.running.sandbox import PIPE, Sandbox

CLAUSE, OTHER = "svok/exit/running", "svok/exit/killed"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(Implementation(Profile("mine"), tmp_path), tmp_path / "box")
    yield made
    made.close()


def test_an_assertion_in_a_question_fails_at_once() -> None:
    def question() -> bool:
        raise AssertionError("it is something else")

    begin = time.monotonic()
    with pytest.raises(AssertionError, match="it is something else"):
        eventually(question)
    assert time.monotonic() - begin < 5


def test_an_os_error_in_a_question_means_not_yet(tmp_path: Path) -> None:
    file = tmp_path / "late"
    with subprocess.Popen(["sh", "-c", f"sleep 0.2; echo x > {file}"]):
        assert eventually(file.read_text) == "x\n"


def test_a_wait_ends_with_the_last_process(box: Sandbox) -> None:
    box.start_command(["sh", "-c", "exit 3"])
    with pytest.raises(InVain, match="every process of the test has ended"):
        eventually(lambda: False)
    box.close()


def test_what_the_last_process_did_counts(box: Sandbox) -> None:
    box.start_command(["sh", "-c", "sleep 0.4; echo x > late"])
    assert eventually((box.path / "late").read_text) == "x\n"
    box.close()


def test_a_wait_goes_on_while_a_process_lives(box: Sandbox) -> None:
    box.start_command(["cat"], stdin=PIPE)
    with pytest.raises(TooLate):
        eventually(lambda: False, within=1)
    box.close()


def test_a_process_that_only_sleeps_is_not_waited_for(box: Sandbox) -> None:
    box.start_command(["sh", "-c", "sleep 60 & exec true"])
    box.start_command(["/bin/sleep", "1000"])
    with pytest.raises(InVain, match="or only sleeps"):
        eventually(lambda: False)
    box.close()


def test_output_that_is_something_else_fails_at_once(box: Sandbox) -> None:
    running = box.start_command(["sh", "-c", "echo one; exec sleep 1000"])
    running.wait_until_out(b"one\n")
    with pytest.raises(AssertionError, match="expected: b'two") as failed:
        running.wait_until_out(b"two\n")
    assert not isinstance(failed.value, TooLate)
    box.close()


def test_a_question_is_named_as_its_author_wrote_it(tmp_path: Path) -> None:
    number = 5

    def is_quiet() -> bool:
        return True

    asked = [words(lambda: number == 3), words(is_quiet), words((tmp_path / "lock").exists)]
    assert asked == ["number == 3", "is quiet", f"{tmp_path}/lock exists"]


def test_after_a_wait_in_vain_the_clause_waits_shortly() -> None:
    hope = Hope([CLAUSE, OTHER])
    assert hope.longest_wait(CLAUSE, 0.0) == float("inf")
    hope.note(CLAUSE, in_vain=True)
    assert hope.longest_wait(CLAUSE, 5.0) == SHORT + 15
    assert hope.longest_wait(OTHER, 0.0) == float("inf")


@pytest.mark.parametrize(("passed", "wait"), [(0, SHORTEST), (1, SHORT), (9, float("inf"))])
def test_a_program_that_waits_in_vain_more_often_than_it_passes_waits_shortly(
    passed: int, wait: float
) -> None:
    hope = Hope([CLAUSE, OTHER])
    for _ in range(passed):
        hope.note(CLAUSE, in_vain=False)
    for _ in range(5):
        hope.note(CLAUSE, in_vain=True)
    assert hope.longest_wait(OTHER, 0.0) == wait


def test_where_all_wait_in_vain_a_program_waits_shortly_until_it_has_passed() -> None:
    hope = Hope([CLAUSE, "setlock/lock/held"])
    for _ in range(8):
        hope.note("setlock/lock/held", in_vain=True)
    assert hope.longest_wait(CLAUSE, 0.0) == SHORT
    hope.note(CLAUSE, in_vain=False)
    assert hope.longest_wait(CLAUSE, 0.0) == float("inf")


def test_no_deadline_is_longer_than_the_longest_wait() -> None:
    patience.wait_at_most(0.5)
    try:
        assert (patience.deadline(30), patience.deadline(0.1)) == (0.5, 0.1)
    finally:
        patience.wait_at_most(float("inf"))


def test_until_looks_until_the_answer_is_true() -> None:
    answers = iter([False, False, True])
    assert len(list(until(lambda: next(answers)))) == 2


def test_until_ends_at_the_deadline() -> None:
    with pytest.raises(TooLate, match=r"not within 0\.05 s"):
        list(until(lambda: False, within=0.05))


def test_a_program_is_fed_all_of_a_long_input(box: Sandbox) -> None:
    text = b"0123456789" * 100_000
    cat = box.start_command(["cat"], stdin=PIPE)
    cat.feed(text, within=20)
    assert cat.wait().out == text


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_program_that_ends_without_reading_ends_its_feeding(box: Sandbox, size: int) -> None:
    true = box.start_command(["true"], stdin=PIPE)
    true.feed(b"x" * size, within=20)
    assert true.wait().code == 0


def test_feeding_a_program_that_reads_nothing_ends_late_and_without_an_end(box: Sandbox) -> None:
    sleep = box.start_command(["sleep", "1000"], stdin=PIPE)
    begin = time.monotonic()
    sleep.feed(b"x" * 1_000_000, within=0.2)
    assert 0.2 <= time.monotonic() - begin < 20
    assert sleep.popen.stdin
    assert not sleep.popen.stdin.closed
    box.close()


def test_writing_to_a_program_that_reads_nothing_ends_in_vain(box: Sandbox) -> None:
    tail = box.start_command(["tail", "-f", "/dev/null"], stdin=PIPE)
    with pytest.raises(TooLate, match="reads its input"):
        tail.write(b"x" * 1_000_000, within=0.2)
    box.close()


def test_a_program_is_written_all_of_a_long_input(box: Sandbox) -> None:
    text = b"0123456789" * 100_000
    cat = box.start_command(["cat"], stdin=PIPE)
    cat.write(text)
    cat.end_input()
    assert cat.wait().out == text


def test_reading_slowly_from_a_program_that_writes_nothing_ends_in_vain(box: Sandbox) -> None:
    program = box.path.with_name("tai64n")
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    with pytest.raises(InVain, match="tai64n writes"):
        read_slowly(box, "tai64n", b"x\n")
    box.close()


def test_a_stack_trace_in_place_of_a_probe_is_a_crash(box: Sandbox) -> None:
    program = box.path.with_name("envdir")
    program.write_text("#!/bin/sh\necho 'Traceback (most recent call last):' >&2; exit 111\n")
    program.chmod(0o755)
    with pytest.raises(AssertionError, match="ended before the probe ran"):
        child(box, "envdir", "env")
    for check in (box.check_no_crash, box.close):
        with pytest.raises(Crashed, match="showed a stack trace"):
            check()
    box.messages.unlink()


def test_a_crash_that_a_test_takes_for_an_answer_explains_no_failure(box: Sandbox) -> None:
    crash = box.start_command(["sh", "-c", "kill -SEGV $$"])
    assert crash.wait(crash_is_an_answer=True).code == -signal.SIGSEGV
    box.check_no_crash()
    box.start_command(["sh", "-c", "kill -SEGV $$"]).popen.wait()
    with pytest.raises(Crashed, match="SIGSEGV"):
        box.check_no_crash()
    box.close()
