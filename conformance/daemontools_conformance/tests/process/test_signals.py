"""process: how programs die, and what dispositions they hand on."""

import os
import signal

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.runners import each_runner, record_of_child
from daemontools_conformance.helpers.samples import call, each
from daemontools_conformance.helpers.states import wait_until_runs
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running, children, is_asleep
from daemontools_conformance.running.sandbox import PIPE, Argument, Sandbox

# With these arguments each has something to say on standard error.
COMPLAINING: dict[str, tuple[Argument, ...]] = {
    "svscan": ("no.dir",),
    "supervise": ("no.dir",),
    "svc": ("-z",),  # -q is a letter of some
    "svok": (),
    "multilog": ("./no/dir",),
    "setuidgid": (),
    "envuidgid": (),
    "envdir": (),
    "softlimit": (),
    "setlock": (),
    "fghack": (),
    "pgrphack": (),
}


def _pipe_without_reader() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@clause("process/signals/pipe-kills")
@pytest.mark.parametrize("program", COMPLAINING)
def test_message_that_nobody_can_read_kills(sandbox: Sandbox, program: str) -> None:
    writing = _pipe_without_reader()
    answer = sandbox.run(program, *COMPLAINING[program], stdout=writing, stderr=writing)
    os.close(writing)
    assert answer.code == (100 if program == "svc" else -signal.SIGPIPE)


@clause("process/signals/output-pipe-kills")
@each(["tai64n", "tai64nlocal", "svstat"])
def test_output_that_nobody_can_read_kills(sandbox: Sandbox, program: str) -> None:
    writing = _pipe_without_reader()
    answer = call(sandbox, program, stdout=writing)
    os.close(writing)
    assert answer.code == -signal.SIGPIPE


@clause("process/signals/size-kills")
@pytest.mark.parametrize("size", [0, 4])  # with room for nothing, and for a part
@pytest.mark.parametrize("program", [*COMPLAINING, "tai64n", "tai64nlocal", "svstat"])
def test_limit_on_the_size_of_files_kills(sandbox: Sandbox, program: str, size: int) -> None:
    no_core = ["--limit", "CORE=0", "--limit", f"FSIZE={size}"]
    if program in COMPLAINING:
        answer = sandbox.run(program, *COMPLAINING[program], prepare=no_core)
    else:
        answer = call(sandbox, program, prepare=no_core)
    assert answer.code == -signal.SIGXFSZ


def _waiting(sandbox: Sandbox, program: str, *prepare: Argument) -> Running:
    """Start a program that then waits, and wait until it does."""
    arguments: dict[str, tuple[Argument, ...]] = {
        "svscan": ("services",),
        "supervise": ("service",),
        "fghack": ("sleep", "1000"),
        "setlock": ("held", "true"),
        "readproctitle": ("x", "........"),
        "multilog": ("e",),
    }
    (sandbox.path / "services").mkdir()
    sandbox.service("service", "exec sleep 1000", down=True)
    if program == "setlock":
        holder = sandbox.start("setlock", "held", "/bin/sleep", "1000")
        wait_until_runs(holder, b"/bin/sleep", b"1000")
    running = sandbox.start(program, *arguments.get(program, ()), stdin=PIPE, prepare=prepare)
    if program == "supervise":
        eventually((sandbox.path / "service/supervise/ok").exists)
    eventually(lambda: _waits_as(program, running.pid), what=f"{program} waits")
    return running


def _waits_as(program: str, pid: int) -> bool:
    """Is the process asleep, and fghack's child started?"""
    return is_asleep(pid) and (program != "fghack" or bool(children(pid)))


WAITING = [
    *("svscan", "supervise", "fghack", "setlock"),
    *("readproctitle", "multilog", "tai64n", "tai64nlocal"),
]


@clause("process/signals/interrupt-kills")
@pytest.mark.parametrize("program", WAITING)
def test_interrupt_kills_without_a_word(sandbox: Sandbox, program: str) -> None:
    running = _waiting(sandbox, program)
    running.signal(signal.SIGINT)
    answer = running.wait()
    assert (answer.code, answer.out, answer.err) == (-signal.SIGINT, b"", b"")


@clause("process/signals/interrupt-ignored")
@pytest.mark.parametrize("program", WAITING)
def test_ignored_interrupt_does_not_disturb(sandbox: Sandbox, program: str) -> None:
    running = _waiting(sandbox, program, "--ignore", "INT")
    running.signal(signal.SIGINT)
    never(running.has_ended, during=0.2)
    assert running.err == b""


@clause("process/signals/default")
@each_runner
def test_default_dispositions_are_handed_on(sandbox: Sandbox, runner: str) -> None:
    # Asked for: whatever the suite itself ignores is at its default here.
    child = record_of_child(sandbox, runner, "--default", "PIPE", "--default", "XFSZ")
    assert (child.ignored, child.caught, child.blocked) == (frozenset(),) * 3


@clause("process/signals/ignored")
@each_runner
def test_ignored_signals_are_handed_on(sandbox: Sandbox, runner: str) -> None:
    numbers = frozenset({1, 2, 3, 10, 14, 15, 17, 18, 20, 22, 23, 28, 34, 64})
    child = record_of_child(sandbox, runner, *(w for n in numbers for w in ("--ignore", str(n))))
    assert (child.ignored, child.caught) == (numbers, frozenset())


@clause("process/signals/ignored-pipe")
@each_runner
def test_ignored_pipe_and_xfsz_are_handed_on(sandbox: Sandbox, runner: str, variant: str) -> None:
    child = record_of_child(sandbox, runner, "--ignore", "PIPE", "--ignore", "XFSZ")
    expected = {"": {signal.SIGPIPE, signal.SIGXFSZ}, "python": set()}[variant]
    assert child.ignored == expected


@clause("process/signals/blocked")
@each_runner
def test_blocked_signals_are_handed_on(sandbox: Sandbox, runner: str) -> None:
    numbers = {1, 2, 13, 14, 15, 17, 18, 25, 34, 64}
    child = record_of_child(sandbox, runner, *(w for n in numbers for w in ("--block", str(n))))
    assert child.blocked == numbers
