"""svscan: how it ends, and what it leaves."""

import signal

import pytest

from daemontools_conformance.helpers.marks import clause, slow
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import is_alive
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    services,
    supervise_of,
    waiting_supervise,
)


def default(name: str) -> list[str]:
    """Options of prepare.py: a shell may have started this suite with some signals ignored."""
    return [] if name == "KILL" else ["--default", name]


@clause("svscan/end/dies-of-signals")
@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "QUIT", "USR1", "ALRM", "KILL"])
def test_a_signal_kills_it(sandbox: Sandbox, name: str) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service", prepare=default(name))
    eventually(lambda: supervise_of(svscan, "1000"))
    number = signal.Signals[f"SIG{name}"]
    svscan.signal(number)
    assert svscan.wait().code == -number


@clause("svscan/end/catches-nothing")
def test_it_catches_no_signal(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: supervise_of(svscan, "1000"))
    assert record(svscan.pid).caught == set()


@clause("svscan/end/leaves-supervises")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_supervises_and_services_go_on(sandbox: Sandbox, number: signal.Signals) -> None:
    for service in ("service/a", "service/a/log"):
        sandbox.service(service, "exec sleep 1000")
    svscan = sandbox.start("svscan", "service")
    pids = [
        eventually(lambda: supervise_of(svscan, "a")),
        eventually(lambda: supervise_of(svscan, "log")),
        eventually(lambda: sandbox.status("service/a").pid, within=20),
        eventually(lambda: sandbox.status("service/a/log").pid, within=20),
    ]
    svscan.signal(number)
    svscan.wait()
    never(lambda: not all(is_alive(pid) for pid in pids), during=1.0)


@clause("svscan/end/stopped")
@slow  # if the stop comes before the first scan is over
def test_a_stop_delays_and_no_more(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox)
    svscan = sandbox.start("svscan", "service")
    svscan.signal(signal.SIGSTOP)
    (folder / "1000").mkdir()
    svscan.signal(signal.SIGCONT)
    eventually(lambda: supervise_of(svscan, "1000"), within=40)
