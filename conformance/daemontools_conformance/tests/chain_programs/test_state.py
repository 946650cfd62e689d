"""The five programs that change the state and run another: what the child sees.

One table says for each program how it is called here and what it promises to
change; everything else must be as it was, from the states in `states.py`.
"""

import fcntl
import os
import pwd
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.states import (
    LOWEST,
    TOPICS,
    child,
    direct,
    seen,
)
from daemontools_conformance.running.record import Record, as_target, by_name, without_power
from daemontools_conformance.running.sandbox import Argument, Options, Sandbox
from daemontools_conformance.running.table import HAS_PROC


def _as_nobody(before: Record) -> Record:
    entry = pwd.getpwnam("nobody")
    uid, gid = entry.pw_uid, entry.pw_gid
    return replace(
        before,
        uids=(uid,) * 4,
        gids=(gid,) * 4,
        groups=(gid,),
        capabilities=without_power(before.capabilities),
    )


def _with_ids(before: Record) -> Record:
    entry = pwd.getpwnam("nobody")
    ids = (b"GID=%d" % entry.pw_gid, b"UID=%d" % entry.pw_uid)
    return replace(before, environment=by_name(before.environment + ids))


def _with_variable(before: Record) -> Record:
    return replace(before, environment=by_name((*before.environment, b"NEW=a value")))


def _with_limits(before: Record) -> Record:
    limits = {name: before.limits[name] for name in before.limits}
    limits["cpu time"] = ("900", limits["cpu time"][1])
    limits["resident set"] = ("20", limits["resident set"][1])
    return replace(before, limits=limits)


def _as_it_was(before: Record) -> Record:
    return before


# program -> its arguments before the child, and the promise
PROGRAMS: dict[str, tuple[list[str], Callable[[Record], Record]]] = {
    "setuidgid": (["nobody"], _as_nobody),
    "envuidgid": (["nobody"], _with_ids),
    "envdir": (["env"], _with_variable),
    "softlimit": (["-t", "900", "-r", "20"], _with_limits),
    "setlock": (["lock"], _as_it_was),  # but for the descriptor of the lock
}


def without_lock(after: Record) -> Record:
    """The record but for the descriptor of setlock's lock."""
    lock = as_target(Path(after.directory, "lock"))

    def others(values: dict[int, str]) -> dict[int, str]:
        return {fd: value for fd, value in values.items() if after.descriptors.get(fd) != lock}

    return replace(
        after,
        descriptors=others(after.descriptors),
        descriptor_flags=others(after.descriptor_flags),
        locks=others(after.locks),
    )


# With one less the loader cannot start it, or it cannot do its work.
FEWEST_DESCRIPTORS = {"setuidgid": 4, "envuidgid": 4, "envdir": 6, "softlimit": 4, "setlock": 5}


def each(topic: str) -> list[object]:
    """One parameter for each program, which carries its clause PROGRAM/topic."""
    return [
        pytest.param(name, marks=[clause(f"{name}/{topic}"), *needs_of(name)]) for name in PROGRAMS
    ]


def needs_of(program: str) -> list[pytest.MarkDecorator]:
    """setuidgid sets the groups, which only root may do."""
    return [needs("root")] * (program == "setuidgid")


@pytest.fixture(autouse=True)
def _files(sandbox: Sandbox) -> None:
    """What the calls in the table need."""
    sandbox.write("env/NEW", b"a value\n")
    sandbox.write("lock")


def each_topic_and_state() -> list[object]:
    """Each program, each topic, and each state in which to look at it."""
    return [
        pytest.param(
            *(program, topic, state),
            id=f"{program}-{topic}-{name}",
            marks=[clause(f"{program}/state/{topic}-unchanged"), *needs_of(program)],
        )
        for topic, (_, states) in TOPICS.items()
        for program in PROGRAMS
        for name, state in states.items()
    ]


@pytest.mark.parametrize(("program", "topic", "state"), each_topic_and_state())
def test_the_child_sees_the_promised_change_and_all_else_as_it_was(
    sandbox: Sandbox, program: str, topic: str, state: Sequence[Argument]
) -> None:
    arguments, promised = PROGRAMS[program]
    before = direct(sandbox, prepare=state)
    after = without_lock(child(sandbox, program, *arguments, prepare=state))
    assert seen(topic, after) == seen(topic, promised(before))


@pytest.mark.parametrize("program", each("state/low-limits-unchanged"))
def test_the_fewest_descriptors_are_enough(sandbox: Sandbox, program: str) -> None:
    arguments, promised = PROGRAMS[program]
    state = ["--limit", f"NOFILE={FEWEST_DESCRIPTORS[program]}"]
    before = direct(sandbox, prepare=state)
    assert child(sandbox, program, *arguments, prepare=state).limits == promised(before).limits


