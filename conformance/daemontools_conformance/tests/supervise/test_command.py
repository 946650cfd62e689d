"""supervise: the command letters."""

import os
import re
import signal
from typing import NamedTuple

import pytest

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_stopped
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import (
    LETTERS,
    SLEEP,
    brought_into,
    is_down,
    is_ready,
    is_up,
    noted,
    receives,
    settles,
    wants,
    witnessed,
)


def starts(sandbox: Sandbox) -> int:
    """How often ./run was started."""
    return len(history.starts(noted(sandbox)))


def restarted(sandbox: Sandbox, old: int) -> int:
    """Wait until another witness than `old` is ready; its process id."""
    eventually(lambda: sandbox.status("s").pid not in (0, old))
    return is_ready(sandbox)


# Letter by letter


@clause("supervise/command/up")
def test_up(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM", down=True)
    sandbox.control("s", b"u")
    first = is_ready(sandbox)
    assert sandbox.status("s").want == b"u"
    sandbox.control("s", b"t")
    restarted(sandbox, first)


@clause("supervise/command/up-again")
def test_up_while_up(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    pid = is_ready(sandbox)
    sandbox.control("s", b"uuuuu")
    settles(sandbox)
    assert sandbox.status("s").pid == pid
    assert starts(sandbox) == 1


@clause("supervise/command/down")
def test_down(sandbox: Sandbox) -> None:
    witnessed(sandbox)  # it notes TERM and goes on
    sandbox.control("s", b"d")
    receives(sandbox, "TERM", "CONT")
    os.kill(is_ready(sandbox), signal.SIGKILL)
    is_down(sandbox)
    sandbox.control("s", b"u")  # only after this one does it start again
    is_ready(sandbox)
    assert starts(sandbox) == 2


@clause("supervise/command/down-order")
@needs("strace")
def test_term_before_continue(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    trace = sandbox.path / "trace"
    strace = ["strace", "-o", str(trace), "-e", "trace=kill"]
    sandbox.start_command([*strace, "supervise", "s"])
    pid = is_up(sandbox)
    sandbox.control("s", b"d")
    is_down(sandbox)
    sent = re.findall(rf"kill\({pid}, SIG(\w+)\) += 0", trace.read_text())
    assert sent == ["TERM", "CONT"]


@clause("supervise/command/down-paused")
def test_down_while_paused(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    sandbox.control("s", b"p")
    eventually(lambda: sandbox.status("s").paused)
    sandbox.control("s", b"d")
    is_down(sandbox)
    assert sandbox.status("s").paused == 0


@clause("supervise/command/once")
def test_once_while_down(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM", down=True)
    sandbox.control("s", b"o")
    is_ready(sandbox)
    assert sandbox.status("s").want == b"\0"
    sandbox.control("s", b"t")
    is_down(sandbox)
    sandbox.control("s", b"d")
    wants(sandbox, b"d")  # it would have started again before it obeyed this
    assert starts(sandbox) == 1


@clause("supervise/command/once")
def test_once_while_up(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    sandbox.control("s", b"ot")
    is_down(sandbox)
    sandbox.control("s", b"d")
    wants(sandbox, b"d")
    assert starts(sandbox) == 1


@clause("supervise/command/pause")
def test_pause(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    pid = is_ready(sandbox)
    sandbox.control("s", b"p")
    eventually(lambda: is_stopped(pid))
    assert sandbox.status("s").pid == pid


@clause("supervise/command/continue")
def test_continue(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    pid = is_ready(sandbox)
    sandbox.control("s", b"p")
    eventually(lambda: is_stopped(pid))
    sandbox.control("s", b"c")
    receives(sandbox, "CONT")
    assert not is_stopped(pid)


@clause("supervise/command/continue")
def test_continue_while_not_paused(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"c")
    receives(sandbox, "CONT")


@clause("supervise/command/signals")
@pytest.mark.parametrize(
    ("letter", "name"), [(b"h", "HUP"), (b"a", "ALRM"), (b"i", "INT"), (b"t", "TERM")]
)
def test_signals(sandbox: Sandbox, letter: bytes, name: str) -> None:
    witnessed(sandbox)
    sandbox.control("s", letter)
    receives(sandbox, name)


@clause("supervise/command/kill")
def test_kill(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    first = is_ready(sandbox)
    sandbox.control("s", b"k")
    restarted(sandbox, first)
    assert history.signals(noted(sandbox)) == []


@clause("supervise/command/term-restarts")
def test_term(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    first = is_ready(sandbox)
    sandbox.control("s", b"t")
    restarted(sandbox, first)


@clause("supervise/command/term-sends-no-continue")
def test_term_while_paused(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    pid = is_ready(sandbox)
    sandbox.control("s", b"pt" + b"o")
    wants(sandbox, b"\0")  # so t has been obeyed
    eventually(lambda: is_stopped(pid))
    assert sandbox.status("s").paused == 1
    sandbox.control("s", b"c")
    is_down(sandbox)


@clause("supervise/command/exit-down")
def test_exit_while_down(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, down=True)
    sandbox.control("s", b"x")
    finished = supervise.wait()
    assert (finished.code, finished.out, finished.err) == (0, b"", b"")
    assert not sandbox.is_supervised("s")


@clause("supervise/command/exit-up")
def test_exit_while_up(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, "ALRM")
    sandbox.control("s", b"x")
    settles(sandbox)
    assert not supervise.has_ended()
    sandbox.control("s", b"a")
    assert supervise.wait().code == 0
    assert starts(sandbox) == 1


@clause("supervise/command/exit-up")
def test_exit_when_run_ends_by_itself(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, "USR1")
    sandbox.control("s", b"x")
    settles(sandbox)
    os.kill(is_ready(sandbox), signal.SIGUSR1)
    assert supervise.wait().code == 0
    assert starts(sandbox) == 1


@clause("supervise/command/exit-sends-nothing")
def test_exit_sends_no_signal(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"xxa")
    receives(sandbox, "ALRM")


@clause("supervise/command/exit-is-for-ever")
@pytest.mark.parametrize("letters", [b"xut", b"xot", b"xduct", b"oxut", b"xxt"])
def test_nothing_takes_exit_back(sandbox: Sandbox, letters: bytes) -> None:
    supervise = witnessed(sandbox, "TERM")
    sandbox.control("s", letters)
    assert supervise.wait().code == 0
    assert starts(sandbox) == 1
    assert sandbox.status("s").pid == 0


@clause("supervise/command/exit-then-others")
@pytest.mark.parametrize(("letters", "last"), [(b"xd", b"d"), (b"xot", b"\0"), (b"xuk", b"u")])
def test_commands_after_exit(sandbox: Sandbox, letters: bytes, last: bytes) -> None:
    supervise = witnessed(sandbox, "TERM")
    sandbox.control("s", letters)
    assert supervise.wait().code == 0
    assert sandbox.status("s").want == last


@clause("supervise/command/nothing-after-exit")
@pytest.mark.parametrize("letters", [b"xu", b"xo", b"xxuo"])
def test_no_command_after_the_end(sandbox: Sandbox, letters: bytes) -> None:
    supervise = witnessed(sandbox, down=True)
    sandbox.control("s", letters)
    assert supervise.wait().code == 0
    assert sandbox.status("s").want == b"d"
    assert starts(sandbox) == 0


@clause("supervise/command/pause-while-down")
def test_pause_while_down(sandbox: Sandbox) -> None:
    witnessed(sandbox, down=True)
    sandbox.control("s", b"po")
    wants(sandbox, b"\0")
    pid = is_ready(sandbox)
    assert sandbox.status("s").paused == 0
    assert not is_stopped(pid)


@clause("supervise/command/pause-while-down")
def test_pause_while_down_is_not_shown(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    supervise = sandbox.supervise("s")
    sandbox.control("s", b"px")
    supervise.wait()
    assert sandbox.status("s").paused == 0


@clause("supervise/command/others-ignored")
def test_all_other_bytes(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    status = sandbox.path / "s/supervise/status"
    before = status.read_bytes()
    sandbox.control("s", bytes(set(range(256)) - set(LETTERS)) + b"a")
    receives(sandbox, "ALRM")
    assert status.read_bytes() == before


@clause("supervise/command/in-order")
@pytest.mark.parametrize(
    ("letters", "want"), [(b"odu", b"u"), (b"oud", b"d"), (b"udo", b"\0"), (b"duuo", b"\0")]
)
def test_the_last_want_counts(sandbox: Sandbox, letters: bytes, want: bytes) -> None:
    witnessed(sandbox)
    sandbox.control("s", letters)
    settles(sandbox)
    assert sandbox.status("s").want == want


@clause("supervise/command/in-order")
def test_down_and_then_up(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    first = is_ready(sandbox)
    sandbox.control("s", b"du")
    restarted(sandbox, first)


@clause("supervise/command/many")
def test_thousands(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    sandbox.control("s", b"uz" * 2000 + b"d")
    eventually(lambda: sandbox.status("s").pid == 0, within=60)
    assert starts(sandbox) == 1


@clause("supervise/command/repeated")
def test_two_kills(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"k")
    eventually(lambda: starts(sandbox) == 2)
    sandbox.control("s", b"k")
    eventually(lambda: starts(sandbox) == 3)


@clause("supervise/command/repeated")
def test_two_hangups(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"h")
    receives(sandbox, "HUP")
    sandbox.control("s", b"h")
    receives(sandbox, "HUP", "HUP")


# Every letter in every state. The witness survives all signals but KILL.
#
# A cell says what becomes of ./run (up: the same process; stop: the same, stopped;
# new: another; down; gone: supervise has exited), what is wanted, and the signals.

TABLE = """
         u     d               o     p      c            h          a           i          t           k      x
up       up:u  up:d+TERM+CONT  up:0  stop:u up:u+CONT    up:u+HUP   up:u+ALRM   up:u+INT   up:u+TERM   new:u  up:u
down     new:u down:d          new:0 down:d down:d       down:d     down:d      down:d     down:d      down:d gone:d
paused   stop:u up:d+TERM+CONT stop:0 stop:u up:u+CONT   stop:u+HUP stop:u+ALRM stop:u+INT stop:u+TERM new:u  stop:u
once     up:u  up:d+TERM+CONT  up:0  stop:0 up:0+CONT    up:0+HUP   up:0+ALRM   up:0+INT   up:0+TERM   down:0 up:0
ending   up:u  up:d+TERM+CONT  up:0  stop:d up:d+CONT    up:d+HUP   up:d+ALRM   up:d+INT   up:d+TERM   down:d up:d
exiting  up:u  up:d+TERM+CONT  up:0  stop:u up:u+CONT    up:u+HUP   up:u+ALRM   up:u+INT   up:u+TERM   gone:u up:u
"""  # noqa: E501 - a table is as wide as it is


class Cell(NamedTuple):
    """One cell: the state before, the letter, and what is to be seen afterwards."""

    state: str
    letter: str
    life: str
    want: bytes
    signals: list[str]


def cells() -> list[Cell]:
    """The cells of TABLE."""
    header, *rows = (line.split() for line in TABLE.strip().splitlines())
    found = []
    for state, *row in rows:
        for letter, text in zip(header, row, strict=True):
            life, _, rest = text.partition(":")
            want, *signals = rest.split("+")
            found.append(Cell(state, letter, life, want.replace("0", "\0").encode(), signals))
    return found


@clause("supervise/command/table")
@pytest.mark.parametrize("cell", cells(), ids=lambda cell: f"{cell.state}-{cell.letter}")
def test_every_letter_in_every_state(sandbox: Sandbox, cell: Cell) -> None:
    supervise = brought_into(sandbox, cell.state)
    old = sandbox.status("s").pid
    before = history.signals(noted(sandbox))
    sandbox.control("s", cell.letter.encode())
    if cell.life == "gone":
        assert supervise.wait().code == 0
        assert (sandbox.status("s").pid, sandbox.status("s").want) == (0, cell.want)
    elif cell.life == "new":
        restarted(sandbox, old)
        assert (sandbox.status("s").want, sandbox.status("s").paused) == (cell.want, 0)
        assert history.signals(noted(sandbox)) == before
    elif cell.life == "down":
        is_down(sandbox)
        assert sandbox.status("s").want == cell.want
        sandbox.control("s", b"u")  # supervise is alive, and nobody was started before this
        is_ready(sandbox)
        assert starts(sandbox) == (1 if old == 0 else 2)
    else:
        same_process(sandbox, cell, old, before)
    assert history.overlaps(noted(sandbox)) == []


def same_process(sandbox: Sandbox, cell: Cell, old: int, before: list[str]) -> None:
    """The same ./run as before: wanted, stopped or not, with these signals and no others."""
    stopped = cell.life == "stop"
    eventually(lambda: is_stopped(old) == stopped)
    eventually(
        lambda: (sandbox.status("s").want, sandbox.status("s").paused) == (cell.want, stopped)
    )
    # Signals to a stopped process wait in the kernel. USR1 is the end mark: supervise has
    # obeyed the letter, as c or the status shows.
    further = [*cell.signals]
    if stopped:
        sandbox.control("s", b"c")
        further.append("CONT")
    receives(sandbox, *before, *further)
    os.kill(old, signal.SIGUSR1)
    receives(sandbox, *before, *further, "USR1")
    assert (sandbox.status("s").pid, starts(sandbox)) == (old, 1)
