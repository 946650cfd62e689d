"""Processes as the suite sees them: running, finished, and left over.

Programs are started through pipes and files, never through a terminal, so that
every byte they write can be compared. (pgrphack's tests open their own terminal.)
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.contract.outcomes import Crashed, Hung
from daemontools_conformance.running import journal
from daemontools_conformance.running.bounds import content
from daemontools_conformance.running.patience import check_no_interrupt, deadline, eventually
from daemontools_conformance.running.table import (
    argv_of,
    below,
    children,
    comm_of,
    cpu_seconds,
    is_alive,
    is_asleep,
    is_stopped,
    parent_of,
    resident_kilobytes,
)
from daemontools_conformance.running.witness import unwatched

# What the table of processes tells is told to tests from here.
__all__ = [
    "FAULTS", "Finished", "Running", "argv_of", "below", "check_no_traceback", "children",
    "comm_of", "cpu_seconds", "is_alive", "is_asleep", "is_stopped", "parent_of",
    "pass_on_no_ignored_signal", "resident_kilobytes", "share_of_busy_loop",
]  # fmt: skip

FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE}
_STACK_TRACES = (  # of runtimes; C and C++ die of a signal
    b"Traceback (most recent call last)",  # Python
    b"\ngoroutine ",  # Go
    b"' panicked at ",  # Rust
    b") panicked at ",  # the same since it names the thread's number
    b"\nNode.js v",
    b'Exception in thread "',  # Java
)
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
                f"{_line(self.argv)} was killed by {name}; stderr: {self.err[:_MOST_SHOWN]!r}",
                f"died of {name}",
            )
        check_no_traceback(self.argv, self.out + self.err)


def check_no_traceback(argv: tuple[bytes, ...], text: bytes) -> None:
    """Raise Crashed if the text shows the stack trace of a runtime."""
    if any(mark in text for mark in _STACK_TRACES):
        shown = text[-_MOST_SHOWN:].decode(errors="replace")
        cause = "showed a stack trace"
        raise Crashed(f"{_line(argv)} {cause}:\n{shown}", cause)


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
        self.may_crash = False  # a test that waited for its end took a crash for an answer

    def __repr__(self) -> str:
        return f"<{_line(self.argv)}, pid {self.pid}>"

    @property
    def out(self) -> bytes:
        """Standard output so far (empty if the test gave a descriptor of its own)."""
        journal.note_look("streams", pid=self.pid)
        return content(self._out) if self._out else b""

    @property
    def err(self) -> bytes:
        """Standard error so far."""
        journal.note_look("streams", pid=self.pid)
        return content(self._err) if self._err else b""

    @property
    def said(self) -> bytes:
        """All that it has printed so far, on whichever stream."""
        return self.out + self.err

    def _input(self) -> tuple[int, select.poll]:
        """Our end of standard input, which no longer blocks, and a poll that waits for room."""
        assert self.popen.stdin is not None, "start it with stdin=PIPE"
        pipe, poll = self.popen.stdin.fileno(), select.poll()
        os.set_blocking(pipe, False)  # our end, which no program has
        poll.register(pipe, select.POLLOUT)
        return pipe, poll

    def write(self, data: bytes, within: float = 30.0) -> None:
        """Write to standard input, at once (the program was started with stdin=PIPE).

        Raises as `eventually` does if the pipe is full and nobody reads for `within` seconds.
        """
        journal.note("input", pid=self.pid, data=bytes(data[:65536]))
        (pipe, poll), left = self._input(), memoryview(data)
        while left:
            eventually(lambda: poll.poll(100), within, what=f"{self} reads its input")
            left = left[os.write(pipe, left) :]

    def feed(self, data: bytes, within: float) -> None:
        """Write all of this to standard input and close it, or what somebody reads in time.

        After `within` seconds the input stays open: the program did not see its end.
        """
        (pipe, poll), left = self._input(), memoryview(data)
        end = time.monotonic() + deadline(within)
        with unwatched(), contextlib.suppress(BrokenPipeError):
            while left and poll.poll(max(0, end - time.monotonic()) * 1000):
                left = left[os.write(pipe, left) :]
            if left:
                return
        with unwatched():
            self.popen.stdin.close()  # type: ignore[union-attr]

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
        self.may_crash |= crash_is_an_answer
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


def _line(argv: tuple[bytes, ...]) -> str:
    return b" ".join(argv).decode(errors="replace")
