"""chain: what finally runs, and what it finds."""

import os
import pwd
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from daemontools_conformance.helpers.locks import locked_through
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.runners import CHAIN_PROGRAMS, answer_of
from daemontools_conformance.helpers.states import (
    PROBE,
    STATES,
    child,
    family,
    kill_family,
    wait_until_probe,
)
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import need_probe
from daemontools_conformance.running.processes import is_asleep
from daemontools_conformance.running.record import Record, by_name, without_power
from daemontools_conformance.running.sandbox import PIPE, Argument, Sandbox
from daemontools_conformance.running.table import comm_of

NOBODY = pwd.getpwnam("nobody")


def _record(
    sandbox: Sandbox, chain: Sequence[Argument], prepare: Sequence[Argument] = ()
) -> Record:
    """What a sleep at the end of the chain sees; without a chain, the sleep alone."""
    need_probe()
    with open("/dev/null", "wb") as null:
        if chain:
            words = [*chain[1:], *PROBE]
            running = sandbox.start(
                os.fsdecode(chain[0]), *words, stdout=null, stderr=null, prepare=prepare
            )
        else:
            running = sandbox.start_command(PROBE, stdout=null, stderr=null, prepare=prepare)
        return wait_until_probe(running)


@clause("chain/result/run-script")
@needs("root")
def test_line_of_a_run_script(sandbox: Sandbox) -> None:
    sandbox.write("env/PORT", "80\n")
    sandbox.write("env/HOME", "")
    line = ["softlimit", "-m", "4000000", "envdir", "./env", "setuidgid", "nobody"]
    state = ["--environ-entry", "HOME=/x", "--environ-entry", "A=1"]
    before = _record(sandbox, [], state)
    after = _record(sandbox, line, state)
    [path] = [entry for entry in before.environment if entry.startswith(b"PATH=")]
    memory = ("data size", "stack size", "locked memory", "address space")
    assert after == replace(
        before,
        environment=by_name([path, b"A=1", b"PORT=80"]),
        uids=(NOBODY.pw_uid,) * 4,
        gids=(NOBODY.pw_gid,) * 4,
        groups=(NOBODY.pw_gid,),
        capabilities=without_power(before.capabilities),
        limits={
            name: (("4000000", hard) if name in memory else (soft, hard))
            for name, (soft, hard) in before.limits.items()
        },
    )


# Each program with a change that the record shows, and the question whether it does.
EFFECTS: dict[str, Sequence[Argument]] = {
    "pgrphack": ["pgrphack"],
    "envdir": ["envdir", "env"],
    "envuidgid": ["envuidgid", "nobody"],
    "setlock": ["setlock", "lock"],
    "softlimit": ["softlimit", "-t", "777"],
    "setuidgid": ["setuidgid", "nobody"],
}


def _shows(program: str, seen: Record, lock: Path) -> bool:
    match program:
        case "pgrphack":
            return seen.session != os.getsid(0)
        case "envdir":
            return b"PORT=80" in seen.environment
        case "envuidgid":
            return b"UID=%d" % NOBODY.pw_uid in seen.environment
        case "setlock":
            return lock.exists() and locked_through(seen, lock) != []
        case "softlimit":
            return seen.limits["cpu time"][0] == "777"
        case _:
            # Whoever runs the suite as nobody has made no change.
            return os.getuid() != NOBODY.pw_uid and seen.uids == (NOBODY.pw_uid,) * 4


PAIRS = [
    pytest.param(a, b, marks=needs("root")) if "setuidgid" in (a, b) else (a, b)
    for a, b in product(CHAIN_PROGRAMS, repeat=2)
    if (a, b) not in {("setuidgid", "setuidgid"), ("setuidgid", "setlock"), ("setlock", "setlock")}
]


@clause("chain/result/pairs")
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_both_changes_are_made(sandbox: Sandbox, first: str, second: str) -> None:
    sandbox.write("env/PORT", "80\n")
    need_probe()
    words = [*EFFECTS[first], *EFFECTS[second], *PROBE]
    running = sandbox.start(os.fsdecode(words[0]), *words[1:])
    seen = wait_until_probe(running)
    made = {p for p in CHAIN_PROGRAMS if _shows(p, seen, sandbox.path / "lock")}
    assert made == {first, second}


BETWEEN: list[Argument] = ["/usr/bin/nice", "-n", "0"]  # runs another program, and changes nothing
LINE = ["softlimit -c 77", "envdir env", "envuidgid nobody", "setlock lock", "pgrphack"]
LINES = {"user": LINE, "root": [*LINE, "setuidgid nobody", "softlimit -o 50", "envdir more"]}


