"""supervise: every call for its new status, and of its loop, fails with every error."""

import pytest

from daemontools_conformance.faults.supervisors import NTH, SUPERVISE, Refusal, endure
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.helpers.strace import every_call, messages, under_strace
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Finished, Running, children
from daemontools_conformance.running.sandbox import Argument, Sandbox
from daemontools_conformance.tests.supervise.services import SLEEP

ERRORS = ("EIO", "ENOSPC", "EACCES", "EINTR", "EROFS", "ENOMEM", "EMFILE")
# The calls for status.new, and what supervise warns of.
TROUBLES = [
    pytest.param(
        "openat,open",
        b"open s/supervise/status.new",
        marks=clause("supervise/trouble/status-new-unopenable"),
    ),
    pytest.param(
        "write,writev,pwrite64",
        b"write s/supervise/status.new",
        marks=clause("supervise/trouble/status-new-unwritable"),
    ),
    pytest.param(
        "rename,renameat,renameat2",
        b"rename s/supervise/status.new to status",
        marks=clause("supervise/trouble/rename"),
    ),
]


def life(sandbox: Sandbox, calls: str, tampering: list[str]) -> Finished:
    """Start, start the service, end it, exit. strace sees the calls for status.new."""
    own: list[Argument] = [
        "supervise/status.new",
        sandbox.path.resolve() / "s/supervise/status.new",
    ]
    options = ["-e", f"trace={calls}", *tampering]
    supervise = under_strace(sandbox, own, options, ["s"], "supervise")
    eventually(lambda: supervise.has_ended() or obeys(sandbox, supervise), within=60)
    return supervise.wait(within=60)


def obeys(sandbox: Sandbox, supervise: Running) -> bool:
    """Has ./run been started once it was told so? Then it is told to end all."""
    if not sandbox.is_supervised("s"):
        return False
    runs = {run for child in children(supervise.pid) for run in children(child)}
    if not runs:
        return False
    sandbox.control("s", b"dx")
    return True


EACH_CALL = [
    pytest.param(refusal, id=refusal.name, marks=clause(f"supervise/survives/{refusal.name}"))
    for refusal in SUPERVISE
    if refusal.name != "fork"  # it pauses for a minute: supervise/fork/...
]


@heavy("faults")
@needs("attach")
@pytest.mark.parametrize("when", NTH)
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("refusal", EACH_CALL)
def test_the_nth_call_of_the_loop_fails(
    sandbox: Sandbox, refusal: Refusal, error: str, when: str
) -> None:
    seen = endure(sandbox, "supervise", refusal, error, when)
    assert seen.is_alive
    assert not seen.trouble


@heavy("faults")
@needs("strace")
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(("calls", "warned"), TROUBLES)
def test_each_call_for_the_new_status_fails_once(
    sandbox: Sandbox, calls: str, warned: bytes, error: str
) -> None:
    sandbox.service("s", SLEEP)
    assert life(sandbox, calls, []).code == 0
    for call, count in every_call(sandbox.path / "trace"):
        (sandbox.path / "s/supervise").rename(sandbox.path / f"{call}.{count}")
        ended = life(sandbox, calls, ["-e", f"inject={call}:error={error}:when={count}"])
        for line in messages(ended.err).splitlines():  # none if it tries once more after EINTR
            assert line.startswith(b"supervise: warning: unable to " + warned + b": ")
        assert ended.code == 0
