"""supervise and svscan under faults: after their start a call fails once, or for a while.

strace attaches to the running program and detaches again. Meanwhile the program has
work to do: ./run dies and commands come; supervises die, services come and go.
Afterwards the program must live, know its children and obey. While the call failed,
it must have waited rather than spun.
"""

import os
import signal
from dataclasses import dataclass

from daemontools_conformance.helpers.strace import messages
from daemontools_conformance.running.patience import TooLate, eventually, never
from daemontools_conformance.running.processes import Running, children, is_alive
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc

ONCE, FOR_A_WHILE = "1", "1+"  # as strace's `when`
NTH = (
    "2",
    "3",
    "4",
    "1+2",
    "2+2",
    "1+3",
    "3+3",
)  # one call, or from that one every second or third

# How often a second the program may make the call while it fails; more is spinning. (Processor
# time is no measure here, because strace takes most of it. `supervise/survives/waits` measures
# it without strace.)
MOST_CALLS = 20


@dataclass(frozen=True)
class Refusal:
    """Calls that fail with one of these errors."""

    name: str  # the clause is PROGRAM/survives/NAME
    calls: str  # strace's names for them, on any system
    errors: tuple[str, ...]
    seconds: float = 3  # how long they fail: long enough for the program to make them
    path: str = ""  # fail only for this file, below the sandbox


OPEN = "openat,open"
FORK = "clone,clone3,fork,vfork"
WAIT = "wait4,waitid"
SLEEP = "clock_nanosleep,nanosleep"
MEMORY = "mmap,brk,mremap,munmap"

SUPERVISE = (
    Refusal("poll", "poll,ppoll", ("EINVAL", "ENOMEM")),
    Refusal("read", "read", ("EIO", "EAGAIN")),
    Refusal("wait", WAIT, ("EIO", "ECHILD", "ENOMEM")),
    Refusal("kill", "kill", ("EPERM", "ESRCH")),
    Refusal("open", OPEN, ("EMFILE", "ENFILE", "EIO", "EROFS", "ENOSPC")),
    Refusal("write", "write", ("EIO", "ENOSPC", "EDQUOT"), path="s/supervise/status.new"),
    Refusal("self-pipe", "write", ("EIO",)),
    Refusal("close", "close", ("EIO",)),
    Refusal("rename", "rename,renameat,renameat2", ("EIO", "EROFS", "ENOSPC")),
    Refusal("sleep", SLEEP, ("EINVAL", "EPERM")),
    Refusal("memory", MEMORY, ("ENOMEM",)),
    Refusal("fork", FORK, ("EAGAIN", "ENOMEM"), 63),
)
SVSCAN = (
    Refusal("wait", WAIT, ("EIO", "ECHILD", "ENOMEM"), 6),
    Refusal("open", OPEN, ("EMFILE", "ENFILE", "EIO", "EACCES"), 6),
    Refusal("read-directory", "getdents64", ("EIO", "ENOENT"), 6),
    Refusal("stat", "newfstatat,stat,statx", ("EIO", "EACCES", "ENOMEM"), 6),
    Refusal("pipe", "pipe,pipe2", ("EMFILE", "ENFILE"), 6),
    Refusal("fork", FORK, ("EAGAIN", "ENOMEM"), 6),
    Refusal("close", "close", ("EIO",), 6),
    Refusal("sleep", SLEEP, ("EINVAL", "EPERM"), 6),
    Refusal("memory", MEMORY, ("ENOMEM",), 6),
)
TABLES = {"supervise": SUPERVISE, "svscan": SVSCAN}


@dataclass(frozen=True)
class Endurance:
    """What a supervisor did whose calls failed."""

    is_alive: bool
    calls: float  # how often a second it made them meanwhile
    said: bytes  # on standard error, from first to last
    trouble: str  # what it failed to do afterwards; empty if nothing

    def verdict(self) -> str:
        """A cell of the table."""
        if not self.is_alive:
            return "DIED"
        if self.trouble:
            return self.trouble
        if self.calls > MOST_CALLS:
            return "spins"
        return "survived" if b": warning: unable to " in self.said else "in silence"


def endure(sandbox: Sandbox, program: str, refusal: Refusal, error: str, when: str) -> Endurance:
    """Start the program, let its calls fail with this error, and see how it goes on."""
    begin, disturb, obeys = PLAYS[program]
    running = begin(sandbox)
    tampering = ["-e", f"trace={refusal.calls}", "-e"]
    tampering += [f"inject={refusal.calls}:error={error}:when={when}"]
    if refusal.path:
        tampering += ["-P", str(sandbox.path.resolve() / refusal.path)]
    strace = attach(sandbox, running, tampering)
    disturb(sandbox, running)
    try:
        never(running.has_ended, during=refusal.seconds, what=f"{program} ends")
    except AssertionError:
        return Endurance(is_alive=False, calls=0, said=messages(running.err), trouble="")
    detach(running, strace)
    calls = (sandbox.path / "trace").read_bytes().count(b"(INJECTED)") / refusal.seconds
    trouble = ""
    try:
        obeys(sandbox, running)
    except TooLate as late:
        trouble = str(late)
    return Endurance(
        not running.has_ended() or trouble == "", calls, messages(running.err), trouble
    )