def _rejoined(sandbox: Sandbox, line: Sequence[str], between: Sequence[Argument]) -> list[Argument]:
    """The words of the line, with `between` after each program; they need no PATH."""
    words: list[Argument] = []
    for call in line:
        program, *arguments = call.split()
        words += [sandbox.file(program), *arguments, *between]
    return words


def _without_pid(seen: Record) -> Record:
    """The record of the leader of a session and group, which have its process id for a name."""
    assert seen.session == seen.process_group
    return replace(seen, session=0, process_group=0)


@clause("chain/result/as-if-apart")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("line", ["user", pytest.param("root", marks=needs("root"))])
def test_no_matter_what_stands_between(sandbox: Sandbox, line: str, state: str) -> None:
    sandbox.path.chmod(0o755)
    sandbox.write("env/PORT", "80\n")
    sandbox.write("env/B", "")
    sandbox.write("more/A", "another\n")
    seen = []
    for between in ([], BETWEEN):
        _, *words = _rejoined(sandbox, LINES[line], between)
        seen.append(_without_pid(child(sandbox, "softlimit", *words, prepare=STATES[state])))
        kill_family(sandbox.started[-1])  # it holds the lock
    assert seen[0] == seen[1]


@clause("chain/result/long")
def test_four_hundred_programs(sandbox: Sandbox) -> None:
    answer = sandbox.run("pgrphack", *["pgrphack"] * 399, "/bin/echo", "yes", within=240)
    assert answer_of(answer) == (0, b"yes\n", b"")


@clause("chain/result/arguments")
def test_arguments_come_through(sandbox: Sandbox) -> None:
    words = [b"", b"-n", b"pgrphack", b"\xff\n", b"softlimit", b"--", b"a b"]
    sandbox.write("env/X", "1")
    line: list[Argument] = ["envdir", "env", "softlimit", "-c", "0", "/usr/bin/printf", "[%s]"]
    answer = sandbox.run("pgrphack", *line, *words)
    assert answer_of(answer) == (0, b"".join(b"[" + word + b"]" for word in words), b"")


@clause("chain/result/program-at-end")
def test_long_running_program_has_its_own_name(sandbox: Sandbox) -> None:
    running = sandbox.start("pgrphack", "softlimit", "-c", "0", "multilog", "e", stdin=PIPE)
    eventually(lambda: any(comm_of(p) == b"multilog" and is_asleep(p) for p in family(running)))
    running.end_input()
    assert running.wait().code == 0


@clause("chain/limit/lowest")
@pytest.mark.parametrize(
    "limit", [["-a", "3000000"], ["-d", "300000"], ["-s", "20480"], ["-m", "3000000"]], ids=str
)
def test_low_limits_do_not_hinder_the_chain(sandbox: Sandbox, limit: list[Argument]) -> None:
    sandbox.write("env/X", "yes\n")
    rest: list[Argument] = ["envdir", "env", "setlock", "lock", "pgrphack", "/usr/bin/env"]
    answer = sandbox.run("softlimit", *limit, *rest, env={"PATH": sandbox.search_path})
    entries = [f"PATH={sandbox.search_path}".encode(), b"X=yes"]
    assert (answer.code, sorted(answer.out.splitlines()), answer.err) == (0, entries, b"")


@clause("chain/descriptors/lock")
def test_lock_is_the_only_descriptor_that_comes(sandbox: Sandbox) -> None:
    sandbox.write("env/X", "1")
    seen = _record(sandbox, ["envdir", "env", "setlock", "lock", "softlimit", "-c", "0"])
    (further,) = seen.descriptors.keys() - {0, 1, 2}
    assert locked_through(seen, sandbox.path / "lock") == [further]


@clause("chain/environment/odd-entries")
@needs("root")
def test_odd_entries_come_through(sandbox: Sandbox) -> None:
    sandbox.write("env/A", "new\n")
    sandbox.write("env/=", "")
    path = b"PATH=" + os.fsencode(sandbox.search_path)
    block = [path, b"A=1", b"odd", b"=x", b"A=2", b"", b"B=\xff", b"LC_CTYPE=C"]
    state: list[Argument] = ["--empty-environ"]
    state += [word for entry in block for word in ("--environ-entry", entry)]
    seen = _record(sandbox, ["setuidgid", "nobody", "envdir", "env", "pgrphack"], state)
    # Which of the two A comes first depends on the directory.
    expected = [path, b"LC_CTYPE=C", b"odd", b"A=new", b"A=2", b"", b"B=\xff", b"="]
    assert sorted(seen.environment) == sorted(expected)
