"""svscan: how often it looks, and what it does with dead children."""

import os
from collections.abc import Callable
from itertools import pairwise

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.history import NOTE_START, TICKS_PER_SECOND, Birth
from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import children, is_alive
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import exists
from daemontools_conformance.tests.svscan.scanning import (
    SCAN_SECONDS,
    ending_supervise,
    fork_seconds,
    pipes_of,
    services,
    stand_in,
    start_with_canary,
    supervise_of,
    telling_supervise,
    wait_until_scanned,
    waiting_supervise,
)

TICK_SECONDS = 0.01
GENEROUS_SECONDS = 0.9  # for the quickest of several scans: six seconds are too many


def scans(sandbox: Sandbox) -> Callable[[], list[Birth]]:
    """Start svscan; a function that gives the births of its children so far, one for each scan.

    At each scan it starts the supervise that has ended since the last one.
    """
    services(sandbox, "a")
    stand_in(sandbox, str(sandbox.script("noting", NOTE_START)))
    born = history.births(sandbox.path / "service/history")
    sandbox.start("svscan", "service")
    return born


@clause("svscan/scan/not-before-five-seconds")
def test_the_next_scan_is_not_before_five_seconds(sandbox: Sandbox) -> None:
    born = scans(sandbox)
    eventually(lambda: len(born()) >= 2, within=60, what="two scans are seen")
    assert history.too_soon(born()[:2], SCAN_SECONDS - TICK_SECONDS) == []


@clause("svscan/scan/every-five-seconds")
def test_the_next_scan_is_soon_after_five_seconds(sandbox: Sandbox) -> None:
    born = scans(sandbox)
    late = (SCAN_SECONDS + GENEROUS_SECONDS) * TICKS_PER_SECOND
    eventually(
        lambda: any(later - earlier < late for (_, earlier), (_, later) in pairwise(born())),
        within=60,
        what="a scan soon after another",
    )


@clause("svscan/scan/first-at-once")
@needs("linux")
def test_the_first_scan_is_at_once(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service")
    pid = eventually(lambda: supervise_of(svscan, "1000"))
    assert fork_seconds(pid) - fork_seconds(svscan.pid) < SCAN_SECONDS - TICK_SECONDS


@clause("svscan/scan/unreadable-forgets-nothing")
def test_a_directory_that_cannot_be_read_is_no_removal(sandbox: Sandbox) -> None:
    ending_supervise(sandbox)
    folder = services(sandbox, "a", "a/log")
    svscan = sandbox.start("svscan", "service", prepare=AS_USER)
    before = eventually(lambda: pipes_of(svscan.pid), what="there is a pipe to the log")
    folder.chmod(0o111)
    eventually(lambda: svscan.said.count(b"\n") >= 2, within=60, what="it complains twice")
    assert before.items() <= pipes_of(svscan.pid).items()


@clause("svscan/scan/restarts-supervise")
def test_a_dead_supervise_is_started_again(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000", "1001")
    svscan = sandbox.start("svscan", "service")
    first = eventually(lambda: supervise_of(svscan, "1000"))
    other = eventually(lambda: supervise_of(svscan, "1001"))
    os.kill(first, 9)
    eventually(lambda: supervise_of(svscan, "1000") not in (0, first), within=40)
    assert supervise_of(svscan, "1001") == other


@clause("svscan/scan/reaps-at-the-scan")
def test_a_dead_child_is_reaped_at_the_next_scan(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service")
    pid = eventually(lambda: supervise_of(svscan, "1000"))
    os.kill(pid, 9)
    eventually(lambda: pid not in children(svscan.pid), within=40)


@clause("svscan/scan/reaps-strangers")
def test_children_that_it_did_not_start_are_reaped(sandbox: Sandbox) -> None:
    # exec keeps the children: this shell becomes svscan and has one already.
    services(sandbox)
    words = sandbox.words("svscan", "service")
    shell = ["/bin/sh", "-c", 'sleep 0.5 & echo $! >stranger; exec "$0" "$@"']
    svscan = sandbox.start_command([*shell, *words])
    stranger = int(eventually(lambda: (sandbox.path / "stranger").read_text().strip()))
    eventually(lambda: not exists(stranger), within=40)
    assert is_alive(svscan.pid)


@clause("svscan/scan/ended-service-waits")
def test_a_supervise_that_ends_is_started_once_a_scan(sandbox: Sandbox) -> None:
    born = scans(sandbox)
    eventually(lambda: len(born()) >= 3, within=60, what="three starts are seen")
    assert history.too_soon(born(), SCAN_SECONDS - TICK_SECONDS) == []


@clause("svscan/scan/ignored-child-signal")
def test_with_sigchld_ignored_nothing_is_restarted(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    services(sandbox, "a")
    svscan = start_with_canary(sandbox, prepare=["--ignore", "CHLD"])
    wait_until_scanned(svscan, 2)
    assert len(told.read_text().splitlines()) == 1
