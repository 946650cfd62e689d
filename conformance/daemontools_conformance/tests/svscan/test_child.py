"""svscan: what a supervise inherits."""

import os
import signal
from dataclasses import replace

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import STATES, direct
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import has_noted
from daemontools_conformance.running.processes import argv_of, is_asleep
from daemontools_conformance.running.record import Record, descriptors_to, record
from daemontools_conformance.running.sandbox import Options, Sandbox
from daemontools_conformance.running.table import HAS_PROC, proc
from daemontools_conformance.tests.svscan.scanning import (
    pipes_of,
    services,
    supervise_of,
    waiting_supervise,
)

ODD_ENTRIES = [b"TWICE=1", b"no equals sign", b"TWICE=2", b"=nameless", b"EMPTY=", b"B\xff=\xfe"]


def pair(sandbox: Sandbox, *prepare: str | bytes) -> tuple[int, int]:
    """The process ids of svscan and of its child `supervise 1000`, which is `sleep`."""
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service", prepare=prepare)
    child = eventually(lambda: supervise_of(svscan, "1000"))
    eventually(lambda: is_stand_in(child))
    return svscan.pid, child


def is_stand_in(pid: int) -> bool:
    """Is the child the stand-in already, and no longer svscan's copy?"""
    return os.readlink(proc(pid, "exe")).endswith("sleep") if HAS_PROC else has_noted(pid)


def both(sandbox: Sandbox, *prepare: str | bytes) -> tuple[Record, Record]:
    """The record of a process that is started as svscan is, and that of its child."""
    child = pair(sandbox, *prepare)[1]
    return direct(sandbox, prepare=prepare), record(child)


def wait_until_descriptors_are(pid: int, wanted: set[int]) -> dict[int, str]:
    """The descriptors of a process, as soon as these are all: at its start it opens libraries."""
    eventually(lambda: record(pid).descriptors.keys() == wanted, what=f"{pid} has just {wanted}")
    return record(pid).descriptors


def wait_until_run_is_sleep(sandbox: Sandbox, service: str) -> int:
    """The process id of the service's ./run, as soon as its shell has become sleep."""
    pid = eventually(lambda: sandbox.status(service).pid, within=30)
    eventually(lambda: argv_of(pid)[:1] == (b"sleep",), within=30)
    return pid


@clause("svscan/child/argv")
def test_the_arguments_are_supervise_and_the_name(sandbox: Sandbox) -> None:
    child = record(pair(sandbox)[1])
    assert child.argv == (b"supervise", b"1000")


@clause("svscan/child/environment")
def test_the_environment_is_the_original_block(sandbox: Sandbox) -> None:
    options = [word for entry in ODD_ENTRIES for word in (b"--environ-entry", entry)]
    given, child = both(sandbox, *options)
    assert set(ODD_ENTRIES) <= set(child.environment)
    assert child.environment == given.environment


@clause("svscan/child/process-group")
def test_process_group_and_session_are_svscans(sandbox: Sandbox) -> None:
    svscan, child = pair(sandbox)
    assert (os.getpgid(child), os.getsid(child)) == (os.getpgid(svscan), os.getsid(svscan))


@clause("svscan/child/signals")
def test_blocked_and_ignored_signals_stay(sandbox: Sandbox) -> None:
    options = ["--default", "QUIT", "--block", "USR1", "--block", "ALRM"]
    child = record(pair(sandbox, *options, "--ignore", "HUP", "--ignore", "TERM")[1])
    assert child.blocked >= {signal.SIGUSR1, signal.SIGALRM}
    assert child.ignored >= {signal.SIGHUP, signal.SIGTERM}


@clause("svscan/child/default-signals")
def test_otherwise_all_signals_are_at_their_default(sandbox: Sandbox) -> None:
    options = [word for name in ("HUP", "INT", "QUIT") for word in ("--default", name)]
    child = record(pair(sandbox, *options)[1])
    assert not child.blocked | child.ignored | child.caught


@clause("svscan/child/umask-and-limits")
def test_umask_nice_value_and_limits_stay(sandbox: Sandbox) -> None:
    given, child = both(sandbox, "--umask", "027", "--nice", "3", "--limit", "CPU=4096")
    assert (child.umask, child.nice) == ("0027", given.nice)
    assert child.limits == given.limits
    assert child.limits["cpu time"][0] == "4096"


@clause("svscan/child/descriptors")
def test_a_service_without_a_log_has_what_svscan_was_given(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    files = [sandbox.write(name) for name in ("in", "out", "err")]
    with open(files[0], "rb") as in_, open(files[1], "wb") as out, open(files[2], "wb") as err:
        svscan = sandbox.start("svscan", "service", stdin=in_, stdout=out, stderr=err)
    child = eventually(lambda: supervise_of(svscan, "1000"))
    eventually(lambda: is_stand_in(child))
    seen = record(child)
    assert [descriptors_to(seen, file) for file in files] == [[0], [1], [2]]


@clause("svscan/child/descriptors")
def test_a_service_without_a_log_has_svscans_three_descriptors(sandbox: Sandbox) -> None:
    svscan, child = pair(sandbox)
    descriptors = wait_until_descriptors_are(child, {0, 1, 2})
    own = record(svscan).descriptors
    assert descriptors == {number: own[number] for number in (0, 1, 2)}


@clause("svscan/child/inherited-descriptors")
def test_further_descriptors_that_svscan_was_given_are_handed_on(sandbox: Sandbox) -> None:
    _, child = pair(sandbox, "--open", "7")
    assert record(child).descriptors[7] == "/dev/null"


@clause("svscan/child/state")
@pytest.mark.parametrize("state", [s for s in STATES if "--empty-environ" not in STATES[s]])
def test_the_whole_record_is_as_it_was(sandbox: Sandbox, state: str) -> None:
    # An svscan may have more descriptors of its own than 0.76.
    prepare = ["--limit", "NOFILE=16"] if state == "few descriptors" else STATES[state]
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    before = direct(sandbox, prepare=prepare)
    with sandbox.messages.open("ab") as out:
        options: Options = {"prepare": prepare, "stdout": out, "stderr": out}
        svscan = sandbox.start("svscan", "service", **options)
    child = eventually(lambda: supervise_of(svscan, "1000"))
    eventually(lambda: is_stand_in(child) and is_asleep(child))
    assert record(child) == replace(
        before,
        argv=(b"supervise", b"1000"),
        comm=b"supervise",
        directory=str(sandbox.path / "service"),
        parent=svscan.pid,
    )


@clause("svscan/child/no-leaked-pipes")
def test_nobody_holds_another_services_pipe(sandbox: Sandbox) -> None:
    names = ["a", "b", "c"]
    for name in names:
        sandbox.service(f"service/{name}", "exec sleep 1000")
        sandbox.service(f"service/{name}/log", "exec sleep 1000")
    svscan = sandbox.start("svscan", "service")
    for name in names:
        for service in (f"service/{name}", f"service/{name}/log"):
            pid = wait_until_run_is_sleep(sandbox, service)
            wait_until_descriptors_are(pid, {0, 1, 2})
            assert [*pipes_of(pid)] == [0 if service.endswith("/log") else 1]
    assert not svscan.has_ended()


@clause("svscan/child/directory")
def test_the_service_is_named_relative_to_svscans_directory(sandbox: Sandbox) -> None:
    child = record(pair(sandbox)[1])
    assert child.directory == os.path.realpath(sandbox.path / "service")
