"""setlock: the file cannot be opened or locked, for every reason."""

import pytest

from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.helpers.strace import messages, under_strace
from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.sandbox import Argument, Sandbox

ERRORS = ("EIO", "ENOSPC", "EACCES", "EINTR", "EROFS", "ENOLCK", "ENOMEM", "EMFILE", "EBADF")
CALLS = {"openat,open": b"unable to open lock: ", "flock": b"unable to lock lock: "}


def with_fault(sandbox: Sandbox, options: list[str], calls: str, error: str) -> Finished:
    """setlock on ./lock, whose first such call fails."""
    tampering = ["-e", f"inject={calls}:error={error}:when=1"]
    paths: list[Argument] = ["lock", "./lock", sandbox.path.resolve() / "lock"]
    script: list[Argument] = [*options, "lock", "echo", "ran"]
    return under_strace(sandbox, paths, tampering, script, "setlock").wait()


@heavy("faults")
@clause("setlock/error/no-folder")
@needs("strace")
@pytest.mark.parametrize("option", ["-N", "-n"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("calls", CALLS)
def test_every_error_gives_111(sandbox: Sandbox, calls: str, error: str, option: str) -> None:
    answer = with_fault(sandbox, [option], calls, error)
    if error == "EINTR" and answer.code == 0:
        assert answer.out == b"ran\n"  # an interrupted call may be made again
        return
    assert (answer.code, answer.out) == (111, b"")
    said = messages(answer.err)
    assert said.startswith(b"setlock: fatal: " + CALLS[calls])
    assert said.count(b"\n") == 1


@heavy("faults")
@clause("setlock/options/x")
@needs("strace")
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("calls", CALLS)
def test_with_x_every_error_gives_0_in_silence(sandbox: Sandbox, calls: str, error: str) -> None:
    answer = with_fault(sandbox, ["-nx"], calls, error)
    assert (answer.code, messages(answer.err)) == (0, b"")
    assert answer.out == b"" or (error == "EINTR" and answer.out == b"ran\n")
