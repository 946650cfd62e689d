"""envdir: a call that nothing but strace can make fail."""

from daemontools_conformance.marks import clause, needs
from daemontools_conformance.sandbox import Sandbox


@clause("envdir/error/no-way-back")
@needs("strace")
def test_the_starting_directory_cannot_be_entered_again(sandbox: Sandbox) -> None:
    sandbox.write("e/A", b"x\n")
    strace = ["strace", "-o", "/dev/null", "-e", "inject=fchdir:error=EIO"]
    answer = sandbox.start_command([*strace, "envdir", "e", "/bin/echo", "ran"]).wait()
    expected = b"envdir: fatal: unable to switch to starting directory: input/output error\n"
    assert (answer.code, answer.out, answer.err) == (111, b"", expected)
