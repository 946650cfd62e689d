"""A terminal for the few tests to which it matters: Ctrl-C, sessions, hanging up.

    with Terminal(sandbox, "sh", "-c", "sleep 1000 | pgrphack sleep 1000") as terminal:
        terminal.press_interrupt()

What is started leads a session, and this terminal controls it. Everything else goes
through pipes (sandbox.py), since a terminal changes bytes on their way.
"""

import contextlib
import os
import shlex
import shutil
from types import TracebackType

import pexpect

from daemontools_conformance.running import journal
from daemontools_conformance.running.patience import deadline, eventually
from daemontools_conformance.running.sandbox import Argument, Sandbox


class Terminal:
    """A pseudo-terminal and the program in its foreground. `pid` is the program's."""

    def __init__(self, sandbox: Sandbox, program: Argument, *arguments: Argument) -> None:
        environment = dict(sandbox.environment)
        file = shutil.which(os.fsdecode(program), path=environment["PATH"])
        assert file, f"there is no {program!r}"
        self._spawned: pexpect.spawn[bytes] = pexpect.spawn(
            file,
            [os.fsdecode(word) for word in arguments],
            env={**environment, "TERM": "dumb"},
            cwd=str(sandbox.path),
            echo=False,
        )
        command = shlex.join([file, *(os.fsdecode(word) for word in arguments)])
        journal.note("shell", line=f"script -qec {shlex.quote(command)} /dev/null &")
        assert self._spawned.pid
        self.pid: int = self._spawned.pid

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The sandbox ends what still runs; the program may be reaped already.
        with contextlib.suppress(OSError, pexpect.ExceptionPexpect):
            self._spawned.close(force=True)

    def expect(self, text: bytes, within: float = 10.0) -> None:
        """Wait until the text appears on the screen."""
        self._spawned.expect_exact(text, timeout=deadline(within))

    def press_interrupt(self) -> None:
        """Ctrl-C."""
        journal.note("shell", line="# here the suite pressed Ctrl-C on the terminal")
        self._spawned.sendintr()

    def hang_up(self) -> None:
        """Take the terminal away, as when its window is closed."""
        journal.note("shell", line="# here the suite closed the terminal")
        self._spawned.ptyproc.fileobj.close()  # type: ignore[attr-defined]

    def wait(self, within: float = 10.0) -> int:
        """Wait for the end of the program: its exit code, or minus the signal that killed it."""

        def status() -> tuple[int, ...]:
            pid, how = os.waitpid(self.pid, os.WNOHANG)
            return (how,) if pid else ()

        (how,) = eventually(status, within, what="the program at the terminal ends")
        return os.waitstatus_to_exitcode(how)
