"""supervise: a wall clock that is stepped."""

import time

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.clockstep import with_clock
from daemontools_conformance.helpers.history import NOTE_START
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import noted, wait_until_up

HOUR = 3600


def supervise_with_clock(sandbox: Sandbox, run: str) -> None:
    """A supervise of `s` whose clock is ahead by what the file `ahead` says, at first 0."""
    environment, ahead = with_clock(sandbox, -7 * HOUR)
    sandbox.service("s", run, down=True)
    sandbox.supervise("s", env=environment)
    if abs(sandbox.status("s").since - time.time() + 7 * HOUR) > HOUR:
        raise Unavailable("the clock of this supervise cannot be shifted")
    ahead.write_text("0\n")


def step(seconds: int) -> str:
    """A line of a script that steps the clock."""
    return f"read -r now <../ahead; echo $((now + {seconds})) >../ahead"


@clause("supervise/clock/stamps")
@needs("gcc")
def test_the_wall_clock_stamps(sandbox: Sandbox) -> None:
    supervise_with_clock(sandbox, "exec sleep 1000")
    sandbox.write("ahead", str(30 * HOUR))
    before = time.time()
    sandbox.control("s", b"u")
    wait_until_up(sandbox)
    assert before - 1 <= sandbox.status("s").since - 30 * HOUR <= time.time() + 1


@clause("supervise/clock/step-back")
@needs("gcc")
def test_the_clock_is_set_back(sandbox: Sandbox) -> None:
    # ./run itself sets the clock back, so that this happens during the pause: five times,
    # for on a busy machine one or another ./run may come too late.
    supervise_with_clock(sandbox, f"{NOTE_START}\n{step(-HOUR)}\nexit 1")
    sandbox.control("s", b"u")
    eventually(lambda: len(history.starts(noted(sandbox))) >= 5, within=20)


@clause("supervise/clock/step-forward")
@needs("gcc")
def test_the_clock_is_set_forward(sandbox: Sandbox) -> None:
    born = history.births(sandbox.path / "s/history")
    supervise_with_clock(sandbox, f"{NOTE_START}\n{step(HOUR)}\nexit 1")
    sandbox.control("s", b"u")
    eventually(lambda: len(born()) >= 4)
    assert history.too_soon(born(), 1) == []
