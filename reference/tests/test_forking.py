"""unix/forking.py: no child is lost, and none returns into the code of its parent."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemontools import install
from daemontools.unix.forking import ended_child, fork, let_go

# The child raises; if it returned to the caller, it would print.
RAISING = """
import os
from daemontools.unix.forking import fork
def child():
    raise {error}
pid = fork(("tool: fatal: unable to start ", b"x", ": "), child)
_, status = os.waitpid(pid, 0)
print("came back", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("OSError(13, '')", "access denied"),
        ("MemoryError()", "out of memory"),
        ("ValueError()", "internal error: ValueError()"),
    ],
)
def test_a_child_that_fails_says_why_and_never_comes_back(error: str, reason: str) -> None:
    code = RAISING.format(error=error)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == f"tool: fatal: unable to start x: {reason}\n"
    assert ended.stdout == "came back 111\n"


def test_an_ended_child_is_found_until_it_is_let_go() -> None:
    pid = fork(("tool: fatal: ",), lambda: os._exit(3))
    while not ended_child():
        pass
    assert ended_child() == pid
    let_go(pid)
    with pytest.raises(ChildProcessError):
        ended_child()


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_supervise_obeys_while_exec_waits(tmp_path: Path) -> None:
    """exec waits for the owner of a lease, as it would for a file system that hangs."""
    interpreter, service = tmp_path / "sh", tmp_path / "s"
    shutil.copy("/bin/sh", interpreter)
    service.mkdir()
    (service / "run").write_text(f"#!{interpreter}\n")
    (service / "run").chmod(0o755)
    install.install(tmp_path / "bin", sys.executable, str(Path(install.__file__).parents[1]))

    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # what the kernel sends the owner
    lease = os.open(interpreter, os.O_RDONLY)
    fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    supervise = subprocess.Popen([tmp_path / "bin/supervise", service])
    try:
        wait_until_started(service / "supervise/status", supervise)
        (service / "supervise/control").write_bytes(b"dx")
        assert supervise.wait(30) == 0  # the kernel breaks the lease after 45 seconds
    finally:
        supervise.kill()
        os.close(lease)
        signal.signal(signal.SIGIO, before)


def wait_until_started(status: Path, supervise: subprocess.Popen[bytes]) -> None:
    """Wait until the status file has a process id."""
    deadline = time.monotonic() + 30
    while not status.exists() or not any(status.read_bytes()[12:16]):
        assert supervise.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
