"""multilog: every state of a directory, and everything that can happen next."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from daemontools_conformance.helpers.logdirs import contents, lines, mode, old_contents
from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, is_asleep
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.multilog.restarts import (
    STATES,
    build,
    check_current,
    check_processed,
)

TEXT = lines(100)  # 6000 bytes: one rotation
EACH_STATE = [
    pytest.param(state, id=state["name"], marks=clause(f"multilog/restart/{state['name']}"))
    for state in STATES
    if "left" not in state  # what somebody has put there, a rotation may replace
]


def is_waiting(multilog: Running) -> bool:
    """Does it wait for input, ready for signals?"""
    return signal.SIGTERM in record(multilog.pid).caught and is_asleep(multilog.pid)


def end(multilog: Running) -> bytes:
    """The end of input, before anything came."""
    multilog.end_input()
    return b""


def line(multilog: Running) -> bytes:
    """A line."""
    multilog.write(b"after\n")
    return b"after\n"


def rotation(multilog: Running) -> bytes:
    """So many lines that current gets full."""
    multilog.write(TEXT)
    return TEXT


def term(multilog: Running) -> bytes:
    """TERM."""
    multilog.signal(signal.SIGTERM)
    return b""


def alrm(multilog: Running) -> bytes:
    """ALRM, and then a line."""
    multilog.signal(signal.SIGALRM)
    return line(multilog)


def alrm_twice(multilog: Running) -> bytes:
    """A line between two ALRM."""
    return alrm(multilog) + alrm(multilog)


def kill(multilog: Running) -> bytes:
    """KILL."""
    multilog.popen.kill()
    return b""


@heavy("exhaustive")
@pytest.mark.parametrize("script", [[], ["!cat"]], ids=["plain", "processor"])
@pytest.mark.parametrize("event", [end, line, rotation, term, alrm, alrm_twice, kill])
@pytest.mark.parametrize("state", EACH_STATE)
def test_every_event_in_every_state(
    sandbox: Sandbox, state: dict[str, Any], event: Callable[[Running], bytes], script: list[str]
) -> None:
    log = sandbox.path / "log"
    build(log, state)
    current = f"{state['current']}\n".encode() if state.get("current") else b""
    old = [word.partition(" ")[2].encode() + b"\n" for word in state["old"]]
    multilog = sandbox.start("multilog", "s4096", *script, "./log", stdin=PIPE)
    eventually(lambda: is_waiting(multilog) and mode(log / "current") == "0644")
    came = event(multilog)
    multilog.end_input()
    multilog.wait()
    sandbox.run("multilog", "s4096", *script, "./log", input=b"again\n")
    assert old_contents(log)[: len(old)] == old
    assert contents(log) == b"".join(old) + current + came + b"again\n"


@heavy("exhaustive")
@clause("multilog/restart/every-mode")
def test_current_of_every_mode(sandbox: Sandbox) -> None:
    check_current(sandbox, range(0o1000))


@heavy("exhaustive")
@clause("multilog/restart/every-mode-of-processed")
def test_processed_of_every_mode(sandbox: Sandbox) -> None:
    check_processed(sandbox, range(0o1000))
