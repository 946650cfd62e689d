"""supervise: its own death, and its successor."""

import os
import signal

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_alive
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import (
    SLEEP,
    wait_until_obeyed,
    wait_until_ready,
    wait_until_received,
    wait_until_up,
    witnessed,
)

DEADLY = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGKILL]


@clause("supervise/death/run-survives")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_run_goes_on(sandbox: Sandbox, number: int) -> None:
    supervise = witnessed(sandbox)
    pid = wait_until_ready(sandbox)
    supervise.signal(number)
    supervise.wait(crash_is_an_answer=True)
    os.kill(pid, signal.SIGUSR1)
    wait_until_received(sandbox, "USR1")
    assert is_alive(pid)


@clause("supervise/death/signals-kill")
@pytest.mark.parametrize("number", DEADLY)
def test_signals_kill_it(sandbox: Sandbox, number: int) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    wait_until_up(sandbox)
    wait_until_obeyed(sandbox)
    supervise.signal(number)
    assert supervise.wait(crash_is_an_answer=True).code == -number
    assert not sandbox.is_supervised("s")


@clause("supervise/death/ignored-signals")
@pytest.mark.parametrize("name", ["HUP", "INT", "TERM"])
def test_ignored_signals_do_not(sandbox: Sandbox, name: str) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s", prepare=["--ignore", name])
    first = wait_until_up(sandbox)
    supervise.signal(getattr(signal, f"SIG{name}"))
    wait_until_obeyed(sandbox)
    sandbox.control("s", b"k")  # ./run ignores the signal, too
    eventually(lambda: sandbox.status("s").pid not in (0, first), what="./run is started again")
    assert not supervise.has_ended()


@clause("supervise/death/successor")
def test_a_successor_starts_a_run_of_its_own_beside_the_orphan(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    first = sandbox.supervise("s")
    orphan = wait_until_up(sandbox)
    first.signal(signal.SIGKILL)
    first.wait()
    sandbox.supervise("s")
    successor = eventually(lambda: (pid := sandbox.status("s").pid) not in (0, orphan) and pid)
    assert is_alive(orphan)
    assert is_alive(successor)
    sandbox.control("s", b"d")
    eventually(lambda: not is_alive(successor))
    assert is_alive(orphan)


@clause("supervise/death/successor-honours-down")
def test_a_successor_with_a_down_file(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    first = sandbox.supervise("s")
    orphan = wait_until_up(sandbox)
    first.signal(signal.SIGKILL)
    first.wait()
    sandbox.write("s/down")
    sandbox.supervise("s")
    assert (sandbox.status("s").pid, sandbox.status("s").want) == (0, b"d")
    assert is_alive(orphan)
