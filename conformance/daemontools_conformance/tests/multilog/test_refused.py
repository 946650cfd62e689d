"""multilog: a status file that can be created and not written, a directory without return."""

import resource
import subprocess
import time

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.limits import prlimit
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.strace import run_refused
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.multilog.refusing import without_reading


@clause("multilog/status/append-only")
@needs("root", "chattr")
def test_a_file_that_only_grows_gives_111(sandbox: Sandbox) -> None:
    file = sandbox.write("status")
    if subprocess.run(["chattr", "+a", file], capture_output=True, check=False).returncode:
        raise Unavailable("this file system has no files that can only be appended to")
    try:
        answer = without_reading(sandbox, "=status")
    finally:
        subprocess.run(["chattr", "-a", file], check=True)
    expected = b"multilog: fatal: unable to write status: permission denied\n"
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/error/no-way-back")
@needs("strace")
def test_the_starting_directory_cannot_be_entered_again(sandbox: Sandbox) -> None:
    answer = run_refused(sandbox, "fchdir", "EIO", "multilog", "./log")
    expected = b"multilog: fatal: unable to switch to starting directory: input/output error\n"
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/status/partly-written")
@needs("linux")
def test_a_status_that_is_written_in_part_is_written_again(sandbox: Sandbox) -> None:
    limited = ["--limit", "FSIZE=500"]
    multilog = sandbox.start("multilog", "=status", stdin=PIPE, prepare=limited)
    began = time.monotonic()
    multilog.write(b"one\n")
    warning = b"multilog: warning: unable to write status, pausing: "
    eventually(lambda: multilog.err.startswith(warning))
    status = sandbox.path / "status"
    assert status.read_bytes() == b"one" + b"\n" * 497
    hard = prlimit(multilog.pid, resource.RLIMIT_FSIZE)[1]
    prlimit(multilog.pid, resource.RLIMIT_FSIZE, (hard, hard))
    eventually(lambda: status.read_bytes() == b"one" + b"\n" * 998)
    assert time.monotonic() - began >= 5
    multilog.end_input()
    assert multilog.wait().code == 0
