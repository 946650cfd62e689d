"""supervise: the system refuses something while ./run may be there; it is not left alone."""

import os
import resource
import signal

import pytest

from daemontools_conformance.faults.supervisors import (
    FOR_A_WHILE,
    SUPERVISE,
    Refusal,
    endure,
    wait_until_one_run,
)
from daemontools_conformance.helpers.limits import prlimit
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import (
    Running,
    children,
    is_asleep,
    is_stopped,
    share_of_busy_loop,
)
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import FAILS_AT_ONCE, SLEEP, noted

SILENT = {"poll": "EINVAL", "read": "EIO", "wait": "EIO"}  # of these 0.76 says nothing

EACH_CALL = [
    pytest.param(refusal, id=refusal.name, marks=clause(f"supervise/survives/{refusal.name}"))
    for refusal in SUPERVISE
    if refusal.name != "fork"  # supervise/fork/...
]


@needs("attach")
@pytest.mark.parametrize("refusal", EACH_CALL)
def test_a_call_that_fails_for_a_while(sandbox: Sandbox, refusal: Refusal) -> None:
    seen = endure(sandbox, "supervise", refusal, refusal.errors[0], FOR_A_WHILE)
    assert seen.is_alive
    assert not seen.trouble


@clause("supervise/survives/says-so")
@needs("attach")
@pytest.mark.parametrize("name", SILENT)
def test_what_fails_is_said(sandbox: Sandbox, name: str, variant: str) -> None:
    (refusal,) = (refusal for refusal in SUPERVISE if refusal.name == name)
    seen = endure(sandbox, "supervise", refusal, SILENT[name], FOR_A_WHILE)
    lines = seen.said.splitlines()
    assert all(line.startswith(b"supervise: warning: unable to ") for line in lines)
    assert bool(lines) == (variant != "silent")


def with_few_descriptors(sandbox: Sandbox, run: str = SLEEP) -> Running:
    """A supervise that may not even poll the two descriptors that it has."""
    sandbox.service("s", run)
    supervise = sandbox.supervise("s")
    eventually(lambda: sandbox.status("s").pid)
    prlimit(supervise.pid, resource.RLIMIT_NOFILE, (1, 1))
    return supervise


@clause("supervise/survives/few-descriptors")
@needs("linux")
def test_with_one_descriptor_it_restarts_and_obeys(sandbox: Sandbox) -> None:
    supervise = with_few_descriptors(sandbox)
    wait_until_one_run(sandbox, supervise)
    first = sandbox.status("s").pid
    os.kill(first, signal.SIGKILL)

    def has_been_tried_again() -> bool:  # by a loader that has no descriptor, and says so
        return b"shared librar" in supervise.err or only_child(supervise) not in (0, first)

    eventually(has_been_tried_again, what="./run is started again")
    sandbox.control("s", b"dx")
    assert supervise.wait(within=30).code == 0


def only_child(running: Running) -> int:
    """The process id of its child; 0 if it has none. There is never a second."""
    found = children(running.pid)
    assert len(found) <= 1
    return next(iter(found), 0)


@clause("supervise/survives/waits")
@needs("linux")
def test_with_one_descriptor_it_does_not_spin(sandbox: Sandbox) -> None:
    supervise = with_few_descriptors(sandbox)
    assert share_of_busy_loop(supervise.pid, during=6) < 1 / 15


@clause("supervise/survives/memory")
@slow
@needs("linux")
def test_without_memory_it_restarts(sandbox: Sandbox) -> None:
    sandbox.service("s", FAILS_AT_ONCE)
    supervise = sandbox.supervise("s")
    eventually(lambda: noted(sandbox))
    _soft, hard = prlimit(supervise.pid, resource.RLIMIT_AS)
    prlimit(supervise.pid, resource.RLIMIT_AS, (4096, hard))  # less than it has
    # With so little no program starts: exec kills it. So the ends go on, and nothing is noted.
    never(supervise.has_ended, during=4)
    prlimit(supervise.pid, resource.RLIMIT_AS, (hard, hard))
    before = len(noted(sandbox))
    sandbox.control("s", b"u")
    eventually(lambda: len(noted(sandbox)) > before, within=90, what="./run is started again")


def _pipe_without_reader() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@clause("supervise/survives/lost-reader")
def test_a_warning_that_nobody_reads(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    writing = _pipe_without_reader()
    supervise = sandbox.supervise("s", stderr=writing, prepare=["--ignore", "PIPE"])
    wait_until_one_run(sandbox, supervise)
    (sandbox.path / "s/supervise/status.new").mkdir()
    sandbox.control("s", b"pcx")  # three warnings
    never(supervise.has_ended, during=2)
    sandbox.control("s", b"d")
    assert supervise.wait().code == 0
    os.close(writing)


@clause("supervise/survives/file-size")
@needs("linux")
def test_a_limit_on_the_size_of_files(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    run = wait_until_one_run(sandbox, supervise)
    hard = prlimit(supervise.pid, resource.RLIMIT_FSIZE)[1]
    prlimit(supervise.pid, resource.RLIMIT_FSIZE, (0, hard))
    sandbox.control("s", b"p")
    # Then it writes its status, and waits again.
    eventually(lambda: supervise.has_ended() or (is_stopped(run) and is_asleep(supervise.pid)))
    prlimit(supervise.pid, resource.RLIMIT_FSIZE, (hard, hard))
    sandbox.control("s", b"c")
    eventually(lambda: sandbox.status("s").paused == 0)
    wait_until_one_run(sandbox, supervise)
