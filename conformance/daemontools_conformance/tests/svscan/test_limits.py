"""svscan: a thousand services, no descriptors left, no processes left."""

import os
import re
import resource

from daemontools_conformance.helpers.limits import prlimit
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import comm_of
from daemontools_conformance.tests.svscan.scanning import (
    ending_supervise,
    services,
    start_with_canary,
    supervise_of,
    telling_supervise,
    wait_until_scanned,
    waiting_supervise,
)

LIMIT = 1000

# svscan's 0 to 2 and its directory leave room for six pipes; there are ten services with a log.
FEW_DESCRIPTORS = "NOFILE=16"
LETTERS = "abcdefghij"


@clause("svscan/limit/thousand")
def test_the_service_after_the_thousandth_is_a_warning(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    services(sandbox, *(f"s{number}" for number in range(LIMIT + 1)))
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: svscan.said, within=120)
    eventually(lambda: len(set(told.read_text().splitlines())) == LIMIT, within=120)


@clause("svscan/limit/thousand-message")
def test_what_is_said_of_the_service_after_the_thousandth(sandbox: Sandbox) -> None:
    ending_supervise(sandbox)
    services(sandbox, *(f"s{number}" for number in range(LIMIT + 1)))
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: svscan.said, within=120)
    (line,) = svscan.err.splitlines()
    assert re.fullmatch(rb"svscan: warning: unable to start s\d+: running too many services", line)


@clause("svscan/limit/room-is-made")
@slow
def test_a_removed_service_makes_room(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    names = {f"s{number}" for number in range(LIMIT + 1)}
    folder = services(sandbox, *names)
    sandbox.start("svscan", "service")

    def started() -> set[str]:
        return set(told.read_text().split()) & names

    eventually(lambda: len(started()) == LIMIT, within=120)
    (left_out,) = names - started()
    (folder / started().pop()).rmdir()
    eventually(lambda: left_out in started(), within=120)


@clause("svscan/limit/no-descriptors")
def test_out_of_descriptors_is_a_warning_at_each_scan(sandbox: Sandbox) -> None:
    ending_supervise(sandbox)
    services(sandbox, *(f"{letter}/log" for letter in LETTERS))
    svscan = sandbox.start("svscan", "service", prepare=["--limit", FEW_DESCRIPTORS])
    eventually(lambda: svscan.said)
    never(svscan.has_ended, during=3)
    said = svscan.said
    eventually(lambda: svscan.said != said, within=40)


@clause("svscan/limit/no-descriptors-message")
def test_what_is_said_without_descriptors(sandbox: Sandbox) -> None:
    ending_supervise(sandbox)
    services(sandbox, *(f"{letter}/log" for letter in LETTERS))
    svscan = sandbox.start("svscan", "service", prepare=["--limit", FEW_DESCRIPTORS])
    wanted = rb"svscan: warning: unable to create pipe for [a-j]: process cannot open more files"
    eventually(lambda: any(re.fullmatch(wanted, line) for line in svscan.err.splitlines()))


@clause("svscan/limit/descriptors-come-back")
def test_a_service_without_a_pipe_is_tried_again(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    services(sandbox, *(f"{letter}/log" for letter in LETTERS))
    svscan = sandbox.start("svscan", "service", prepare=["--limit", FEW_DESCRIPTORS])
    eventually(lambda: svscan.said)
    hard = prlimit(svscan.pid, resource.RLIMIT_NOFILE)[1]
    prlimit(svscan.pid, resource.RLIMIT_NOFILE, (100, hard))
    eventually(lambda: set(LETTERS) <= set(told.read_text().split()), within=40)


@clause("svscan/limit/others-start")
def test_without_descriptors_services_without_a_log_start(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    services(sandbox, *(f"{letter}/log" for letter in LETTERS), "plain1", "plain2")
    sandbox.start("svscan", "service", prepare=["--limit", FEW_DESCRIPTORS])
    eventually(lambda: {"plain1", "plain2"} <= set(told.read_text().split()))


@clause("svscan/limit/scans-go-on")
def test_with_all_descriptors_in_use_it_still_restarts(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    services(sandbox, *(f"{letter}/log" for letter in LETTERS), "plain")
    sandbox.start("svscan", "service", prepare=["--limit", FEW_DESCRIPTORS])
    eventually(lambda: told.read_text().count(" plain\n") >= 3, within=60)


def start_with_room_for_one(sandbox: Sandbox) -> tuple[Running, Running]:
    """An svscan that cannot fork, and the process that must end before it can.

    The kernel counts the processes of a user; this user has the two, and may have no more.
    No other test, of this run or another, has this user.
    """
    user = str(1_000_000 + os.getpid())
    occupant = sandbox.start_command(["/bin/sleep", "1000"], prepare=["--user", f"{user}:{user}"])
    eventually(lambda: comm_of(occupant.pid) == b"sleep")  # so it is that user already
    limits = ["--limit", "NPROC=2", "--user", f"{user}:{user}"]
    return sandbox.start("svscan", "service", prepare=limits), occupant


@clause("svscan/limit/no-processes")
@needs("root")
def test_a_failed_fork_is_a_warning_and_tried_again(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan, occupant = start_with_room_for_one(sandbox)
    warning = b"svscan: warning: unable to fork for 1000: temporary failure\n"
    svscan.wait_until_err(warning * 2, within=40)
    occupant.signal(9)
    occupant.wait()
    eventually(lambda: supervise_of(svscan, "1000"), within=40)


@clause("svscan/limit/no-process-for-log")
@needs("root")
def test_a_failed_fork_leaves_the_log_for_later(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000/log")
    svscan, _ = start_with_room_for_one(sandbox)
    eventually(lambda: svscan.said.count(b"\n") >= 2, within=40, what="it complains twice")
    assert b"log" not in svscan.said


@clause("svscan/limit/no-memory")
def test_out_of_memory_is_no_end(sandbox: Sandbox) -> None:
    sandbox.environment["PATH"] = "/nowhere"  # there is no supervise: svscan alone needs memory
    services(sandbox, "first")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: b"first" in svscan.said)
    soft, hard = prlimit(svscan.pid, resource.RLIMIT_AS)
    prlimit(svscan.pid, resource.RLIMIT_AS, (1_000_000, hard))  # less than it has
    services(sandbox, *(f"s{number}" for number in range(900)))

    def has_tried() -> bool:
        return len(set(re.findall(rb"\bs\d+", svscan.said))) == 900 or b"memory" in svscan.said

    eventually(has_tried, within=60)
    prlimit(svscan.pid, resource.RLIMIT_AS, (soft, hard))
    services(sandbox, "late")
    eventually(lambda: b"late" in svscan.said, within=60)


@clause("svscan/limit/no-leak")
@slow
def test_descriptors_do_not_grow_with_scans_and_deaths(sandbox: Sandbox) -> None:
    ending_supervise(sandbox)
    folder = services(sandbox, "a", "b/log", "c/log")
    svscan = start_with_canary(sandbox)
    wait_until_scanned(svscan, 1)
    directory = os.path.realpath(folder)

    def kept() -> list[int]:  # a scan under way has its directory open
        return [fd for fd, target in record(svscan.pid).descriptors.items() if target != directory]

    before = len(kept())
    for round_ in range(2):
        (folder / f"new{round_}/log").mkdir(parents=True)
        wait_until_scanned(svscan, 1)
        (folder / f"new{round_}").rename(sandbox.path / f"old{round_}")
        wait_until_scanned(svscan, 1)
    eventually(lambda: len(kept()) == before, what=f"svscan has {before} descriptors again")
