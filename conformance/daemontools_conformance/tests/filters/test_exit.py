"""The two filters, tai64n and tai64nlocal: exit codes, silence, and death by signal."""

import signal

import pytest

from daemontools_conformance.helpers.filters import (
    run_into_full_pipe,
    run_on_directory,
    run_on_empty_pipe,
    run_on_failing_input,
    run_under_file_limit,
    run_with_fault,
    run_without_reader,
)
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.tai64n.labels import split


def each(topic: str) -> list[object]:
    """Both filters; each carries its clause PROGRAM/topic."""
    return [
        pytest.param(name, marks=clause(f"{name}/{topic}")) for name in ("tai64n", "tai64nlocal")
    ]


def text(program: str, out: bytes) -> bytes:
    """What came out for lines that do not begin with a label, without the labels of tai64n."""
    return b"".join(line for _, line in split(out)) if program == "tai64n" else out


@pytest.mark.parametrize("program", each("exit/end-of-input"))
def test_the_end_of_the_input_gives_0(sandbox: Sandbox, program: str) -> None:
    answer = sandbox.run(program, input=b"a\nb\n")
    assert answer.code == 0
    assert text(program, answer.out) == b"a\nb\n"


@pytest.mark.parametrize("program", each("exit/stdin-closed"))
def test_closed_input_gives_111(sandbox: Sandbox, program: str) -> None:
    assert sandbox.run(program, prepare=["--close", "0"]).code == 111


@pytest.mark.parametrize("program", each("exit/stdin-directory"))
def test_a_directory_as_input_gives_111(sandbox: Sandbox, program: str) -> None:
    assert run_on_directory(sandbox, program).code == 111


@pytest.mark.parametrize("program", each("exit/stdin-would-block"))
def test_empty_input_that_does_not_block_gives_111(sandbox: Sandbox, program: str) -> None:
    assert run_on_empty_pipe(sandbox, program).code == 111


@needs("linux")
@pytest.mark.parametrize("program", each("exit/read-error"))
def test_a_read_error_gives_111_after_what_came_before(sandbox: Sandbox, program: str) -> None:
    answer = run_on_failing_input(sandbox, program, b"a\nb\n")
    assert answer.code == 111
    assert text(program, answer.out) == b"a\nb\n"


@needs("strace")
@clause("tai64nlocal/exit/read-interrupted")
def test_an_interrupted_read_is_done_again(sandbox: Sandbox) -> None:
    answer = run_with_fault(sandbox, "tai64nlocal", "read:error=EINTR:when=1..2")
    assert (answer.code, answer.out) == (0, b"a\nb\n")


@pytest.mark.parametrize("program", each("exit/stdout-closed"))
def test_closed_output_gives_111(sandbox: Sandbox, program: str) -> None:
    answer = sandbox.run(program, input=b"a\n", prepare=["--close", "1"])
    assert answer.code == 111


@pytest.mark.parametrize("program", each("exit/stdout-closed-unused"))
def test_closed_output_without_lines_gives_0(sandbox: Sandbox, program: str) -> None:
    assert sandbox.run(program, input=b"", prepare=["--close", "1"]).code == 0


@pytest.mark.parametrize("program", each("exit/disk-full"))
@needs("/dev/full")
def test_a_full_disk_gives_111(sandbox: Sandbox, program: str) -> None:
    with open("/dev/full", "wb") as full:
        answer = sandbox.run(program, input=b"a\n", stdout=full)
    assert answer.code == 111


@pytest.mark.parametrize("program", each("exit/stdout-would-block"))
def test_a_full_pipe_that_does_not_block_gives_111(sandbox: Sandbox, program: str) -> None:
    answer = run_into_full_pipe(sandbox, program)
    assert answer.code == 111


@pytest.mark.parametrize("program", each("exit/pipe-ignored"))
def test_no_reader_and_pipe_ignored_gives_111(sandbox: Sandbox, program: str, variant: str) -> None:
    answer = run_without_reader(sandbox, program, ["--ignore", "PIPE"])
    assert answer.code == {"": 111, "python": -signal.SIGPIPE}[variant]


@pytest.mark.parametrize("program", each("signal/pipe"))
def test_no_reader_is_death_by_pipe(sandbox: Sandbox, program: str) -> None:
    answer = run_without_reader(sandbox, program, ["--default", "PIPE"])
    assert answer.code == -signal.SIGPIPE


@pytest.mark.parametrize("program", each("signal/xfsz"))
def test_too_large_a_file_is_death_by_xfsz(sandbox: Sandbox, program: str) -> None:
    answer, size = run_under_file_limit(sandbox, program, most=65000)
    assert (answer.code, size) == (-signal.SIGXFSZ, 65000)


@pytest.mark.parametrize("program", each("signal/term"))
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "ALRM", "QUIT"])
def test_the_usual_signals_kill_it(sandbox: Sandbox, program: str, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    running = sandbox.start(program, stdin=PIPE, prepare=["--default", name])
    running.write(b"a\n")
    eventually(lambda: running.out)
    running.signal(number)
    assert running.wait().code == -number


@pytest.mark.parametrize("program", each("usage/arguments-ignored"))
def test_arguments_are_ignored(sandbox: Sandbox, program: str) -> None:
    answer = sandbox.run(program, "-x", "nowhere", input=b"a\n")
    assert (answer.code, answer.err) == (0, b"")
    assert text(program, answer.out) == b"a\n"