@pytest.mark.parametrize("program", each("state/descriptors-unchanged"))
def test_a_lock_is_the_childs(sandbox: Sandbox, program: str) -> None:
    arguments, promised = PROGRAMS[program]
    with open(sandbox.write("held"), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        given: Options = {"pass_fds": [file.fileno()]}
        before = direct(sandbox, **given)
        assert (file.fileno() in before.locks) == HAS_PROC
        after = without_lock(child(sandbox, program, *arguments, **given))
        assert after.locks == promised(before).locks


@needs("root")
@pytest.mark.parametrize("program", each("state/ids-unchanged"))
def test_supplementary_groups_are_the_childs_unless_setuidgid_sets_them(
    sandbox: Sandbox, program: str
) -> None:
    arguments, promised = PROGRAMS[program]
    state = ["--groups", "5,6,70000"]
    before = direct(sandbox, prepare=state)
    assert before.groups == (5, 6, 70000)
    assert child(sandbox, program, *arguments, prepare=state).groups == promised(before).groups


@pytest.mark.parametrize("program", each("state/session-unchanged"))
def test_a_working_directory_that_is_not_utf_8(sandbox: Sandbox, program: str) -> None:
    arguments, _ = PROGRAMS[program]
    folder = "\udcff\udc80"
    sandbox.write(f"{folder}/env/NEW", b"a value\n")
    before = direct(sandbox, cwd=folder)
    assert child(sandbox, program, *arguments, cwd=folder).directory == before.directory


@pytest.mark.parametrize("program", each("state/session-unchanged"))
def test_a_session_of_its_own(sandbox: Sandbox, program: str) -> None:
    arguments, _ = PROGRAMS[program]
    running = child(sandbox, program, *arguments, new_session=True)
    assert running.session == running.process_group != os.getsid(0)


@pytest.mark.parametrize("program", each("state/arguments-unchanged"))
def test_arguments_arrive_byte_for_byte(sandbox: Sandbox, program: str) -> None:
    words = [b"", b"-x", b"--", b"a b\n", b"\xff\xfe", b"last\\"]
    arguments, _ = PROGRAMS[program]
    answer = sandbox.run(program, *arguments, "printf", "%s|", *words)
    assert (answer.code, answer.out) == (0, b"|".join(words) + b"|")


@pytest.mark.parametrize("program", each("state/ignored-pipe"))
def test_ignored_pipe_and_xfsz_stay_ignored(sandbox: Sandbox, program: str, variant: str) -> None:
    arguments, _ = PROGRAMS[program]
    ignoring = ["--ignore", "PIPE", "--ignore", "XFSZ", "--ignore", "HUP"]
    seen = child(sandbox, program, *arguments, prepare=ignoring).ignored
    lost = {signal.SIGPIPE, signal.SIGXFSZ}
    assert seen == {"": {signal.SIGHUP} | lost, "python": {signal.SIGHUP}}[variant]


@pytest.mark.parametrize("limit", LOWEST)
@pytest.mark.parametrize("program", each("state/lowest-limits"))
def test_under_the_lowest_limits_it_runs_the_child_or_fails(
    sandbox: Sandbox, program: str, limit: str, variant: str
) -> None:
    arguments, _ = PROGRAMS[program]
    child_exits_7 = ("/bin/sh", "-c", "exit 7")
    answer = sandbox.run(
        program, *arguments, *child_exits_7, prepare=LOWEST[limit], crash_is_an_answer=True
    )
    assert answer.code not in {"": [0], "python": [0, 7]}[variant]


@pytest.mark.parametrize("program", each("child/same-process"))
def test_the_child_has_the_process_id(sandbox: Sandbox, program: str) -> None:
    sandbox.write("tells", "echo $$")
    arguments, _ = PROGRAMS[program]
    running = sandbox.start(program, *arguments, "/bin/sh", "tells")
    answer = running.wait()
    assert (answer.code, answer.out) == (0, b"%d\n" % running.pid)


@pytest.mark.parametrize("program", each("child/same-process"))
def test_the_exit_code_is_the_childs(sandbox: Sandbox, program: str) -> None:
    sandbox.write("seven", "exit 7")
    arguments, _ = PROGRAMS[program]
    assert sandbox.run(program, *arguments, "/bin/sh", "seven").code == 7


@pytest.mark.parametrize("program", each("child/found-along-path"))
def test_the_child_is_found_along_the_path(sandbox: Sandbox, program: str) -> None:
    sandbox.script("bin/prog", "echo found")
    arguments, _ = PROGRAMS[program]
    answer = sandbox.run(program, *arguments, "prog", env={"PATH": "/nowhere:bin"})
    assert (answer.code, answer.out, answer.err) == (0, b"found\n", b"")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"nosuch\xff", b"file does not exist"),
        (b"./nosuch", b"file does not exist"),
        (b"lock/x", b"not a directory"),
        (b"./lock", b"access denied"),
        (b"./empty", b"exec format error"),
    ],
)
@pytest.mark.parametrize("program", each("child/cannot-run"))
def test_a_child_that_cannot_be_run(
    sandbox: Sandbox, program: str, name: bytes, reason: bytes
) -> None:
    sandbox.write("empty", mode=0o755)
    sandbox.path.chmod(0o755)
    arguments, _ = PROGRAMS[program]
    open_to_all = {"PATH": "/usr/bin:/bin"}  # or nobody's search would end with "access denied"
    answer = sandbox.run(program, *arguments, name, env=open_to_all)
    assert (answer.code, answer.out) == (111, b"")
    message = b"%s: fatal: unable to run %s: %s\n" % (program.encode(), name, reason)
    assert answer.err == message
