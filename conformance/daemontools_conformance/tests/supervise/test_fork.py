"""supervise: fork fails."""

import os

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.history import NOTE_START, TICKS_PER_SECOND
from daemontools_conformance.helpers.limits import bytes_in
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Argument, Sandbox
from daemontools_conformance.tests.supervise.services import noted, wait_until_obeyed, wait_until_up

LONGEST = 65  # seconds: the pause of 60, and what a busy machine adds
WARNING = b"supervise: warning: unable to fork for s, sleeping 60 seconds: temporary failure\n"


def uid() -> int:
    """The id of a user who has no process: workers run at the same time."""
    return 100_000 + os.getpid()


def somebody() -> list[Argument]:
    """The options of prepare.py that make a process this user's."""
    return ["--user", f"{uid()}:{uid()}"]


def without_processes(sandbox: Sandbox, letters: bytes = b"") -> Running:
    """A supervise that could not fork, with `letters` as its first commands.

    The limit counts a user's processes, and root's are not limited: so this is a user who has
    no other process.
    """
    prepare: list[Argument] = ["--limit", "NPROC=1"]
    folder = sandbox.service("s", f"{NOTE_START}\nexec sleep 1000", down=bool(letters))
    if os.geteuid() == 0:
        prepare += somebody()
        os.chown(folder, uid(), uid())
    supervise = sandbox.start("supervise", "s", prepare=prepare)
    eventually(lambda: sandbox.is_supervised("s"))
    if letters:
        sandbox.control("s", letters)
    eventually(lambda: WARNING in supervise.err)
    return supervise


def lift_limit(sandbox: Sandbox, supervise: Running) -> None:
    """From now on it may fork. Only its own user is surely allowed to say so."""
    hard = record(supervise.pid).limits["processes"][1]
    command = ["prlimit", "--pid", str(supervise.pid), f"--nproc={hard}:{hard}"]
    prepare = somebody() if os.geteuid() == 0 else []
    assert sandbox.start_command(command, prepare=prepare).wait().code == 0


def starts(sandbox: Sandbox) -> list[int]:
    """When ./run was started, in ticks since boot."""
    return history.moments(noted(sandbox))


@clause("supervise/fork/retried")
@slow
@needs("prlimit", "linux")
def test_after_60_seconds(sandbox: Sandbox, variant: str) -> None:
    begin = history.now()
    supervise = without_processes(sandbox)
    lift_limit(sandbox, supervise)
    if variant == "plain":
        never(lambda: sandbox.status("s").pid, during=70)
        sandbox.control("s", b"u")
    eventually(lambda: starts(sandbox), within=120)
    waited = starts(sandbox)[0] - begin
    assert 60 * TICKS_PER_SECOND <= waited < (90 if variant else LONGEST) * TICKS_PER_SECOND
    assert supervise.err == WARNING


@clause("supervise/fork/once-is-lost")
@slow
@needs("prlimit", "linux")
def test_a_once_that_could_not_fork(sandbox: Sandbox) -> None:
    supervise = without_processes(sandbox, b"o")
    lift_limit(sandbox, supervise)
    sandbox.control("s", b"p")  # read after the 60 seconds
    fifo = os.open(sandbox.path / "s/supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    eventually(lambda: bytes_in(fifo) == 0, within=120, what="the letter is read")
    os.close(fifo)
    never(lambda: starts(sandbox), during=3)
    sandbox.control("s", b"o")
    eventually(lambda: len(starts(sandbox)) == 1)


@clause("supervise/fork/not-shortened")
@slow
@needs("prlimit", "linux")
def test_commands_during_the_60_seconds(sandbox: Sandbox) -> None:
    begin = history.now()
    supervise = without_processes(sandbox, b"u")
    lift_limit(sandbox, supervise)
    sandbox.control("s", b"uocu")
    eventually(lambda: starts(sandbox), within=120)
    assert starts(sandbox)[0] - begin >= 60 * TICKS_PER_SECOND


@clause("supervise/fork/one-run")
@slow
@needs("prlimit", "linux")
def test_one_run_after_all(sandbox: Sandbox) -> None:
    supervise = without_processes(sandbox, b"o")
    lift_limit(sandbox, supervise)
    sandbox.control("s", b"du")
    wait_until_up(sandbox, within=120)
    wait_until_obeyed(sandbox)
    eventually(lambda: starts(sandbox))
    never(lambda: len(starts(sandbox)) > 1, during=1)
