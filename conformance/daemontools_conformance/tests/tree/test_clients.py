"""svc, svok and svstat on a tree under svscan."""

import os
import re

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import children, is_alive
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    MARKS,
    supervise_of,
    wait_until_scanned_again,
)
from daemontools_conformance.tests.tree.planting import (
    plant,
    wait_until_runs,
    wait_until_supervised,
)


@clause("tree/clients/svok")
def test_svok_finds_service_and_log(sandbox: Sandbox) -> None:
    plant(sandbox, "a", "a/log")
    codes = [sandbox.run("svok", f"service/{name}").code for name in ("a", "a/log")]
    assert codes == [0, 0]


@clause("tree/clients/svstat")
def test_svstat_shows_service_and_log_up(sandbox: Sandbox) -> None:
    plant(sandbox, "a", "a/log")
    service, log = wait_until_runs(sandbox, "a"), wait_until_runs(sandbox, "a/log")
    answer = sandbox.run("svstat", "service/a", "service/a/log")
    first, second = (re.findall(rb"\d+", line) for line in answer.out.splitlines())
    assert (b"%d" % service in first, b"%d" % log in second) == (True, True)


@clause("tree/clients/term")
def test_svc_t_restarts_the_service_and_leaves_the_log(sandbox: Sandbox) -> None:
    plant(sandbox, "a", "a/log")
    service, log = wait_until_runs(sandbox, "a"), wait_until_runs(sandbox, "a/log")
    sandbox.run("svc", "-t", "service/a")
    eventually(lambda: sandbox.status("service/a").pid not in (0, service), within=20)
    assert sandbox.status("service/a/log").pid == log


@clause("tree/clients/exit-is-restarted")
def test_a_supervise_that_was_told_to_exit_comes_back(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a")
    old = eventually(lambda: supervise_of(svscan, "a"))
    sandbox.run("svc", "-dx", "service/a")
    eventually(lambda: supervise_of(svscan, "a") not in (0, old), within=40)


@clause("tree/clients/removal")
def test_renamed_and_told_to_exit_service_and_log_are_gone(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a", "a/log")
    pids = [wait_until_runs(sandbox, "a"), wait_until_runs(sandbox, "a/log")]
    folder = sandbox.path / "service"
    (folder / "a").rename(folder / ".a")
    sandbox.run("svc", "-dx", ".", "log", cwd="service/.a")
    wait_until_scanned_again(sandbox, lambda name: supervise_of(svscan, name))
    assert children(svscan.pid) == {supervise_of(svscan, name) for name in MARKS}
    assert not any(is_alive(pid) for pid in pids)


@clause("tree/restart/locked-out")
def test_a_new_svscan_is_kept_out_by_the_old_supervises(sandbox: Sandbox) -> None:
    old = plant(sandbox, "a")
    run = wait_until_runs(sandbox, "a")
    old.signal(9)
    old.wait()
    new = sandbox.start("svscan", "service")
    refusal = b"supervise: fatal: unable to acquire a/supervise/lock: temporary failure\n"
    new.wait_until_err(refusal * 2, within=40)
    assert sandbox.status("service/a").pid == run


@clause("tree/restart/takes-over")
def test_a_new_svscan_takes_over_when_the_old_supervises_leave(sandbox: Sandbox) -> None:
    old = plant(sandbox, "a")
    run = wait_until_runs(sandbox, "a")
    old.signal(9)
    old.wait()
    new = sandbox.start("svscan", "service")
    eventually(lambda: new.err, within=40)
    sandbox.run("svc", "-dx", "service/a")

    def is_taken_over() -> bool:
        pid = sandbox.status("service/a").pid
        return pid not in (0, run) and bool(supervise_of(new, "a"))

    eventually(is_taken_over, within=40)


@clause("tree/restart/killed-supervise")
def test_after_kill_the_next_supervise_starts_a_second_run(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a")
    run = wait_until_runs(sandbox, "a")
    old = eventually(lambda: supervise_of(svscan, "a"))
    os.kill(old, 9)
    wait_until_supervised(svscan, "a")
    eventually(lambda: sandbox.status("service/a").pid not in (0, run), within=40)
    assert is_alive(run)
