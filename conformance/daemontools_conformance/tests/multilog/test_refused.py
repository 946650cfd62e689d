"""multilog: a status file that can be created and not written, a directory without return."""

import subprocess

from daemontools_conformance.marks import clause, needs
from daemontools_conformance.outcomes import Unavailable
from daemontools_conformance.sandbox import Sandbox


@clause("multilog/status/append-only")
@needs("root")
def test_a_file_that_only_grows_gives_111(sandbox: Sandbox) -> None:
    file = sandbox.write("status")
    if subprocess.run(["chattr", "+a", file], capture_output=True, check=False).returncode:
        raise Unavailable("this file system has no files that can only be appended to")
    try:
        answer = sandbox.run("multilog", "=status", "e", input=b"one\n")
    finally:
        subprocess.run(["chattr", "-a", file], check=True)
    expected = b"multilog: fatal: unable to write status: permission denied\n"
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/error/no-way-back")
@needs("strace")
def test_the_starting_directory_cannot_be_entered_again(sandbox: Sandbox) -> None:
    strace = ["strace", "-o", "/dev/null", "-e", "inject=fchdir:error=EIO"]
    answer = sandbox.start_command([*strace, "multilog", "./log"]).wait()
    expected = b"multilog: fatal: unable to switch to starting directory: input/output error\n"
    assert (answer.code, answer.err) == (111, expected)
    assert not (sandbox.path / "log").exists()
