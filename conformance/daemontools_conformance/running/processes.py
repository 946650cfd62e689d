"""Processes as the suite sees them: running, finished, and left over.

Programs are started through pipes and files, never through a terminal, so that
every byte they write can be compared. (pgrphack's tests open their own terminal.)
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.contract.outcomes import Crashed, Hung
from daemontools_conformance.running import journal
from daemontools_conformance.running.bounds import content
from daemontools_conformance.running.patience import check_no_interrupt, deadline, eventually
from daemontools_conformance.running.witness import unwatched

FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE}
# What is in the stack trace of a runtime. (C and C++ die of a signal.)
_STACK_TRACES = (
    b"Traceback (most recent call last)",  # Python
    b"\ngoroutine ",  # Go
    b"' panicked at ",  # Rust
    b"\nNode.js v",
    b'Exception in thread "',  # Java
)
_PR_SET_CHILD_SUBREAPER = 36
_MOST_SHOWN = 4000  # bytes of a traceback, or of what a crash said


@dataclass(frozen=True)
class Finished:
    """A program that has ended: `code` is its exit code, or minus the signal that killed it."""

    argv: tuple[bytes, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def said(self) -> bytes:
        """All that it printed, on whichever stream."""
        return self.out + self.err

    def check_no_crash(self) -> None:
        """Raise Crashed if a fault killed it or it showed a stack trace."""
        if -self.code in FAULTS:
            name = signal.Signals(-self.code).name
            raise Crashed(
                f"{_line(self.argv)} was killed by {name}; stderr: {self.err[:_MOST_SHOWN]!r}"
            )
        check_no_traceback(self.argv, self.out + self.err)


def check_no_traceback(argv: tuple[bytes, ...], text: bytes) -> None:
    """Raise Crashed if the text shows the stack trace of a runtime."""
    if any(mark in text for mark in _STACK_TRACES):
        shown = text[-_MOST_SHOWN:].decode(errors="replace")
        raise Crashed(f"{_line(argv)} showed a stack trace:\n{shown}")


class Running:
    """A program that was started and may still run; its output goes to files."""

    def __init__(
        self,
        popen: "subprocess.Popen[bytes]",
        argv: tuple[bytes, ...],
        out: Path | None,
        err: Path | None,
    ) -> None:
        self.popen = popen
        self.argv = argv
        self.pid = popen.pid
        self._out = out
        self._err = err

    def __repr__(self) -> str:
        return f"<{_line(self.argv)}, pid {self.pid}>"

    @property
    def out(self) -> bytes:
        """Standard output so far (empty if the test gave a descriptor of its own)."""
        return content(self._out) if self._out else b""

    @property
    def err(self) -> bytes:
        """Standard error so far."""
        return content(self._err) if self._err else b""

    @property
    def said(self) -> bytes:
        """All that it has printed so far, on whichever stream."""
        return self.out + self.err

    def write(self, data: bytes) -> None:
        """Write to standard input, at once (the program was started with stdin=PIPE)."""
        assert self.popen.stdin is not None, "start it with stdin=PIPE"
        journal.note("input", pid=self.pid, data=bytes(data[:65536]))
        self.popen.stdin.write(data)
        self.popen.stdin.flush()

    def end_input(self) -> None:
        """Close standard input, so that the program reads end of file."""
        assert self.popen.stdin is not None, "start it with stdin=PIPE"
        journal.note("end of input", pid=self.pid)
        self.popen.stdin.close()

    def signal(self, number: int) -> None:
        """Send a signal."""
        journal.note("signal", pid=self.pid, signal=int(number))
        with unwatched():
            self.popen.send_signal(number)

    def has_ended(self) -> bool:
        """Has the process ended (and been reaped)?"""
        return self.popen.poll() is not None

    def wait_until_out(self, expected: bytes, within: float = 30.0) -> None:
        """Wait until exactly this has come on standard output; fail once something else has."""
        self._wait_until("stdout", lambda: self.out, expected, within)

    def wait_until_err(self, expected: bytes, within: float = 30.0) -> None:
        """Wait until exactly this has come on standard error; fail once something else has."""
        self._wait_until("stderr", lambda: self.err, expected, within)

    def _wait_until(
        self, name: str, come: Callable[[], bytes], expected: bytes, within: float
    ) -> None:
        def is_complete() -> bool:
            seen = come()
            if not expected.startswith(seen):
                text = f"{self} wrote something else to {name}"
                raise AssertionError(f"{text}\nexpected: {expected!r}\nseen:     {seen!r}")
            return seen == expected

        eventually(is_complete, within, what=f"{self} writes {expected!r} to {name}")

    def wait(self, within: float = 20.0, *, crash_is_an_answer: bool = False) -> Finished:
        """Wait for the end. Raises Hung after `within` seconds, Crashed on a fault or traceback."""
        try:
            code = self.popen.wait(deadline(within))
        except subprocess.TimeoutExpired:
            journal.note("hung", pid=self.pid)
            raise Hung(
                f"{_line(self.argv)} did not end within {deadline(within):g} s; "
                f"stdout: {self.out[-500:]!r}; stderr: {self.err[-500:]!r}"
            ) from None
        check_no_interrupt()
        finished = Finished(self.argv, code, self.out, self.err)
        number = finished.out.strip().isdigit()
        journal.note("ended", pid=self.pid, code=code, argv=self.argv, tells_number=number)
        if not crash_is_an_answer:
            finished.check_no_crash()
        return finished


def become_subreaper() -> None:
    """Make orphans of what we start our children, so that we can find and end them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def pass_on_no_ignored_signal(*, is_worker: bool) -> None:
    """Undo what a shell does to a command in the background (INT, QUIT) and nohup does (HUP).

    Programs would inherit an ignored signal, and clauses say how signals end a
    program. A handler that does nothing protects this process as well, and exec
    resets it. CPython ignores PIPE and XFSZ too; subprocess restores those.
    """
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)
    if is_worker:  # it cannot know of nohup, and it ends with its controller anyway
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def children(parent: int | None = None) -> set[int]:
    """The process ids of the children of `parent` (this process), zombies included."""
    if parent is None and not _has_children():
        return set()  # the usual case
    own = os.getpid()
    if os.path.exists(f"/proc/{own}/task/{own}/children"):
        found = _listed_children(parent or own)
        if found or parent is not None:
            return found
    # On other systems, or if a child ended while the list was made: look at every process.
    return {pid for pid, ppid in _parents() if ppid == (parent or own)}


