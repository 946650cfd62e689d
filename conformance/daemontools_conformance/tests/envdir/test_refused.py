"""envdir: a call that nothing but strace can make fail."""

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.sandbox import Sandbox


@clause("envdir/error/no-way-back")
@needs("strace")
def test_the_starting_directory_cannot_be_entered_again(sandbox: Sandbox) -> None:
    sandbox.write("e/A", b"x\n")
    strace = ["strace", "-o", "/dev/null", "-e", "inject=fchdir:error=EIO"]
    answer = sandbox.start_command([*strace, "envdir", "e", "/bin/echo", "ran"]).wait()
    expected = b"envdir: fatal: unable to switch to starting directory: input/output error\n"
    assert (answer.code, answer.out, answer.err) == (111, b"", expected)


@clause("envdir/error/out-of-memory")
def test_a_file_larger_than_the_memory(sandbox: Sandbox) -> None:
    with open(sandbox.write("e/A"), "wb") as file:
        file.truncate(300_000_000)
    answer = sandbox.run("envdir", "e", "true", prepare=["--limit", "AS=100000000"])
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to read e/A: out of memory\n"


@clause("envdir/child/cannot-run-odd")
def test_odd_entries_change_no_message(sandbox: Sandbox) -> None:
    sandbox.write("e/A", b"x\n")
    answer = sandbox.run("envdir", "e", "./none", prepare=["--environ-entry", "odd"])
    expected = b"envdir: fatal: unable to run ./none: file does not exist\n"
    assert (answer.code, answer.err) == (111, expected)
