"""tai64n: exit codes, silence, and death by signal."""

import os
import signal

import pytest

from daemontools_conformance.marks import clause, needs
from daemontools_conformance.patience import eventually
from daemontools_conformance.processes import Finished
from daemontools_conformance.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.tai64n.labels import split


@clause("tai64n/exit/end-of-input")
def test_the_end_of_the_input_gives_0(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", input=b"a\nb\n")
    assert (answer.code, answer.err) == (0, b"")
    assert [text for _, text in split(answer.out)] == [b"a\n", b"b\n"]


@clause("tai64n/exit/stdin-closed")
def test_closed_input_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", prepare=["--close", "0"])
    assert (answer.code, answer.out, answer.err) == (111, b"", b"")


@clause("tai64n/exit/stdin-directory")
def test_a_directory_as_input_gives_111(sandbox: Sandbox) -> None:
    directory = os.open(sandbox.path, os.O_RDONLY | os.O_DIRECTORY)
    answer = sandbox.run("tai64n", stdin=directory)
    os.close(directory)
    assert (answer.code, answer.out, answer.err) == (111, b"", b"")


@clause("tai64n/exit/stdin-would-block")
def test_empty_input_that_does_not_block_gives_111(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    answer = sandbox.run("tai64n", stdin=reader)
    os.close(reader)
    os.close(writer)
    assert (answer.code, answer.out, answer.err) == (111, b"", b"")


@needs("strace")
@clause("tai64n/exit/read-error")
def test_a_read_error_gives_111_after_what_came_before(sandbox: Sandbox) -> None:
    answer = run_with_fault(sandbox, "read:error=EIO:when=2")
    assert answer.code == 111
    assert [text for _, text in split(answer.out)] == [b"a\n", b"b\n"]


def run_with_fault(sandbox: Sandbox, fault: str) -> Finished:
    """Run tai64n on a file of two lines while strace makes its reads of that file fail."""
    source = sandbox.write("input", b"a\nb\n")
    file, argv = sandbox.argv("tai64n")
    strace = ["strace", "-qq", "-o", "trace", "-P", str(source), "-e", f"inject={fault}", file]
    command = [os.fsencode(word) for word in strace] + argv[1:]
    with open(source, "rb") as input_:
        return sandbox.start_command(command, stdin=input_).wait()


@clause("tai64n/exit/stdout-closed")
def test_closed_output_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", input=b"a\n", prepare=["--close", "1"])
    assert (answer.code, answer.err) == (111, b"")


@clause("tai64n/exit/stdout-closed-unused")
def test_closed_output_without_lines_gives_0(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64n", input=b"", prepare=["--close", "1"])
    assert (answer.code, answer.err) == (0, b"")


@clause("tai64n/exit/disk-full")
def test_a_full_disk_gives_111(sandbox: Sandbox) -> None:
    with open("/dev/full", "wb") as full:
        answer = sandbox.run("tai64n", input=b"a\n", stdout=full)
    assert (answer.code, answer.err) == (111, b"")


@clause("tai64n/exit/stdout-would-block")
def test_a_full_pipe_that_does_not_block_gives_111(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    source = sandbox.write("input", b"line\n" * 100_000)
    with open(source, "rb") as input_:
        answer = sandbox.run("tai64n", stdin=input_, stdout=writer)
    os.close(reader)
    os.close(writer)
    assert (answer.code, answer.err) == (111, b"")


@clause("tai64n/exit/pipe-ignored")
def test_no_reader_and_pipe_ignored_gives_111(sandbox: Sandbox, variant: str) -> None:
    answer = run_without_reader(sandbox, ["--ignore", "PIPE"])
    assert answer.code == {"": 111, "python": -signal.SIGPIPE}[variant]
    assert answer.err == b""


@clause("tai64n/signal/pipe")
def test_no_reader_is_death_by_pipe(sandbox: Sandbox) -> None:
    answer = run_without_reader(sandbox, ["--default", "PIPE"])
    assert (answer.code, answer.err) == (-signal.SIGPIPE, b"")


def run_without_reader(sandbox: Sandbox, prepare: list[str]) -> Finished:
    """Run tai64n with a pipe as output that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    answer = sandbox.run("tai64n", input=b"a\n", stdout=writer, prepare=prepare)
    os.close(writer)
    return answer


@clause("tai64n/signal/xfsz")
def test_too_large_a_file_is_death_by_xfsz(sandbox: Sandbox) -> None:
    source = sandbox.write("input", b"line\n" * 10_000)
    with open(source, "rb") as input_, open(sandbox.path / "log", "wb") as log:
        prepare = ["--default", "XFSZ", "--limit", "FSIZE=65000"]
        answer = sandbox.run("tai64n", stdin=input_, stdout=log, prepare=prepare)
    assert answer.code == -signal.SIGXFSZ
    assert (sandbox.path / "log").stat().st_size == 65000


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
