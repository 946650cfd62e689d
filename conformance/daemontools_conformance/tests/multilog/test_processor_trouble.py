"""multilog: the processor cannot be started, does not end, or nobody learns how it ended."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemontools_conformance.faults.table import FORK
from daemontools_conformance.helpers.logdirs import codes, contents, lines, mode, old_contents
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.helpers.strace import messages, under_strace
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import (
    Running,
    children,
    cpu_seconds,
    is_asleep,
    is_stopped,
)
from daemontools_conformance.running.sandbox import PIPE, Argument, Sandbox
from daemontools_conformance.running.signals import interrupt

FAILED = b"multilog: warning: processor failed in ./log, pausing\n"


@dataclass(frozen=True)
class Trouble:
    """Why a processor does not do its work, for as long as it lasts."""

    name: str
    warning: bytes  # what multilog says each time
    processor: str = "cat"
    tampering: tuple[str, ...] = ()  # options of strace
    paths: tuple[Argument, ...] = ()  # the calls that are tampered with concern these


def refused(name: str, calls: str, error: str, warning: bytes, *paths: Argument) -> Trouble:
    """A trouble that consists of system calls that fail each time."""
    tampering = ("-f", "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}")
    return Trouble(name, warning, "cat", tampering, paths)


def child_says(reason: bytes) -> bytes:
    return b"multilog: fatal: unable to run cat: " + reason + b"\n" + FAILED


WAIT_FAILED = (
    b"multilog: warning: wait failed for processor in ./log, pausing: no child processes\n"
)
NO_FORK = b"multilog: warning: unable to fork for processor in ./log, pausing: "
OPEN, WAIT, EXEC = "openat,open", "wait4,waitpid,waitid", "execve"
TROUBLES = [
    Trouble("exits", FAILED, "exit 1"),
    refused("fork-EAGAIN", FORK, "EAGAIN", NO_FORK + b"temporary failure\n"),
    refused("fork-ENOMEM", FORK, "ENOMEM", NO_FORK + b"out of memory\n"),
    refused("wait", WAIT, "ECHILD", WAIT_FAILED + FAILED),
    refused("input", OPEN, "EIO", child_says(b"input/output error"), "previous"),
    refused("output", OPEN, "ENOSPC", child_says(b"out of disk space"), "processed"),
    refused("state", OPEN, "EMFILE", child_says(b"process cannot open more files"), "state"),
    refused("newstate", OPEN, "EROFS", child_says(b"read-only file system"), "newstate"),
    refused("shell", EXEC, "ENOMEM", child_says(b"out of memory"), "/bin/sh"),
]
# Those after which multilog itself can do what TERM asks for.
NOT_ITS_OWN = [t for t in TROUBLES if t.tampering and t.name != "state"]


@dataclass
class AtWork:
    """A multilog that has a current to process, under strace, in a folder of its own."""

    strace: Running
    multilog: int  # process id
    log: Path
    since: float  # of the monotonic clock

    def wait_until_said(self, text: bytes) -> None:
        """Until multilog and its children have said this, perhaps more."""
        eventually(lambda: messages(self.strace.err).startswith(text))

    def wait_until_it_complains(self) -> None:
        """Until multilog or its child has said anything."""
        eventually(lambda: self.strace.out or messages(self.strace.err))


def in_trouble(sandbox: Sandbox, trouble: Trouble) -> AtWork:
    """Start it, and ask for a rotation by ALRM."""
    since = time.monotonic()
    current = sandbox.write(f"{trouble.name}/log/current", "begun\n", mode=0o744)
    sandbox.write(f"{trouble.name}/log/state")
    options = trouble.tampering or ("-e", "trace=none")
    script = [f"!{trouble.processor}", "./log"]
    strace = under_strace(sandbox, trouble.paths, options, script, stdin=PIPE, cwd=trouble.name)
    eventually(lambda: mode(current) == "0644")
    (multilog,) = children(strace.pid)  # not before: strace begins with children of its own
    eventually(lambda: is_asleep(multilog))  # 0.76 takes a signal when it waits for input
    os.kill(multilog, signal.SIGALRM)
    return AtWork(strace, multilog, current.parent, since)


@slow
@clause("multilog/processor/pauses")
@needs("strace")
def test_it_tries_once_in_five_seconds_and_rests_between(sandbox: Sandbox) -> None:
    for trouble, it in [(trouble, in_trouble(sandbox, trouble)) for trouble in TROUBLES]:
        it.wait_until_said(2 * trouble.warning)
        pauses = messages(it.strace.err).count(trouble.warning) - 1
        assert time.monotonic() - it.since > 4.9 * pauses, trouble.name
        assert cpu_seconds(it.multilog) < 1, trouble.name
        assert contents(it.log) == b"begun\n", trouble.name


@slow
@clause("multilog/processor/term-while-it-cannot-run")
@needs("strace")
def test_term_ends_multilog_while_the_processor_cannot_do_its_work(sandbox: Sandbox) -> None:
    tried = [(trouble, in_trouble(sandbox, trouble)) for trouble in NOT_ITS_OWN]
    for _, it in tried:
        it.wait_until_it_complains()
        it.strace.write(b"more\n")
        os.kill(it.multilog, signal.SIGTERM)
    for trouble, it in tried:
        assert it.strace.wait(within=12).code == 0, trouble.name
        assert (old_contents(it.log), codes(it.log)) == ([b"begun\n"], ["u"]), trouble.name
        names = {file.name for file in it.log.iterdir() if file.name[0] != "@"}
        assert names == {"current", "lock", "state"}, trouble.name
        assert mode(it.log / "current") == "0744", trouble.name


@slow
@clause("multilog/processor/mended")
@pytest.mark.parametrize("file", ["processed", "newstate", "state"])
def test_when_its_files_can_be_had_again_the_processor_is_run(sandbox: Sandbox, file: str) -> None:
    multilog = sandbox.start("multilog", "!cat", "./log", stdin=PIPE)
    multilog.write(b"begun\n")
    log = sandbox.path / "log"
    eventually(lambda: contents(log) == b"begun\n")
    if file == "state":
        (log / file).unlink()
    else:
        (log / file).mkdir()
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: multilog.said)
    if file == "state":
        (log / file).touch()
    else:
        (log / file).rmdir()
    eventually(lambda: (old_contents(log), codes(log)) == ([b"begun\n"], ["s"]))


@clause("multilog/processor/stopped")
def test_a_processor_that_is_stopped_is_waited_for(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "go")
    multilog = sandbox.start("multilog", "s4096", "!read x <../go; cat", "./log", stdin=PIPE)
    multilog.write(lines(60))
    (pid,) = eventually(lambda: children(multilog.pid))
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: is_stopped(pid))
    never(lambda: children(multilog.pid) != {pid}, during=0.3)
    os.kill(pid, signal.SIGCONT)
    go = eventually(lambda: os.open(sandbox.path / "go", os.O_WRONLY | os.O_NONBLOCK))
    os.write(go, b"\n")
    os.close(go)
    eventually(lambda: len(old_contents(sandbox.path / "log")) == 1)
