"""supervise: it starts ./run again, but not too soon."""

import os
import signal
from collections.abc import Callable
from itertools import pairwise

import pytest

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.history import NOTE_START, TICKS_PER_SECOND, Birth
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import children
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import exists
from daemontools_conformance.tests.supervise.services import (
    FAILS_AT_ONCE,
    SLEEP,
    noted,
    wait_until_obeyed,
    wait_until_ready,
    wait_until_up,
    witnessed,
)

GREATEST_SIGNAL = int(max(signal.valid_signals()))
ENDS = ["exit 0", "exit 7", "exit 111", "exit 255"]
ENDS += [f"kill -{name} $$" for name in ("9", "TERM", GREATEST_SIGNAL)]


def starts(sandbox: Sandbox) -> list[int]:
    """The process ids that ./run has had."""
    return history.starts(noted(sandbox))


def births(sandbox: Sandbox) -> Callable[[], list[Birth]]:
    """A function that gives the births of ./run so far; call it before the first one."""
    return history.births(sandbox.path / "s/history")


def wait_until_started(sandbox: Sandbox, times: int) -> None:
    """Wait until ./run has been started so many times."""
    eventually(lambda: len(starts(sandbox)) >= times, what=f"{times} starts")


@clause("supervise/restart/whatever-the-end")
@pytest.mark.parametrize("end", ENDS)
def test_it_is_started_again(sandbox: Sandbox, end: str) -> None:
    sandbox.service("s", f"{NOTE_START}\n{end}")
    sandbox.supervise("s")
    wait_until_started(sandbox, 3)


@clause("supervise/restart/one-at-a-time")
def test_one_at_a_time(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, "TERM")
    for count, letters in enumerate((b"tuuu", b"kuu", b"kou", b"duu", b"uku"), 2):
        sandbox.control("s", letters)
        wait_until_started(sandbox, count)
        assert children(supervise.pid) == {wait_until_ready(sandbox)}
    assert len(starts(sandbox)) == 6
    assert history.overlaps(noted(sandbox)) == []


@clause("supervise/restart/pause")
def test_a_second_between_starts(sandbox: Sandbox) -> None:
    sandbox.service("s", FAILS_AT_ONCE)
    born = births(sandbox)
    sandbox.supervise("s")
    eventually(lambda: len(born()) >= 4, what="4 starts")
    assert history.too_soon(born(), 1) == []


@clause("supervise/restart/soon")
def test_less_than_two_seconds_between_some_starts(sandbox: Sandbox) -> None:
    sandbox.service("s", FAILS_AT_ONCE)
    born = births(sandbox)
    sandbox.supervise("s")

    def shortest() -> bool:
        steps = pairwise(born())
        return any(later - earlier < 2 * TICKS_PER_SECOND for (_, earlier), (_, later) in steps)

    eventually(shortest, within=60, what="a start soon after another")


@clause("supervise/restart/at-once")
def test_no_pause_before_the_restart(sandbox: Sandbox, variant: str) -> None:
    born = births(sandbox)
    witnessed(sandbox)
    delays = []
    for count in range(2, 7):  # a busy machine may delay one or another
        pid = wait_until_ready(sandbox)
        wait_until_obeyed(sandbox)  # so the pause is over
        over = born()[-1][1] + 1.1 * TICKS_PER_SECOND  # for those who do not pause then
        eventually(lambda over=over: history.now() > over)  # type: ignore[misc]
        killed = history.now()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: sandbox.status("s").pid not in (0, pid))  # type: ignore[misc]
        seen = history.now()
        eventually(lambda count=count: len(born()) >= count)  # type: ignore[misc]
        delays.append((min(seen, born()[-1][1]) - killed) / TICKS_PER_SECOND)
        if delays[-1] < 0.9:
            break
    assert (min(delays) >= 0.9) == (variant == "freebsd"), delays


@clause("supervise/restart/signals-do-not-shorten")
def test_signals_during_the_pause(sandbox: Sandbox) -> None:
    sandbox.service("s", FAILS_AT_ONCE)
    born = births(sandbox)
    supervise = sandbox.supervise("s")

    def four_starts() -> bool:
        for number in (signal.SIGCHLD, signal.SIGCONT, signal.SIGWINCH, signal.SIGURG):
            supervise.signal(number)
        return len(born()) >= 4

    eventually(four_starts)
    assert history.too_soon(born(), 1) == []


