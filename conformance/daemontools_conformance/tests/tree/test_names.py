"""The tree in the list of processes: by which names ps, pgrep and pidof find it."""

import os

from daemontools_conformance.helpers.listing import output
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.processes import argv_of
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc
from daemontools_conformance.tests.svscan.scanning import supervise_of
from daemontools_conformance.tests.tree.planting import plant, wait_until_supervised


@clause("tree/names/pidof-svscan")
@needs("pidof")
def test_plain_pidof_finds_svscan(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a")
    assert str(svscan.pid) in " ".join(output("pidof", "svscan")).split()


@clause("tree/names/pgrep-svscan")
@needs("pgrep")
def test_pgrep_finds_svscan(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a")
    assert str(svscan.pid) in output("pgrep", "-x", "svscan")


@clause("tree/names/ps-svscan")
@needs("ps")
def test_ps_shows_svscan_and_its_directory(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a")
    (line,) = output("ps", "-ww", "-o", "args=", "-p", str(svscan.pid))
    assert line.strip() == "svscan service"


@clause("tree/names/pidof-supervise")
@needs("pidof")
def test_plain_pidof_finds_each_supervise(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a", "b")
    found = " ".join(output("pidof", "supervise")).split()
    assert {str(supervise_of(svscan, name)) for name in "ab"} <= set(found)


@clause("tree/names/pgrep-supervise")
@needs("pgrep")
def test_pgrep_finds_a_supervise_by_its_service(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a", "b")
    found = output("pgrep", "-P", str(svscan.pid), "-f", "-x", "supervise b")
    assert found == [str(supervise_of(svscan, "b"))]


@clause("tree/names/ps-supervise")
@needs("ps")
def test_ps_shows_supervise_and_its_service(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a", "a/log")
    lines = output("ps", "-A", "-ww", "-o", "ppid=", "-o", "args=")
    shown = [line.strip().partition(" ") for line in lines]
    names = [args.strip() for ppid, _, args in shown if ppid == str(svscan.pid)]
    assert sorted(names) == ["supervise a", "supervise log"]


@clause("tree/names/comm")
@needs("ps")
def test_the_short_names_are_the_programs(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a")
    child = supervise_of(svscan, "a")
    names = output("ps", "-o", "comm=", "-p", f"{svscan.pid},{child}")
    assert sorted(name.strip() for name in names) == ["supervise", "svscan"]


@clause("tree/names/long")
def test_a_long_name_is_shown_whole(sandbox: Sandbox) -> None:
    name = "n" * 255
    svscan = plant(sandbox, name)
    child = wait_until_supervised(svscan, name)
    assert argv_of(child) == (b"supervise", name.encode())


@clause("tree/names/directory")
def test_the_working_directory_of_svscan_is_the_scan_directory(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a")
    assert os.path.samefile(proc(svscan.pid, "cwd"), sandbox.path / "service")
