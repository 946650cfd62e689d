"""supervise: the command letters together, and each of them in every state."""

import os
import signal
from typing import NamedTuple

import pytest

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_stopped, share_of_busy_loop
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import (
    LETTERS,
    brought_into,
    noted,
    number_of_starts,
    wait_until_down,
    wait_until_obeyed,
    wait_until_ready,
    wait_until_received,
    wait_until_restarted,
    witnessed,
)


@clause("supervise/command/others-ignored")
def test_all_other_bytes_are_ignored(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    status = sandbox.path / "s/supervise/status"
    before = status.read_bytes()
    sandbox.control("s", bytes(set(range(256)) - set(LETTERS)) + b"a")
    wait_until_received(sandbox, "ALRM")
    assert status.read_bytes() == before


@clause("supervise/command/idle-afterwards")
def test_after_the_last_command_it_waits(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox)
    wait_until_obeyed(sandbox)
    assert share_of_busy_loop(supervise.pid, during=1) < 0.2


@clause("supervise/command/in-order")
@pytest.mark.parametrize(
    ("letters", "want"), [(b"odu", b"u"), (b"oud", b"d"), (b"udo", b"\0"), (b"duuo", b"\0")]
)
def test_the_last_want_counts(sandbox: Sandbox, letters: bytes, want: bytes) -> None:
    witnessed(sandbox)
    sandbox.control("s", letters)
    wait_until_obeyed(sandbox)
    assert sandbox.status("s").want == want


@clause("supervise/command/in-order")
def test_down_and_then_up_is_a_restart(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    first = wait_until_ready(sandbox)
    sandbox.control("s", b"du")
    wait_until_restarted(sandbox, first)


@clause("supervise/command/many")
def test_thousands_of_letters_are_obeyed(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    between = b"uz" * 700
    sandbox.control("s", between.join([b"h", b"a", b"i", b"t"]))
    wait_until_received(sandbox, "HUP", "ALRM", "INT", "TERM", within=60)
    assert number_of_starts(sandbox) == 1


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
    """One cell: the state before, the letter, and what is seen afterwards."""

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
        wait_until_restarted(sandbox, old)
        assert (sandbox.status("s").want, sandbox.status("s").paused) == (cell.want, 0)
        assert history.signals(noted(sandbox)) == before
    elif cell.life == "down":
        wait_until_down(sandbox)
        assert sandbox.status("s").want == cell.want
        sandbox.control("s", b"u")  # supervise is alive, and nobody was started before this
        wait_until_ready(sandbox)
        assert number_of_starts(sandbox) == (1 if old == 0 else 2)
    else:
        check_same_process(sandbox, cell, old, before)
    assert history.overlaps(noted(sandbox)) == []


def check_same_process(sandbox: Sandbox, cell: Cell, old: int, before: list[str]) -> None:
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
    wait_until_received(sandbox, *before, *further)
    os.kill(old, signal.SIGUSR1)
    wait_until_received(sandbox, *before, *further, "USR1")
    assert (sandbox.status("s").pid, number_of_starts(sandbox)) == (old, 1)
