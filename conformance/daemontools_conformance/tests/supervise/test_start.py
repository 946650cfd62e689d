"""supervise: when it starts ./run, and what ./run then sees."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from signal import SIGCHLD, SIGPIPE, SIGXFSZ

import pytest

from daemontools_conformance.helpers import history, states
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import has_noted, need_probe, probe
from daemontools_conformance.running.processes import is_asleep
from daemontools_conformance.running.record import Record, record
from daemontools_conformance.running.sandbox import PIPE, Argument, Options, Sandbox
from daemontools_conformance.running.table import HAS_PROC, argv_of
from daemontools_conformance.tests.supervise.services import (
    SLEEP,
    noted,
    wait_until_obeyed,
    wait_until_up,
    witnessed,
)

# supervise must be able to write its status, and our ./run wants a standard output.
LEFT_OUT = ("no writing", "1 closed", "0, 1 and 2 closed")
STATES = {
    **{name: options for name, options in states.STATES.items() if name not in LEFT_OUT},
    "few descriptors": ["--limit", "NOFILE=16"],
}


@clause("supervise/start/at-once")
def test_run_is_started(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    assert wait_until_up(sandbox)


@clause("supervise/start/down-file")
def test_a_down_file(sandbox: Sandbox) -> None:
    sandbox.service("s", history.NOTE_START, down=True)
    supervise = sandbox.supervise("s")
    sandbox.control("s", b"hcpx")  # once it has obeyed these it would have started long ago
    supervise.wait()
    assert noted(sandbox) == []


@clause("supervise/start/dangling-down")
def test_a_down_directory_counts_too(sandbox: Sandbox) -> None:
    sandbox.service("s", history.NOTE_START)
    (sandbox.path / "s/down").mkdir()
    supervise = sandbox.supervise("s")
    sandbox.control("s", b"hcpx")
    supervise.wait()
    assert noted(sandbox) == []


@clause("supervise/start/down-file-once")
def test_a_down_file_that_comes_later(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    sandbox.write("s/down")
    sandbox.control("s", b"t")
    eventually(lambda: len(history.starts(noted(sandbox))) == 2)
    assert sandbox.status("s").want == b"u"


@clause("supervise/start/dangling-down")
def test_a_dangling_down_file(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "s/down").symlink_to("nowhere")
    sandbox.supervise("s")
    assert wait_until_up(sandbox)


# The record of ./run, which is a script that only waits, whatever it has for input and output.
INTERPRETER = "/usr/bin/tail -fc0" if HAS_PROC else probe()[0]
RUN = (*INTERPRETER.encode().split(), b"./run")
WAITING = tuple(word.encode() for word in probe())


def waiting() -> str:
    """A line for ./run that executes the child that only waits."""
    need_probe()
    return shlex.join(["exec", *probe()])


def run_record(sandbox: Sandbox, prepare: Sequence[Argument]) -> tuple[Record, Record]:
    """Records: of ./run as supervise started it, and of the same program started directly."""
    need_probe()
    sandbox.write("s/run", f"#!{INTERPRETER}\n", mode=0o755)
    with open(sandbox.evidence / "messages", "ab") as out:
        options: Options = {"stdout": out, "stderr": out, "prepare": prepare}
        supervise = sandbox.start("supervise", "s", **options)
        options["cwd"] = "s"
        direct = sandbox.start_command(["./run"], "./run", **options)
    started = wait_until_executed(wait_until_up(sandbox), *RUN)
    assert started.parent == supervise.pid
    return started, wait_until_executed(direct.pid, *RUN)


def wait_until_executed(pid: int, *argv: bytes) -> Record:
    """The record of a process as soon as it has executed `argv` and waits."""

    def waits() -> bool:
        return record(pid).argv == argv and is_asleep(pid) if HAS_PROC else has_noted(pid)

    eventually(waits, within=30, what=f"process {pid} executes {argv}")
    return record(pid)


@clause("supervise/start/state")
@pytest.mark.parametrize("state", STATES)
def test_all_that_exec_hands_on(sandbox: Sandbox, state: str) -> None:
    started, direct = run_record(sandbox, STATES[state])
    assert started == replace(
        direct,
        parent=started.parent,
        blocked=direct.blocked - {SIGCHLD},
        ignored=direct.ignored - {SIGCHLD},
    )


@clause("supervise/start/argv")
def test_run_is_called_as_run_without_arguments(sandbox: Sandbox) -> None:
    (sandbox.path / "s").mkdir()
    (sandbox.path / "s/run").symlink_to("/bin/cat")  # which waits for its input
    sandbox.supervise("s", stdin=PIPE)
    pid = wait_until_up(sandbox)
    eventually(lambda: argv_of(pid) == (b"./run",), what="./run is executed")


@clause("supervise/start/directory")
def test_run_starts_in_its_directory(sandbox: Sandbox) -> None:
    sandbox.service("a/b", waiting())
    sandbox.supervise("a/b")
    seen = wait_until_executed(wait_until_up(sandbox, "a/b"), *WAITING)
    assert seen.directory == str(sandbox.path / "a/b")


@clause("supervise/start/child")
@pytest.mark.parametrize("new_session", [False, True])
def test_parent_group_and_session(sandbox: Sandbox, new_session: bool) -> None:
    sandbox.service("s", waiting())
    supervise = sandbox.supervise("s", new_session=new_session)
    seen = wait_until_executed(wait_until_up(sandbox), *WAITING)
    assert seen.parent == supervise.pid
    above = os.getpgid(supervise.pid), os.getsid(supervise.pid)
    assert (seen.process_group, seen.session) == above


@clause("supervise/start/child-signal")
@pytest.mark.parametrize("option", ["--block", "--ignore"])
def test_the_child_signal(sandbox: Sandbox, option: str) -> None:
    sandbox.service("s", waiting())
    sandbox.supervise("s", prepare=[option, "CHLD"])
    seen = wait_until_executed(wait_until_up(sandbox), *WAITING)
    assert SIGCHLD not in seen.blocked | seen.ignored | seen.caught


@clause("supervise/start/child-signal")
@pytest.mark.parametrize("option", ["--block", "--ignore"])
def test_supervise_sees_the_end_of_run_all_the_same(sandbox: Sandbox, option: str) -> None:
    witnessed(sandbox, "TERM", prepare=[option, "CHLD"])
    sandbox.control("s", b"t")
    eventually(lambda: len(history.starts(noted(sandbox))) == 2)


@clause("supervise/start/pipe-signals")
def test_pipe_and_file_size_signals(sandbox: Sandbox) -> None:
    sandbox.service("s", waiting())
    sandbox.supervise("s", prepare=["--default", "PIPE", "--default", "XFSZ"])
    seen = wait_until_executed(wait_until_up(sandbox), *WAITING)
    assert not {SIGPIPE, SIGXFSZ} & (seen.ignored | seen.blocked)


@clause("supervise/start/ignored-pipe")
def test_ignored_pipe_and_file_size_signals(sandbox: Sandbox, variant: str) -> None:
    sandbox.service("s", waiting())
    sandbox.supervise("s", prepare=["--ignore", "PIPE", "--ignore", "XFSZ"])
    seen = wait_until_executed(wait_until_up(sandbox), *WAITING)
    expected = set() if variant == "python" else {SIGPIPE, SIGXFSZ}
    assert {SIGPIPE, SIGXFSZ} & seen.ignored == expected


@clause("supervise/start/descriptors")
@pytest.mark.parametrize("further", [[], ["--open", "5"], ["--open", "7", "--open", "200"]])
def test_no_descriptor_is_added_and_none_lost(sandbox: Sandbox, further: list[str]) -> None:
    sandbox.service("s", waiting())
    sandbox.supervise("s", prepare=further)
    first = wait_until_up(sandbox)
    wait_until_obeyed(sandbox)
    sandbox.control("s", b"k")  # the second ./run too
    second = eventually(lambda: (pid := sandbox.status("s").pid) not in (0, first) and pid)
    seen = wait_until_executed(second, *WAITING)
    assert set(seen.descriptors) == {0, 1, 2, *(int(fd) for fd in further[1::2])}


@clause("supervise/start/closed-descriptors")
@pytest.mark.parametrize("closed", [["0"], ["1"], ["2"], ["0", "1", "2"]])
def test_closed_descriptors_stay_closed(sandbox: Sandbox, closed: list[str]) -> None:
    sandbox.service("s", waiting())
    sandbox.supervise("s", prepare=[word for fd in closed for word in ("--close", fd)])
    seen = wait_until_executed(wait_until_up(sandbox), *WAITING)
    assert set(seen.descriptors) == {0, 1, 2} - {int(fd) for fd in closed}
