"""svscan: a service is its directory, not the directory's name."""

import os

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import children
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    services,
    start_with_canary,
    supervise_of,
    wait_until_scanned,
    waiting_supervise,
)


@clause("svscan/identity/renamed")
def test_a_renamed_directory_is_the_same_service(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    svscan = start_with_canary(sandbox)
    pid = eventually(lambda: supervise_of(svscan, "1000"))
    (folder / "1000").rename(folder / "2000")
    wait_until_scanned(svscan, 1)
    assert children(svscan.pid) == {pid}


@clause("svscan/identity/renamed-restart")
def test_a_renamed_service_restarts_under_its_new_name(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service")
    pid = eventually(lambda: supervise_of(svscan, "1000"))
    (folder / "1000").rename(folder / "2000")
    os.kill(pid, 9)
    eventually(lambda: supervise_of(svscan, "2000"), within=40)
    assert not supervise_of(svscan, "1000")


@clause("svscan/identity/two-links")
def test_two_links_to_one_directory_are_one_service(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    (sandbox.path / "elsewhere").mkdir()
    folder = services(sandbox)
    (folder / "1001").symlink_to("../elsewhere")
    (folder / "1002").symlink_to("../elsewhere")
    svscan = start_with_canary(sandbox)
    wait_until_scanned(svscan, 1)
    assert len(children(svscan.pid)) == 1


@clause("svscan/identity/link-and-directory")
def test_a_link_to_a_service_beside_it_is_the_same_service(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1001")
    (folder / "1002").symlink_to("1001")
    svscan = start_with_canary(sandbox)
    wait_until_scanned(svscan, 1)
    assert len(children(svscan.pid)) == 1


@clause("svscan/identity/replaced")
def test_another_directory_of_the_same_name_is_another_service(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    svscan = start_with_canary(sandbox)
    first = eventually(lambda: supervise_of(svscan, "1000"))
    (folder / "1000").rename(sandbox.path / "old")
    (folder / "1000").mkdir()
    eventually(lambda: len(children(svscan.pid)) == 2, within=40)
    assert first in children(svscan.pid)


@clause("svscan/identity/link-moved")
def test_a_link_that_points_elsewhere_is_another_service(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox)
    for name in ("one", "two"):
        (sandbox.path / name).mkdir()
    (folder / "1000").symlink_to("../one")
    svscan = start_with_canary(sandbox)
    eventually(lambda: supervise_of(svscan, "1000"))
    (folder / "1000").unlink()
    (folder / "1000").symlink_to("../two")
    eventually(lambda: len(children(svscan.pid)) == 2, within=40)


@clause("svscan/identity/moved-away-and-back")
def test_a_directory_that_comes_back_is_not_started_twice(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    svscan = start_with_canary(sandbox)
    pid = eventually(lambda: supervise_of(svscan, "1000"))
    (folder / "1000").rename(sandbox.path / "away")
    wait_until_scanned(svscan, 1)
    (sandbox.path / "away").rename(folder / "1000")
    wait_until_scanned(svscan, 1)
    assert children(svscan.pid) == {pid}
