"""svscan: the system refuses something while it runs; no service is left alone."""

import os

import pytest

from daemontools_conformance.faults.supervisors import (
    FOR_A_WHILE,
    MOST_CALLS,
    SVSCAN,
    Refusal,
    endure,
)
from daemontools_conformance.helpers.limits import bytes_in
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_alive
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc
from daemontools_conformance.tests.svscan.scanning import (
    SCAN_SECONDS,
    services,
    supervise_of,
    waiting_supervise,
)

SILENT = ("wait", "close")  # of these 0.76 says nothing

EACH_CALL = [
    pytest.param(refusal, id=refusal.name, marks=clause(f"svscan/survives/{refusal.name}"))
    for refusal in SVSCAN
]


@slow
@needs("attach")
@pytest.mark.parametrize("refusal", EACH_CALL)
def test_a_call_that_fails_for_a_while(sandbox: Sandbox, refusal: Refusal) -> None:
    seen = endure(sandbox, "svscan", refusal, refusal.errors[0], FOR_A_WHILE)
    assert seen.is_alive
    assert not seen.trouble


@clause("svscan/survives/says-so")
@slow
@needs("attach")
@pytest.mark.parametrize("name", SILENT)
def test_what_fails_is_said(sandbox: Sandbox, name: str, variant: str) -> None:
    (refusal,) = (refusal for refusal in SVSCAN if refusal.name == name)
    seen = endure(sandbox, "svscan", refusal, "EIO", FOR_A_WHILE)
    lines = seen.said.splitlines()
    assert all(line.startswith(b"svscan: warning: unable to ") for line in lines)
    assert bool(lines) == (variant != "silent")


@clause("svscan/survives/waits")
@slow
@needs("attach")
def test_without_its_sleep_it_does_not_spin(sandbox: Sandbox) -> None:
    (refusal,) = (refusal for refusal in SVSCAN if refusal.name == "sleep")
    assert endure(sandbox, "svscan", refusal, "EINVAL", FOR_A_WHILE).calls <= MOST_CALLS


@clause("svscan/survives/lost-reader")
def test_a_warning_that_nobody_reads(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    (folder / "dangling").symlink_to("nowhere")  # a warning at each scan
    reading, writing = os.pipe()
    svscan = sandbox.start("svscan", "service", stderr=writing, prepare=["--ignore", "PIPE"])
    os.close(writing)
    eventually(lambda: bytes_in(reading), what="it warns")
    os.close(reading)
    first = eventually(lambda: supervise_of(svscan, "1000"))
    os.kill(first, 9)
    eventually(
        lambda: supervise_of(svscan, "1000") not in (0, first),
        within=4 * SCAN_SECONDS,
        what="the next scan starts a new supervise",
    )
    assert is_alive(svscan.pid)


@clause("svscan/survives/lost-reader")
@needs("linux")
def test_its_children_die_of_a_lost_reader(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service", prepare=["--default", "PIPE", "--default", "XFSZ"])
    child = eventually(lambda: supervise_of(svscan, "1000"))
    eventually(lambda: os.readlink(proc(child, "exe")).endswith("sleep"))
    assert not record(child).ignored & {13, 25}
