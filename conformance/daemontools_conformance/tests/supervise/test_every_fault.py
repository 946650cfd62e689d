"""supervise: every call on its files fails with every error."""

import re

import pytest

from daemontools_conformance.faults.supervisors import NTH, SUPERVISE, Refusal, endure
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.helpers.strace import every_call, messages, under_strace
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Finished, Running, children
from daemontools_conformance.running.sandbox import Argument, Sandbox
from daemontools_conformance.tests.supervise.services import SLEEP, wait_until_up

CALLS = (
    "openat,open,write,rename,renameat,renameat2,mkdir,mkdirat,mknod,mknodat,close,"
    "stat,newfstatat,statx,flock"
)
ERRORS = ("EIO", "ENOSPC", "EACCES", "EINTR", "EROFS", "ENOMEM", "EMFILE")
PARTS = 4
NAMES = ("status", "status.new", "lock", "control", "ok")


def paths(sandbox: Sandbox) -> list[Argument]:
    """The files of supervise: as a program in the service's directory writes them, and whole."""
    folder = sandbox.path.resolve() / "s"
    names = ["down", "supervise", *(f"supervise/{name}" for name in NAMES)]
    return [*names, *(folder / name for name in names)]


def life(sandbox: Sandbox, tampering: list[str]) -> Finished:
    """Start, start the service, end it, exit; or whatever of this the fault allows."""
    options = ["-e", f"trace={CALLS}", *tampering]
    supervise = under_strace(sandbox, paths(sandbox), options, ["s"], "supervise")
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
@clause("supervise/trouble/status-new-unopenable")
@needs("strace")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("error", ERRORS)
def test_every_call_fails_once(sandbox: Sandbox, error: str, part: int) -> None:
    sandbox.service("s", SLEEP)
    assert life(sandbox, []).code == 0
    for call, count in every_call(sandbox.path / "trace")[part::PARTS]:
        (sandbox.path / "s/supervise").rename(sandbox.path / f"{call}.{count}")
        ended = life(sandbox, ["-e", f"inject={call}:error={error}:when={count}"])
        said = messages(ended.err)
        for line in said.splitlines():
            assert re.match(rb"supervise: (warning|fatal): unable to \w+ .*: \w+", line), line
        assert ended.code == (111 if b": fatal: " in said else 0)
        check_next(sandbox)


def check_next(sandbox: Sandbox) -> None:
    """The next supervise finds all in order."""
    supervise = sandbox.supervise("s")
    wait_until_up(sandbox)
    sandbox.control("s", b"dx")
    ended = supervise.wait()
    assert (ended.code, ended.err) == (0, b"")
