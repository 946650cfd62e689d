"""svscan at scale: as many services as 0.76 has room for, through several scans."""

import os

from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import children, resident_kilobytes
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc
from daemontools_conformance.tests.svscan.scanning import (
    SCAN_SECONDS,
    scans,
    services,
    start_with_canary,
    wait_until_scanned,
    waiting_supervise,
)
from daemontools_conformance.tests.timing.prompt import check_prompt, seconds

LIMIT = 1000
GENEROUS_SECONDS = 0.9  # for the quickest of several scans


@heavy("scale")
@clause("svscan/entries/one-supervise-each")
def test_a_thousand_services_stay_as_they_are(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, *(str(100_000 + number) for number in range(LIMIT)))
    svscan = start_with_canary(sandbox)
    eventually(lambda: len(children(svscan.pid)) == LIMIT, within=120)
    before = children(svscan.pid)
    wait_until_scanned(svscan, 3)
    assert children(svscan.pid) == before


@heavy("scale")
@clause("svscan/scan/every-five-seconds")
def test_scans_of_a_thousand_services_are_as_frequent(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, *(str(100_000 + number) for number in range(LIMIT)))
    svscan = start_with_canary(sandbox)
    eventually(lambda: len(children(svscan.pid)) == LIMIT, within=120)

    def until_the_next() -> float:
        count = scans(svscan)
        return seconds(lambda: eventually(lambda: scans(svscan) > count))

    until_the_next()
    check_prompt(until_the_next, within=SCAN_SECONDS + GENEROUS_SECONDS)


@heavy("scale")
@needs("linux")
@clause("svscan/limit/no-leak")
def test_scans_of_a_thousand_services_take_no_more_memory(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, *(str(100_000 + number) for number in range(LIMIT)))
    svscan = start_with_canary(sandbox)
    eventually(lambda: len(children(svscan.pid)) == LIMIT, within=120)
    wait_until_scanned(svscan, 1)
    memory = resident_kilobytes(svscan.pid)
    wait_until_scanned(svscan, 3)
    assert resident_kilobytes(svscan.pid) - memory < 1000


@heavy("scale")
@clause("svscan/limit/room-is-made")
def test_five_hundred_services_are_exchanged(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    names = [str(100_000 + number) for number in range(LIMIT)]
    folder = services(sandbox, *names)
    svscan = start_with_canary(sandbox)
    eventually(lambda: len(children(svscan.pid)) == LIMIT, within=120)
    old = children(svscan.pid)
    for name in names[::2]:
        (folder / name).rename(sandbox.path / name)
    services(sandbox, *(str(200_000 + number) for number in range(LIMIT // 2)))
    for pid in old:
        os.kill(pid, 9)

    def exchanged() -> bool:
        there = sorted((folder / entry.name).name for entry in folder.iterdir())
        running = {proc(pid, "cmdline").read_bytes() for pid in children(svscan.pid)}
        wanted = {f"supervise\0{name}\0".encode() for name in there if name.isdigit()}
        return running == wanted

    eventually(exchanged, within=120, what="the services that are there run, and no others")