@clause("supervise/restart/signals-do-not-shorten")
def test_stopping_and_continuing_during_the_pause(sandbox: Sandbox) -> None:
    sandbox.service("s", FAILS_AT_ONCE)
    born = births(sandbox)
    supervise = sandbox.supervise("s")

    def three_starts() -> bool:
        supervise.signal(signal.SIGSTOP)
        supervise.signal(signal.SIGCONT)
        return len(born()) >= 3

    eventually(three_starts)
    assert history.too_soon(born(), 1) == []


@clause("supervise/restart/commands-do-not-shorten")
@pytest.mark.parametrize("letters", [b"u", b"uc", b"kt", b"ou"])
def test_commands_during_the_pause(sandbox: Sandbox, letters: bytes) -> None:
    sandbox.service("s", FAILS_AT_ONCE)
    born = births(sandbox)
    sandbox.supervise("s")

    def three_starts() -> bool:
        sandbox.control("s", letters)
        return len(born()) >= 3

    eventually(three_starts)
    assert history.too_soon(born(), 1) == []


@clause("supervise/restart/commands-wait")
def test_a_command_during_the_pause(sandbox: Sandbox) -> None:
    sandbox.service("s", f"{NOTE_START}\n{SLEEP}")
    born = births(sandbox)
    sandbox.supervise("s")
    wait_until_up(sandbox)
    sandbox.control("s", b"d")
    eventually(lambda: sandbox.status("s").want == b"d")
    obeyed = history.now()
    ((started, _),) = born()
    assert obeyed - started >= TICKS_PER_SECOND


@clause("supervise/restart/commands-between")
@pytest.mark.parametrize("run", [FAILS_AT_ONCE, f"{NOTE_START}\nkill -9 $$"])
def test_a_service_that_fails_at_once_is_still_commanded(sandbox: Sandbox, run: str) -> None:
    sandbox.service("s", run)
    supervise = sandbox.supervise("s")
    wait_until_started(sandbox, 2)
    sandbox.control("s", b"d")
    eventually(lambda: (sandbox.status("s").want, sandbox.status("s").pid) == (b"d", 0))
    before = len(starts(sandbox))
    never(lambda: len(starts(sandbox)) > before, during=1.5)
    sandbox.control("s", b"u")
    wait_until_started(sandbox, before + 2)
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0


@clause("supervise/restart/commands-between")
def test_without_a_run_it_is_still_commanded(sandbox: Sandbox) -> None:
    (sandbox.path / "s").mkdir()
    supervise = sandbox.supervise("s")
    eventually(lambda: supervise.err.count(b"\n") >= 2)
    sandbox.control("s", b"d")
    eventually(lambda: (sandbox.status("s").want, sandbox.status("s").pid) == (b"d", 0))
    before = supervise.err.count(b"\n")
    never(lambda: supervise.err.count(b"\n") > before, during=1.5)
    sandbox.control("s", b"u")
    eventually(lambda: supervise.err.count(b"\n") >= before + 2)
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0


@clause("supervise/restart/foreign-children")
@pytest.mark.parametrize("down", [False, True])
def test_a_child_from_before_exec(sandbox: Sandbox, down: bool) -> None:
    sandbox.service("s", f"{NOTE_START}\n{SLEEP}", down=down)
    words = sandbox.words("supervise", "s")
    script = 'sleep 1000 & exec "$@"'
    supervise = sandbox.start_command(["/bin/sh", "-c", script, "sh", *words])
    eventually(lambda: sandbox.is_supervised("s"))
    runs = set() if down else {wait_until_up(sandbox)}
    (foreign,) = eventually(lambda: children(supervise.pid) - runs)
    os.kill(foreign, signal.SIGKILL)
    eventually(lambda: foreign not in children(supervise.pid))
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0
    assert not any(map(exists, runs))  # supervise still knew its ./run, and waited for it
    assert len(starts(sandbox)) == len(runs)
