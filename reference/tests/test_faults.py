"""What the programs say when system calls fail that hardly ever do; strace makes them fail."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def _strace_works() -> bool:
    if not shutil.which("strace"):
        return False
    command = ["strace", "-o", "/dev/null", "-e", "inject=poll,ppoll:error=EIO", "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not _strace_works(), reason="there is no strace that may trace")

Faulty = Callable[..., tuple[subprocess.Popen[bytes], Path]]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Faulty]:
    """Start supervise under strace; the process, and the file that has its messages."""
    folder = tmp_path / "bin"
    subprocess.run([sys.executable, "-I", "-m", "daemontools.install", folder], check=True)
    (tmp_path / "s").mkdir()
    (tmp_path / "s/down").touch()
    started = []

    def start(*options: str) -> tuple[subprocess.Popen[bytes], Path]:
        strace = ["strace", "-o", str(tmp_path / "trace"), *options]
        with open(tmp_path / "err", "wb") as err:
            command = [*strace, str(folder / "supervise"), "s"]
            started.append(subprocess.Popen(command, cwd=tmp_path, stderr=err, process_group=0))
        return started[-1], tmp_path / "err"

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_close_that_fails_is_a_warning(supervise: Faulty, tmp_path: Path) -> None:
    new = tmp_path / "s/supervise/status.new"
    process, err = supervise("-P", str(new), "-e", "inject=close:error=EDQUOT")
    warning = b"supervise: warning: unable to write s/supervise/status.new: disk quota exceeded\n"
    deadline = time.monotonic() + 30
    while err.read_bytes() != warning * 2:  # it announces before it makes `ok`, and once more
        assert process.poll() is None, err.read_bytes()
        assert time.monotonic() < deadline, err.read_bytes()
        time.sleep(0.02)
    assert (tmp_path / "s/supervise/ok").exists()
    assert not (tmp_path / "s/supervise/status").exists()


def test_supervise_outlives_any_error_of_poll(supervise: Faulty) -> None:
    process, err = supervise("-e", "inject=poll,ppoll:error=ENOMEM:when=1+")
    warning = b"supervise: warning: unable to poll for s: out of memory\n"
    deadline = time.monotonic() + 30
    while err.read_bytes().count(warning) < 3:
        assert process.poll() is None, err.read_bytes()
        assert time.monotonic() < deadline, err.read_bytes()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("OSError(12, '')", b"out of memory"),
        ("MemoryError()", b"out of memory"),
        ("ValueError('x')", b"internal error: ValueError('x')"),
    ],
)
def test_an_error_that_nobody_expects_is_one_line(error: str, text: bytes) -> None:
    program = f"""
from daemontools.unix.start import call
def main(argv):
    raise {error}
call(main, [b"/some/where/tool"])
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (111, b"tool: fatal: " + text + b"\n")