def attach(sandbox: Sandbox, running: Running, tampering: list[str]) -> Running:
    """Attach strace to a running program, and return once strace is attached."""
    command = ["strace", "-qq", "-o", "trace", *tampering, "-p", str(running.pid)]
    strace = sandbox.start_command(command)
    eventually(lambda: tracer(running.pid) == strace.pid, what="strace is attached")
    return strace


def detach(running: Running, strace: Running) -> None:
    """Detach strace, so that the kernel answers the program's calls again."""
    strace.signal(signal.SIGINT)
    eventually(strace.has_ended, what="strace is detached")
    assert tracer(running.pid) == 0


def tracer(pid: int) -> int:
    """The process id of the tracer of this process; 0 if it has none."""
    with proc(pid, "status").open() as file:
        return next(int(line.split()[1]) for line in file if line.startswith("TracerPid:"))


# supervise


def _begin_supervise(sandbox: Sandbox) -> Running:
    sandbox.service("s", "exec sleep 1000")
    supervise = sandbox.supervise("s")
    wait_until_one_run(sandbox, supervise)
    return supervise


def _disturb_supervise(sandbox: Sandbox, _supervise: Running) -> None:
    """Let ./run die, and send commands."""
    os.kill(sandbox.status("s").pid, signal.SIGKILL)
    sandbox.control("s", b"pct")


def _supervise_obeys(sandbox: Sandbox, supervise: Running) -> None:
    """Check that supervise runs exactly one ./run, knows its process id, and ends on command."""
    sandbox.control("s", b"cu")
    wait_until_one_run(sandbox, supervise)
    sandbox.control("s", b"t")
    wait_until_one_run(sandbox, supervise)
    sandbox.control("s", b"dx")
    eventually(supervise.has_ended, within=30, what="supervise ends by command")
    assert supervise.wait().code == 0


def wait_until_one_run(sandbox: Sandbox, supervise: Running) -> int:
    """Wait until supervise has one child that executes ./run and is in the status; its id."""

    def pid() -> int:
        (only,) = {child for child in children(supervise.pid) if is_alive(child)} or {0}
        is_named = only == sandbox.status("s").pid
        return only if only and is_named and record(only).argv[:1] == (b"sleep",) else 0

    return eventually(pid, within=90, what="one ./run, and the status names it")


# svscan

SERVICES = ("a", "a/log", "b", "gone", "gone/log")


def _begin_svscan(sandbox: Sandbox) -> Running:
    for name in SERVICES:
        sandbox.service(f"service/{name}", "exec sleep 1000")
    for name in ("new", "new/log"):
        sandbox.service(name, "exec sleep 1000")
    svscan = sandbox.start("svscan", "service")
    wait_until_supervised(sandbox, *(f"service/{name}" for name in SERVICES))
    return svscan


def _disturb_svscan(sandbox: Sandbox, svscan: Running) -> None:
    """Kill two supervises, add one service, and remove another."""
    for pid in children(svscan.pid):
        if name_of_service(pid) in (b"a", b"b"):
            os.kill(pid, signal.SIGKILL)
    (sandbox.path / "new").rename(sandbox.path / "service/new")
    (sandbox.path / "service/gone").rename(sandbox.path / "gone")
    sandbox.control("gone", b"dx")
    sandbox.control("gone/log", b"dx")


def _svscan_obeys(sandbox: Sandbox, svscan: Running) -> None:
    """Wait until each service has one supervise, and both logs have their pipes."""
    wait_until_supervised(
        sandbox, *(f"service/{name}" for name in ("a", "a/log", "b", "new", "new/log"))
    )

    def is_in_order() -> bool:
        names = sorted(name_of_service(pid) for pid in children(svscan.pid) if is_alive(pid))
        # strace does not carry out a close that it refuses, so there may be more pipes.
        return names == [b"a", b"b", b"log", b"log", b"new"] and len(pipe_ends(svscan)) >= 4

    eventually(is_in_order, within=40, what="one supervise each, and two pipes")
    assert not svscan.has_ended()


def name_of_service(supervise: int) -> bytes:
    """The operand of a supervise; empty in an exec, when the kernel shows no arguments."""
    return b"".join(record(supervise).argv[1:2])


def pipe_ends(running: Running) -> list[int]:
    """The descriptors of a program that are ends of pipes."""
    descriptors = record(running.pid).descriptors
    return [fd for fd, target in descriptors.items() if target.startswith("pipe:")]


def wait_until_supervised(sandbox: Sandbox, *services: str) -> None:
    """Wait until each of the services has a supervise."""
    eventually(
        lambda: all(sandbox.is_supervised(service) for service in services),
        within=60,
        what="each service has a supervise",
    )


PLAYS = {
    "supervise": (_begin_supervise, _disturb_supervise, _supervise_obeys),
    "svscan": (_begin_svscan, _disturb_svscan, _svscan_obeys),
}
