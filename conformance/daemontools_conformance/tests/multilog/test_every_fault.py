"""multilog: every call of a rotation fails with every error, alone and in pairs; or is the last."""

import random
import re
from typing import Any

import pytest

from daemontools_conformance.helpers.logdirs import lines
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.helpers.strace import (
    CHANGES,
    every_call,
    fed,
    files_of_log,
    messages,
    under_strace,
)
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.multilog.killing import KILLED, run, written
from daemontools_conformance.tests.multilog.restarts import STATES, build

TEXT = lines(220)  # 13200 bytes: three rotations
CALLS = (
    f"{CHANGES},write,close,flock,mkdir,mkdirat,fchdir,chdir,getdents64,stat,newfstatat,statx,fstat"
)
ERRORS = ("EIO", "ENOSPC", "EACCES", "EINTR", "EROFS", "EDQUOT", "ENOMEM", "EMFILE")
PARTS = 16  # each a test, so that pauses of five seconds pass at the same time
SCRIPTS = {"plain": ["s4096", "n99", "./log"], "processor": ["s4096", "n99", "!cat", "./log"]}
Call = tuple[str, int]  # the name, and its ordinal among the calls of that name


def traced(sandbox: Sandbox, script: list[str], tampering: list[str]) -> tuple[int, bytes]:
    """Run multilog on TEXT in a new ./log: the exit code, and what it said."""
    options = ["-e", f"trace={CALLS}", *tampering]
    multilog = under_strace(sandbox, files_of_log(sandbox), options, script, stdin=PIPE)
    ended = fed(multilog, TEXT, within=120)
    return ended.code, messages(ended.err)


def calls_of(sandbox: Sandbox, script: list[str]) -> list[Call]:
    """Each call of a run in which nothing fails."""
    assert traced(sandbox, script, []) == (0, b"")
    (sandbox.path / "log").rename(sandbox.path / "log.whole")
    return every_call(sandbox.path / "trace")


def check_fault(sandbox: Sandbox, script: list[str], faults: dict[Call, str]) -> None:
    """With these calls failing multilog says so, and loses nothing; or it does not start."""
    tampering = []
    for (call, count), error in faults.items():
        tampering += ["-e", f"inject={call}:error={error}:when={count}"]
    code, said = traced(sandbox, script, tampering)
    log = sandbox.path / "log"
    for line in said.splitlines():
        assert re.match(rb"multilog: (warning: .*, pausing: \w|fatal: unable to )", line), line
    assert code == (111 if b": fatal: " in said else 0)
    assert written(log) == (TEXT if code == 0 else b"")
    again = sandbox.run("multilog", *script, input=b"after\n")
    assert (again.code, again.err) == (0, b"")
    assert written(log) == (TEXT if code == 0 else b"") + b"after\n"
    log.rename(sandbox.path / f"log.{len(list(sandbox.path.iterdir()))}")


@heavy("faults")
@clause("multilog/fault/rename")
@needs("strace")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_call_fails_once(sandbox: Sandbox, script: str, error: str, part: int) -> None:
    for call in calls_of(sandbox, SCRIPTS[script])[part::PARTS]:
        check_fault(sandbox, SCRIPTS[script], {call: error})


@heavy("faults")
@clause("multilog/fault/rename")
@needs("strace")
@pytest.mark.parametrize("number", range(2 * PARTS))
def test_two_calls_fail(sandbox: Sandbox, dice: random.Random, number: int) -> None:
    script = [*SCRIPTS.values()][number % 2]
    calls = calls_of(sandbox, script)
    for _ in range(3):
        first = dice.choice(calls)
        second = dice.choice([call for call in calls if call[0] != first[0]])
        check_fault(sandbox, script, {call: dice.choice(ERRORS) for call in (first, second)})


@heavy("faults")
@clause("multilog/kill/restart")
@needs("strace")
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("state", [s for s in STATES if "left" not in s], ids=lambda s: s["name"])
def test_killed_at_each_call_of_a_restart_from_each_state(
    sandbox: Sandbox, state: dict[str, Any], script: str
) -> None:
    words, log = SCRIPTS[script], sandbox.path / "log"

    def begin(name: str) -> bytes:
        if log.exists():
            log.rename(sandbox.path / name)
        build(log, state)
        return expected(state)

    held = begin("")
    assert run(sandbox, words, []) == 0
    new = written(log)[len(held) :]
    assert written(log) == held + new
    for number, (call, count) in enumerate(every_call(sandbox.path / "trace")):
        begin(f"before.{number}")
        assert run(sandbox, words, ["-e", f"inject={call}:signal=KILL:when={count}"]) in KILLED
        before = written(log)
        assert before.startswith(held)
        assert (held + new).startswith(before)
        assert sandbox.run("multilog", *words, input=b"after\n").code == 0
        assert written(log) == before + b"after\n"


def expected(state: dict[str, Any]) -> bytes:
    """What a restart makes of the state, as `states.toml` says."""
    names = [word.partition(" ")[2] for word in state["old"]]
    return "".join(f"{name}\n" for name in [*names, state.get("current", "")] if name).encode()
