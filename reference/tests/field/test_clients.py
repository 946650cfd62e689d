"""Programs of other projects that drive daemontools do so with the reference's as with djb's.

Debian has update-service (daemontools-run), ansible, ruby-specinfra, monit and svtools, and
the Python package index has simplemonitor. A client that is not on PATH is skipped.
"""

import shutil
from pathlib import Path

import pytest
from companion import wait_until

from field.machine import SERVICES, Machine

CLOCK = f"{SERVICES}/clock"
MAKE_CLOCK = f"""
mkdir -p {CLOCK}/log
printf '#!/bin/sh\\necho starts\\nexec sleep 1000\\n' > {CLOCK}/run
printf '#!/bin/sh\\nexec multilog t ./main\\n' > {CLOCK}/log/run
chmod +x {CLOCK}/run {CLOCK}/log/run
"""


def installed(client: str) -> str:
    """The path of a client; the test is skipped if there is none."""
    found = shutil.which(client)
    if found is None:
        pytest.skip(f"needs {client}")
    return found


@pytest.fixture
def clock(machine: Machine) -> Machine:
    """A machine with a service, whose supervise runs."""
    machine.run("sh", "-ec", f"{MAKE_CLOCK}ln -s {CLOCK} /service/")
    wait_until_up(machine)
    return machine


def wait_until_up(machine: Machine, *, not_as: int = 0) -> int:
    """Wait until the service is up, as another process than `not_as`; its process id."""
    is_new = lambda now: now.pid not in (0, not_as) and "want" not in now.line  # noqa: E731
    return machine.wait_until_state("clock", is_new, "up").pid


def wait_until_down(machine: Machine) -> None:
    """Wait until the service is down, as wanted."""
    machine.wait_until_state("clock", lambda now: ": down" in now.line, "down")


def is_supervised(machine: Machine) -> bool:
    """Does a supervise run there?"""
    return machine.run("svok", CLOCK, check=False).returncode == 0


def test_update_service_adds_and_removes_a_service(machine: Machine) -> None:
    client = installed("update-service")
    if "svc -dx" not in Path(client).read_text():
        pytest.skip("needs daemontools-run; this update-service is runit's")
    update = ["env", "SVDIR=/service", client]
    machine.run("sh", "-ec", MAKE_CLOCK)
    assert machine.run(*update, "--add", CLOCK).stdout == "Service clock added.\n"
    wait_until_up(machine)
    assert machine.run(*update, "--list", "clock").stdout == f"clock -> {CLOCK}\n"
    assert "Service clock removed" in machine.run(*update, "--remove", CLOCK).stdout
    wait_until(lambda: not is_supervised(machine), "supervise is gone")


def test_ansible_starts_stops_kills_disables_and_enables(clock: Machine) -> None:
    module = [installed("ansible"), "localhost", "-c", "local", "-m", "community.general.svc", "-a"]

    def ansible(words: str) -> str:
        """Run the module; CHANGED or SUCCESS, as it says."""
        said = clock.run(*module, f"name=clock service_src={SERVICES} {words}").stdout
        return said.split("|")[1].split("=>")[0].strip()

    pid = wait_until_up(clock)
    assert ansible("state=started") == "SUCCESS"
    assert ansible("state=restarted") == "CHANGED"
    pid = wait_until_up(clock, not_as=pid)
    assert ansible("state=killed") == "CHANGED"
    pid = wait_until_up(clock, not_as=pid)
    assert ansible("state=stopped") == "CHANGED"
    wait_until_down(clock)
    assert ansible("state=stopped") == "SUCCESS"
    # `state=once` fails inside the module of Debian 12, before it runs svc.
    assert ansible("state=started") == "CHANGED"
    wait_until_up(clock)
    assert ansible("enabled=no") == "CHANGED"
    wait_until(lambda: not is_supervised(clock), "supervise is gone")
    assert ansible("enabled=yes downed=no state=started") == "CHANGED"
    wait_until_up(clock)


def test_specinfra_sees_and_changes_the_state(clock: Machine) -> None:
    ruby = installed("ruby")
    if clock.run(ruby, "-e", "require 'specinfra'", check=False).returncode != 0:
        pytest.skip("needs ruby-specinfra")

    def specinfra(command: str) -> bool:
        """Run one of its commands under the name that its resource types use."""
        script = f"""
            require 'specinfra'
            Specinfra.configuration.backend = :exec
            command = Specinfra.command.get(:{command}_under_daemontools, 'clock')
            exit Specinfra.backend.run_command(command).success?
        """
        done = clock.run(ruby, "-e", script, check=False)
        assert done.stderr == ""
        return done.returncode == 0

    pid = wait_until_up(clock)
    assert specinfra("check_service_is_enabled")
    assert specinfra("check_service_is_running")
    for change in ("restart_service", "reload_service"):
        assert specinfra(change)
        pid = wait_until_up(clock, not_as=pid)
    assert specinfra("stop_service")
    wait_until_down(clock)
    assert not specinfra("check_service_is_running")
    assert specinfra("start_service")
    wait_until_up(clock)
    assert specinfra("disable_service")
    wait_until(lambda: not is_supervised(clock), "supervise is gone")


def test_monit_starts_a_service_that_is_down(clock: Machine) -> None:
    monit = installed("monit")
    clock.file("/srv/is-up").write_text(
        f"#!/bin/sh\nPATH={clock.path}\nsvstat /service/clock | grep -q ': up'\n"
    )
    clock.file("/srv/start").write_text(f"#!/bin/sh\nPATH={clock.path}\nsvc -u /service/clock\n")
    clock.file("/srv/monitrc").write_text(
        "set daemon 1\nset idfile /srv/id\nset statefile /srv/state\nset pidfile /srv/pid\n"
        'check program clock with path "/srv/is-up"\n'
        '    start program = "/srv/start"\n'
        "    if status != 0 then start\n"
    )
    clock.run("chmod", "0700", "/srv/is-up", "/srv/start", "/srv/monitrc")
    clock.svc("-d", "clock")
    wait_until_down(clock)
    clock.run(monit, "-c", "/srv/monitrc")
    wait_until_up(clock)


def test_simplemonitor_tells_up_from_down(clock: Machine) -> None:
    simplemonitor = installed("simplemonitor")
    clock.file("/srv/monitors.ini").write_text("[clock]\ntype=svc\npath=/service/clock\n")
    clock.file("/srv/monitor.ini").write_text(
        "[monitor]\ninterval=1\nmonitors=/srv/monitors.ini\n[reporting]\n"
    )
    once = [simplemonitor, "--one-shot", "--config", "/srv/monitor.ini"]
    assert clock.run(*once, check=False).returncode == 0
    clock.svc("-d", "clock")
    wait_until_down(clock)
    assert clock.run(*once, check=False).returncode != 0


def test_svtools_read_the_status_and_the_log(clock: Machine) -> None:
    svinfo, svinitd = installed("svinfo"), installed("svinitd")
    assert clock.run(installed("svdir")).stdout == "/service\n"
    pid = wait_until_up(clock)
    assert clock.run(svinfo, "-p", "clock").stdout == f"{pid}\n"
    assert clock.run(svinfo, "-s", "clock", check=False).returncode == 3
    wait_until(lambda: "starts" in clock.run(installed("mlcat"), "clock").stdout, "a line")
    clock.run(svinitd, "clock", "stop")
    wait_until_down(clock)
    assert clock.run(svinfo, "-p", "clock").stdout == "0\n"
    clock.run(svinitd, "clock", "start")
    wait_until_up(clock)
