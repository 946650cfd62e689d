"""supervise: every sequence of letters from every state, and every other byte."""

import itertools
import os
import signal
from collections import Counter

import pytest

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.history import Event
from daemontools_conformance.helpers.limits import bytes_in
from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, is_stopped
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.model import Model
from daemontools_conformance.tests.supervise.services import LETTERS, brought_into, noted

SEQUENCES = ["".join(letters) for letters in itertools.product(LETTERS.decode(), repeat=2)]


def models() -> dict[str, Model]:
    """Each state into which `brought_into` brings a service."""
    return {
        "up": Model(),
        "down": Model(up=False, want=b"d", starts=0),
        "paused": Model(stopped=True),
        "once": Model(want=b"\0"),
        "ending": Model(want=b"d", signals=Counter(["TERM", "CONT"])),
        "exiting": Model(leaving=True, signals=Counter(["ALRM"])),
    }


def is_as(sandbox: Sandbox, supervise: Running, model: Model) -> bool:
    """Is what is seen what the model says?"""
    status, events = sandbox.status("s"), noted(sandbox)
    if model.up:
        runs = Event(status.pid, "ready") in events and is_stopped(status.pid) == model.stopped
    else:
        runs = True
    return runs and (
        supervise.has_ended() == model.gone
        and (status.pid != 0, status.paused) == (model.up, model.stopped)
        and status.want == model.want
        and len(history.starts(events)) == model.starts
        and Counter(history.signals(events)) == model.signals
    )


@heavy("exhaustive")
@clause("supervise/command/table")
@pytest.mark.parametrize("letters", SEQUENCES)
@pytest.mark.parametrize("state", models())
def test_every_two_letters_in_every_state(sandbox: Sandbox, state: str, letters: str) -> None:
    supervise, model = brought_into(sandbox, state), models()[state]
    eventually(lambda: is_as(sandbox, supervise, model))
    for letter in [*letters, "c", "u"]:  # these two show what a stopped one has waiting
        if not model.gone:
            sandbox.control("s", letter.encode())
            model.obey(letter)
            eventually(lambda: is_as(sandbox, supervise, model), what=f"as after {letter}")
    if model.gone:
        assert supervise.wait().code == 0
    else:
        os.kill(sandbox.status("s").pid, signal.SIGUSR1)
        model.signals["USR1"] += 1  # what came before it, supervise did not send
        eventually(lambda: is_as(sandbox, supervise, model))
    assert history.overlaps(noted(sandbox)) == []


@heavy("exhaustive")
@clause("supervise/command/others-ignored")
@pytest.mark.parametrize("state", models())
def test_every_other_byte_in_every_state(sandbox: Sandbox, state: str) -> None:
    supervise, model = brought_into(sandbox, state), models()[state]
    eventually(lambda: is_as(sandbox, supervise, model))
    status = sandbox.path / "s/supervise/status"
    repeat = {b"u": b"u", b"d": b"d", b"\0": b"o"}[model.want]
    if state == "ending":
        repeat = b"x"  # a d would send signals
    before = status.read_bytes()
    fifo = os.open(sandbox.path / "s/supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    for number in sorted(set(range(256)) - set(LETTERS)):
        sandbox.control("s", bytes([number]) + repeat)
        eventually(lambda: bytes_in(fifo) == 0, what="both are read")
        assert status.read_bytes() == before
        assert is_as(sandbox, supervise, model)
    os.close(fifo)
