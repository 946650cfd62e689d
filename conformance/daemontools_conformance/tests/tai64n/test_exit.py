"""tai64n: exit codes, silence, and death by signal."""

import signal

import pytest

from daemontools_conformance.helpers.filters import (
    run_into_full_pipe,
    run_on_directory,
    run_on_empty_pipe,
    run_under_file_limit,
    run_with_fault,
    run_without_reader,
)
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.tai64n.labels import split


@clause("tai64n/exit/end-of-input")
def test_the_end_of_the_input_gives_0(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", input=b"a\nb\n")
    assert (answer.code, answer.err) == (0, b"")
    assert [text for _, text in split(answer.out)] == [b"a\n", b"b\n"]


@clause("tai64n/exit/stdin-closed")
def test_closed_input_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", prepare=["--close", "0"])
    assert (answer.code, answer.out) == (111, b"")


@clause("tai64n/exit/stdin-directory")
def test_a_directory_as_input_gives_111(sandbox: Sandbox) -> None:
    answer = run_on_directory(sandbox, "tai64n")
    assert (answer.code, answer.out) == (111, b"")


@clause("tai64n/exit/stdin-would-block")
def test_empty_input_that_does_not_block_gives_111(sandbox: Sandbox) -> None:
    answer = run_on_empty_pipe(sandbox, "tai64n")
    assert (answer.code, answer.out) == (111, b"")


@needs("strace")
@clause("tai64n/exit/read-error")
def test_a_read_error_gives_111_after_what_came_before(sandbox: Sandbox) -> None:
    answer = run_with_fault(sandbox, "tai64n", "read:error=EIO:when=2")
    assert answer.code == 111
    assert [text for _, text in split(answer.out)] == [b"a\n", b"b\n"]


@clause("tai64n/exit/stdout-closed")
def test_closed_output_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", input=b"a\n", prepare=["--close", "1"])
    assert answer.code == 111


@clause("tai64n/exit/stdout-closed-unused")
def test_closed_output_without_lines_gives_0(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", input=b"", prepare=["--close", "1"])
    assert (answer.code, answer.err) == (0, b"")


@clause("tai64n/exit/disk-full")
def test_a_full_disk_gives_111(sandbox: Sandbox) -> None:
    with open("/dev/full", "wb") as full:
        answer = sandbox.run("tai64n", input=b"a\n", stdout=full)
    assert answer.code == 111


@clause("tai64n/exit/stdout-would-block")
def test_a_full_pipe_that_does_not_block_gives_111(sandbox: Sandbox) -> None:
    answer = run_into_full_pipe(sandbox, "tai64n")
    assert answer.code == 111


@clause("tai64n/exit/pipe-ignored")
def test_no_reader_and_pipe_ignored_gives_111(sandbox: Sandbox, variant: str) -> None:
    answer = run_without_reader(sandbox, "tai64n", ["--ignore", "PIPE"])
    assert answer.code == {"": 111, "python": -signal.SIGPIPE}[variant]


@clause("tai64n/signal/pipe")
def test_no_reader_is_death_by_pipe(sandbox: Sandbox) -> None:
    answer = run_without_reader(sandbox, "tai64n", ["--default", "PIPE"])
    assert (answer.code, answer.err) == (-signal.SIGPIPE, b"")


@clause("tai64n/signal/xfsz")
def test_too_large_a_file_is_death_by_xfsz(sandbox: Sandbox) -> None:
    answer, size = run_under_file_limit(sandbox, "tai64n", most=65000)
    assert (answer.code, size) == (-signal.SIGXFSZ, 65000)


@clause("tai64n/signal/term")
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "ALRM", "QUIT"])
def test_the_usual_signals_kill_it(sandbox: Sandbox, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    tai64n = sandbox.start("tai64n", stdin=PIPE, prepare=["--default", name])
    tai64n.write(b"a\n")
    eventually(lambda: split(tai64n.out))
    tai64n.signal(number)
    assert tai64n.wait().code == -number


@clause("tai64n/usage/arguments-ignored")
def test_arguments_are_ignored(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", "-x", "nowhere", input=b"a\n")
    assert (answer.code, answer.err) == (0, b"")
    assert [text for _, text in split(answer.out)] == [b"a\n"]
