"""What a clause says happens at once: it is timed."""

import fcntl
import os
import signal
import time

import pytest

from daemontools_conformance.helpers.logdirs import old_files
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.runners import answer_of
from daemontools_conformance.helpers.samples import TRUE, call, each_program
from daemontools_conformance.helpers.states import waiter_of
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Finished, is_alive, is_asleep
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.signals import interrupt
from daemontools_conformance.tests.multilog.logging import running
from daemontools_conformance.tests.readproctitle.screens import reading, shows
from daemontools_conformance.tests.supervise.services import (
    SLEEP,
    wait_until_obeyed,
    wait_until_up,
)
from daemontools_conformance.tests.svscan.scanning import (
    fork_seconds,
    services,
    supervise_of,
    waiting_supervise,
)
from daemontools_conformance.tests.timing.prompt import check_no_longer, check_prompt, seconds

# setlock


@clause("setlock/options/n-at-once")
@pytest.mark.parametrize("letters", ["n", "nx"])
def test_setlock_n_does_not_wait_for_a_moment(sandbox: Sandbox, letters: str) -> None:
    with open(sandbox.write("held"), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        check_no_longer(
            lambda: seconds(lambda: sandbox.run("setlock", f"-{letters}", "free", TRUE)),
            lambda: seconds(lambda: sandbox.run("setlock", f"-{letters}", "held", TRUE)),
        )


@clause("setlock/wait/at-once")
def test_a_waiting_setlock_goes_on_as_soon_as_the_lock_is_free(sandbox: Sandbox) -> None:
    def attempt() -> float:
        with open(sandbox.write("lock"), "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            waiter = sandbox.start("setlock", "lock", TRUE)
            lock = sandbox.path / "lock"
            eventually(lambda: waiter_of(waiter, lock), what="it waits for the lock")
            fcntl.flock(file, fcntl.LOCK_UN)
        return seconds(waiter.wait)

    check_prompt(attempt)


# supervise


@clause("supervise/lock/second-at-once")
def test_a_second_supervise_does_not_wait_for_the_lock(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    check_no_longer(
        lambda: seconds(lambda: sandbox.run("supervise", "nowhere")),
        lambda: seconds(lambda: sandbox.run("supervise", "s")),
    )


@clause("supervise/start/at-once")
def test_run_is_started_without_a_pause(sandbox: Sandbox) -> None:
    number = iter(range(100))

    def attempt() -> float:
        name = f"s{next(number)}"
        sandbox.service(name, SLEEP)
        supervise = sandbox.start("supervise", name)
        run = eventually(lambda: sandbox.status(name).pid)
        return fork_seconds(run) - fork_seconds(supervise.pid)

    check_no_longer(lambda: seconds(lambda: sandbox.run("supervise", "nowhere")), attempt)


@clause("supervise/command/at-once")
def test_a_command_after_the_pause_is_obeyed_without_another(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    wait_until_up(sandbox)
    wait_until_obeyed(sandbox)  # so the pause after the start is over
    letters = iter(b"pc" * 50)

    def attempt() -> float:
        letter = next(letters)
        eventually(lambda: is_asleep(supervise.pid))  # it waits, or naps since the last letter
        sandbox.control("s", bytes([letter]))
        return seconds(lambda: eventually(lambda: sandbox.status("s").paused == (letter == 112)))

    check_prompt(attempt)


@clause("supervise/command/at-once")
def test_the_end_of_a_service_that_is_not_wanted_is_noted_at_once(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")

    def attempt() -> float:
        pid = wait_until_up(sandbox)
        wait_until_obeyed(sandbox)
        sandbox.control("s", b"d")
        eventually(lambda: not is_alive(pid))
        taken = seconds(lambda: eventually(lambda: sandbox.status("s").pid == 0))
        sandbox.control("s", b"u")
        return taken

    check_prompt(attempt)


@clause("supervise/command/at-once")
def test_x_ends_a_supervise_that_is_down_at_once(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)

    def attempt() -> float:
        supervise = sandbox.supervise("s")
        eventually(lambda: is_asleep(supervise.pid))
        sandbox.control("s", b"x")
        return seconds(supervise.wait)

    check_prompt(attempt)


# svc, svok, svstat


def ask_a_stopped_one(sandbox: Sandbox, program: str, *words: str) -> Finished:
    """What the program says about a service that runs, but whose supervise is stopped."""
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    wait_until_up(sandbox)
    supervise.signal(signal.SIGSTOP)
    return sandbox.run(program, *words, "s")


@clause("svc/services/stopped-supervise")
def test_svc_does_not_wait_for_a_supervise_that_is_stopped(sandbox: Sandbox) -> None:
    assert answer_of(ask_a_stopped_one(sandbox, "svc", "-u")) == (0, b"", b"")


@clause("svok/effect/stopped-supervise")
def test_svok_does_not_wait_for_a_supervise_that_is_stopped(sandbox: Sandbox) -> None:
    assert answer_of(ask_a_stopped_one(sandbox, "svok")) == (0, b"", b"")


@clause("svstat/answer/stopped-supervise")
def test_svstat_does_not_wait_for_a_supervise_that_is_stopped(sandbox: Sandbox) -> None:
    answer = ask_a_stopped_one(sandbox, "svstat")
    assert (answer.code, answer.err) == (0, b"")
    assert answer.out.startswith(b"s: up (pid ")


# svscan


@clause("svscan/scan/first-at-once")
def test_the_first_scan_follows_the_start_without_a_pause(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")

    def attempt() -> float:
        svscan = sandbox.start("svscan", "service")
        pid = eventually(lambda: supervise_of(svscan, "1000"))
        return fork_seconds(pid) - fork_seconds(svscan.pid)

    # A later scan would come after five seconds, so a busy machine may delay this one.
    check_no_longer(lambda: seconds(lambda: sandbox.run("svscan", "nowhere")), attempt, within=0.8)


# multilog


@clause("multilog/lock/second-at-once")
def test_a_second_multilog_does_not_wait_for_the_lock(sandbox: Sandbox) -> None:
    running(sandbox)
    check_no_longer(
        lambda: seconds(lambda: sandbox.run("multilog", "./no/such")),
        lambda: seconds(lambda: sandbox.run("multilog", "./log")),
    )


@clause("multilog/line/at-once")
def test_a_line_is_in_the_log_at_once(sandbox: Sandbox) -> None:
    multilog, current = running(sandbox), sandbox.path / "log/current"

    def attempt() -> float:
        before = current.stat().st_size
        multilog.write(b"line\n")
        return seconds(lambda: eventually(lambda: current.stat().st_size == before + 5))

    check_prompt(attempt)


@clause("multilog/status/last-selected")
def test_a_status_file_follows_the_input_at_once(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "=status", stdin=PIPE)
    number = iter(range(100))

    def attempt() -> float:
        line = b"%d\n" % next(number)
        multilog.write(line)
        status = sandbox.path / "status"
        return seconds(lambda: eventually(lambda: status.read_bytes().startswith(line)))

    check_prompt(attempt)


@clause("multilog/alert/at-once")
def test_an_alert_is_printed_at_once(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "e", stdin=PIPE)

    def attempt() -> float:
        before = len(multilog.err)
        multilog.write(b"line\n")
        return seconds(lambda: eventually(lambda: len(multilog.err) == before + 5))

    check_prompt(attempt)


@clause("multilog/alrm/rotates")
def test_alrm_rotates_without_a_pause(sandbox: Sandbox) -> None:
    multilog, log = running(sandbox, "n99"), sandbox.path / "log"

    def attempt() -> float:
        multilog.write(b"line\n")
        eventually((log / "current").read_bytes)
        before = len(old_files(log))
        interrupt(multilog, signal.SIGALRM)
        return seconds(lambda: eventually(lambda: len(old_files(log)) == before + 1))

    check_prompt(attempt)


@clause("multilog/term/at-once")
def test_term_ends_multilog_at_once(sandbox: Sandbox) -> None:
    def attempt() -> float:
        multilog = running(sandbox)
        interrupt(multilog, signal.SIGTERM)
        return seconds(multilog.wait)

    check_prompt(attempt)


@clause("multilog/processor/at-once")
def test_multilog_goes_on_as_soon_as_the_processor_has_ended(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "go")
    multilog = sandbox.start("multilog", "s4096", "n99", "!read x <../go; cat", "./log", stdin=PIPE)
    number = iter(range(1, 100))

    def attempt() -> float:
        multilog.write(b"x" * 4095 + b"\n")
        go = eventually(lambda: os.open(sandbox.path / "go", os.O_WRONLY | os.O_NONBLOCK))
        wanted = next(number)
        begin = time.monotonic()
        os.write(go, b"\n")
        os.close(go)
        eventually(lambda: len(old_files(sandbox.path / "log")) == wanted)
        return time.monotonic() - begin

    check_prompt(attempt)


# The filters, readproctitle and fghack


@clause("tai64n/output/line-at-once")
def test_tai64n_prints_a_line_without_a_pause(sandbox: Sandbox) -> None:
    check_filter(sandbox, "tai64n")


@clause("tai64nlocal/output/line-at-once")
def test_tai64nlocal_prints_a_line_without_a_pause(sandbox: Sandbox) -> None:
    check_filter(sandbox, "tai64nlocal")


def check_filter(sandbox: Sandbox, program: str) -> None:
    """A line comes out as soon as it has been written."""
    running = sandbox.start(program, stdin=PIPE)

    def attempt() -> float:
        before = running.out.count(b"\n")
        running.write(b"line\n")
        return seconds(lambda: eventually(lambda: running.out.count(b"\n") == before + 1))

    check_prompt(attempt)


@clause("readproctitle/screen/at-once")
def test_a_byte_is_shown_without_a_pause(sandbox: Sandbox) -> None:
    title = reading(sandbox, "." * 6)
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    newest = "..."

    def attempt() -> float:
        nonlocal newest
        newest = newest[1:] + next(letters)
        title.write(newest[-1].encode())
        return seconds(lambda: eventually(lambda: shows(title, "..." + newest)))

    check_prompt(attempt)


@clause("fghack/wait/ends-at-once")
def test_fghack_ends_as_soon_as_the_last_process_has(sandbox: Sandbox) -> None:
    def attempt() -> float:
        fghack = sandbox.start("fghack", "sh", "-c", "sleep 1000 & echo $!")
        pid = int(eventually(lambda: fghack.out))
        eventually(lambda: is_asleep(pid))
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        fghack.wait()
        return time.monotonic() - begin

    check_prompt(attempt)


A_START = 1.0  # seconds, enough for a large interpreter


@clause("process/time/no-pause")
@each_program
def test_a_call_that_waits_for_nothing_ends_soon(sandbox: Sandbox, program: str) -> None:
    check_prompt(lambda: seconds(lambda: call(sandbox, program)), within=A_START)