def _listed_children(parent: int) -> set[int]:
    """The children as the kernel lists them, by thread."""
    found: set[int] = set()
    try:
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/children") as file:
                found.update(int(word) for word in file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass  # the process has gone, or one of its threads has
    return found


def below(pid: int) -> list[int]:
    """All descendants of a process."""
    found = sorted(children(pid))
    return found + [further for child in found for further in below(child)]


def argv_of(pid: int) -> tuple[bytes, ...]:
    """The arguments of a process, without NULs that follow them; () if it has gone."""
    try:
        return tuple(Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0"))
    except OSError:
        return ()


def comm_of(pid: int) -> bytes:
    """The name that the kernel has for a process; empty if it has gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n")
    except OSError:
        return b""


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def is_alive(pid: int) -> bool:
    """Does the process exist, and is it more than a zombie?"""
    try:
        return _stat_fields(pid)[0] != "Z"
    except (OSError, ProcessLookupError):
        return False


def is_asleep(pid: int) -> bool:
    """Is the process in a sleep that a signal could interrupt?"""
    return _stat_fields(pid)[0] == "S"


def is_stopped(pid: int) -> bool:
    """Has the process been stopped by a signal?"""
    return _stat_fields(pid)[0] == "T"


def parent_of(pid: int) -> int:
    """The process id of the parent."""
    return int(_stat_fields(pid)[1])


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    user, system = _stat_fields(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def share_of_busy_loop(pid: int, during: float) -> float:
    """The time that a process computes in `during` seconds, as a part of what a busy loop gets.

    Near 0 for one that waits and near 1 for one that spins, however loaded the machine is.
    """
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as loop:
        before = cpu_seconds(pid), cpu_seconds(loop.pid)
        time.sleep(during)
        after = cpu_seconds(pid), cpu_seconds(loop.pid)
        loop.kill()
    return (after[0] - before[0]) / max(after[1] - before[1], 0.01)


def resident_kilobytes(pid: int, *, peak: bool = False) -> int:
    """The memory that a process uses now, or the most it has used; 0 when it has ended."""
    with open(f"/proc/{pid}/status") as file:
        size = "VmHWM:" if peak else "VmRSS:"
        return next((int(line.split()[1]) for line in file if line.startswith(size)), 0)


def end_all_but(spared: set[int], within: float = 60.0) -> None:
    """Kill and reap all children of this process, and theirs, except those `spared`.

    Killing a parent makes its children ours (`become_subreaper`), so the loop goes
    on until no process is left. Raises TimeoutError if one does not die.
    """
    end = time.monotonic() + deadline(within)
    while left := children() - spared:
        if time.monotonic() > end:
            raise TimeoutError(f"processes such as {min(left)} start others faster than they die")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        while left := {pid for pid in left if not _is_reaped(pid)}:
            if time.monotonic() > end:
                raise TimeoutError(f"processes {sorted(left)} survive SIGKILL")
            time.sleep(0.001)


def _is_reaped(pid: int) -> bool:
    """Has a killed child gone? Reaps it if so."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _parents() -> Iterator[tuple[int, int]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                yield int(entry), parent_of(int(entry))
            except (OSError, ProcessLookupError):
                continue


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (the name before them may hold anything)."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].decode().split()


def _line(argv: tuple[bytes, ...]) -> str:
    return b" ".join(argv).decode(errors="replace")
