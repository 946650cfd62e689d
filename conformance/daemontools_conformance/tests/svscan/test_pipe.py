"""svscan: the pipe from service to log outlives everybody at its ends."""

import os
from pathlib import Path

from daemontools_conformance.helpers.marks import clause, slow
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running, is_alive
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.counting import (
    check_nothing_lost,
    counting_service,
    loggers,
    wait_until_flowing,
    writers,
)
from daemontools_conformance.tests.svscan.scanning import supervise_of


def flowing(sandbox: Sandbox) -> tuple[Path, Running]:
    """A counting service under svscan, with lines arriving in its log."""
    service = counting_service(sandbox)
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: writers(service) and loggers(service), within=30)
    wait_until_flowing(service)
    return service, svscan


def kill_and_wait_until_replaced(svscan: Running, name: str) -> None:
    """Kill a supervise and wait for the one that follows it."""
    pid = eventually(lambda: supervise_of(svscan, name))
    os.kill(pid, 9)
    eventually(lambda: supervise_of(svscan, name) not in (0, pid), within=40)


def kill_all_and_wait_until_replaced(service: Path, svscan: Running) -> None:
    """Kill both supervises, then service and logger; wait until all four are there anew."""
    old_writers, old_loggers = set(writers(service)), loggers(service)
    for name in ("a", "log"):
        os.kill(eventually(lambda name=name: supervise_of(svscan, name)), 9)  # type: ignore[misc]
    for pid in old_writers:
        (service / f"end.{pid}").touch()
    for pid in old_loggers:
        (service / f"log/end.{pid}").touch()
    eventually(lambda: set(writers(service)) - old_writers, within=40)
    eventually(lambda: loggers(service) - old_loggers, within=40)


@clause("svscan/pipe/survives-service")
def test_no_line_is_lost_when_the_service_is_killed(sandbox: Sandbox) -> None:
    service, _ = flowing(sandbox)
    (first,) = writers(service)
    (service / f"end.{first}").touch()
    eventually(lambda: len(writers(service)) == 2, within=30)
    wait_until_flowing(service)
    check_nothing_lost(sandbox, service)


@clause("svscan/pipe/survives-logger")
def test_no_line_is_lost_when_the_logger_is_killed(sandbox: Sandbox) -> None:
    service, _ = flowing(sandbox)
    (first,) = loggers(service)
    (service / f"log/end.{first}").touch()
    eventually(lambda: len(loggers(service)) == 2, within=30)
    wait_until_flowing(service)
    check_nothing_lost(sandbox, service)


@clause("svscan/pipe/survives-supervise")
def test_no_line_is_lost_when_the_services_supervise_is_killed(sandbox: Sandbox) -> None:
    service, svscan = flowing(sandbox)
    kill_and_wait_until_replaced(svscan, "a")
    eventually(lambda: len(writers(service)) == 2, within=30)
    wait_until_flowing(service)
    check_nothing_lost(sandbox, service)


@clause("svscan/pipe/survives-log-supervise")
def test_no_line_is_lost_when_the_logs_supervise_is_killed(sandbox: Sandbox) -> None:
    service, svscan = flowing(sandbox)
    (first,) = loggers(service)
    kill_and_wait_until_replaced(svscan, "log")
    eventually(lambda: len(loggers(service)) == 2, within=30)
    (service / f"log/end.{first}").touch()
    eventually(lambda: not is_alive(first), within=30)
    wait_until_flowing(service)
    check_nothing_lost(sandbox, service)


@clause("svscan/pipe/survives-everybody")
@slow
def test_no_line_is_lost_when_all_four_die_in_turn(sandbox: Sandbox) -> None:
    service, svscan = flowing(sandbox)
    for _ in range(2):
        kill_all_and_wait_until_replaced(service, svscan)
        wait_until_flowing(service)
    check_nothing_lost(sandbox, service)


@clause("svscan/pipe/logger-sees-no-end")
def test_the_logger_does_not_see_the_end_of_a_service(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo here >>started; exit 0")
    sandbox.service("service/a/log", "echo $$ >>pids; exec cat >/dev/null")
    sandbox.start("svscan", "service")
    started, pids = sandbox.path / "service/a/started", sandbox.path / "service/a/log/pids"
    eventually(lambda: len(started.read_text().splitlines()) >= 3, within=30)
    assert len(pids.read_text().splitlines()) == 1


@clause("svscan/pipe/writer-waits")
def test_without_a_logger_a_writer_waits(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo $$ >pid; exec head -c 300000 /dev/zero", down=False)
    sandbox.service("service/a/log", "exec cat >../caught", down=True)
    sandbox.start("svscan", "service")
    writer = int(eventually(lambda: (sandbox.path / "service/a/pid").read_text().strip()))
    never(lambda: not is_alive(writer), during=1.0, what="the writer is gone")


@clause("svscan/pipe/waiting-lines-arrive")
def test_what_was_written_without_a_logger_arrives_later(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "seq 1 1000; touch done; exec sleep 1000")
    sandbox.service("service/a/log", "exec cat >../caught", down=True)
    sandbox.start("svscan", "service")
    eventually((sandbox.path / "service/a/done").exists, within=20)
    eventually(lambda: sandbox.is_supervised("service/a/log"))
    sandbox.control("service/a/log", b"u")
    wanted = "".join(f"{number}\n" for number in range(1, 1001))
    caught = sandbox.path / "service/a/caught"
    eventually(lambda: caught.read_text() == wanted, within=20)


@clause("svscan/pipe/lost-with-svscan")
def test_the_pipe_goes_on_without_svscan(sandbox: Sandbox) -> None:
    service, svscan = flowing(sandbox)
    svscan.signal(9)
    svscan.wait()
    wait_until_flowing(service)
    check_nothing_lost(sandbox, service)
