"""A cyclic log on disk: the directory that multilog writes to.

core/rotate.py tells what the files are and decides; here it is done. Whatever
the system refuses once reading has begun is reported and tried again after five
seconds, for as long as it takes: the lines that were read exist nowhere else.
Before that, an error ends the program (111).

Two things end the patience of 0.76 for ever, and not ours: an old file that
cannot be removed is reported and left where it is; and while a processor keeps
failing, TERM is obeyed: the file is then kept unprocessed, as after an outage.
Clauses: multilog/rotate/..., multilog/restart/..., multilog/processor/...
"""

import _signal as signal
import os

from daemontools.core.rotate import cut, ends_well, restart, surplus
from daemontools.core.tai64 import format_tai64n
from daemontools.unix.clock import now, pause
from daemontools.unix.lock import lock_exnb
from daemontools.unix.messages import die, warn
from daemontools.unix.opening import open_append, open_read, open_trunc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeVar

    from daemontools.unix.interrupts import Interrupts

    Answer = TypeVar("Answer")

FATAL = "multilog: fatal: "
WARNING = "multilog: warning: "
PAUSE_SECONDS = 5


def insist(action: "Callable[[], Answer]", *complaint: bytes | str) -> "Answer":
    """What the action returns, as soon as it succeeds; each failure is reported, then a pause."""
    while True:
        try:
            return action()
        except OSError as error:
            warn(WARNING, *complaint, ", pausing: ", error)
        pause(PAUSE_SECONDS)


class LogDirectory:
    """One log directory, locked, and its file `current`."""

    def __init__(
        self,
        directory: bytes,
        size: int,
        number: int,
        processor: bytes | None,
        start: int,
        interrupts: "Interrupts",
    ) -> None:
        """Open it, from the directory that the descriptor `start` stands for."""
        self.directory = directory
        self.size = size  # largest file, bytes
        self.number = number  # fewer old files than this stay after a rotation
        self.processor = processor
        self.interrupts = interrupts
        self.current = -1  # open for appending
        self.written = 0  # bytes in current
        self._open_and_lock(start)
        self._restart()

    # STARTING

    def _open_and_lock(self, start: int) -> None:
        try:
            os.fchdir(start)
        except OSError as error:
            die(111, FATAL, "unable to switch to starting directory: ", error)
        try:
            os.mkdir(self.directory, 0o700)
        except OSError:
            pass  # it is there, or opening it will tell why not
        try:
            self.fd = open_read(self.directory)
            os.fchdir(self.fd)
        except OSError as error:
            die(111, FATAL, "unable to open directory ", self.directory, ": ", error)
        try:
            self.lock = open_append("lock")
            lock_exnb(self.lock)
        except OSError as error:
            die(111, FATAL, "unable to lock directory ", self.directory, ": ", error)

    def _restart(self) -> None:
        """Go on from what the last multilog left behind, finished or not."""
        for act, file, what in restart(self._mode("current"), self._mode("processed")):
            if act == "remove":
                _remove_if_there(file)
            elif act == "keep":
                self._keep(file, what[-1])
            else:
                try:
                    self._open(act, file)
                except OSError as error:
                    verb = {"create": "write to", "append": "append to", "mode": "set mode of"}[act]
                    die(111, FATAL, f"unable to {verb} ", self.directory, f"/{file}: ", error)
        try:
            self.written = os.fstat(self.current).st_size
        except OSError as error:
            die(111, FATAL, "unable to stat ", self.directory, "/current: ", error)

    def _open(self, act: str, file: str) -> None:
        if act == "mode":
            os.fchmod(self.current, 0o644)
        elif file == "state":
            os.close(open_trunc(file))
        else:
            self.current = open_append(file)

    def _mode(self, file: str) -> str:
        """The permissions in octal, as core/rotate.py has them; "" if it is not there."""
        try:
            return f"{os.stat(file).st_mode & 0o777:o}"
        except FileNotFoundError:
            return ""
        except OSError as error:
            die(111, FATAL, "unable to stat ", self.directory, f"/{file}: ", error)

    # WRITING

    def append(self, block: bytes) -> None:
        """Write the block, and put current away each time it is full."""
        start = 0
        while start < len(block):
            if self.written >= self.size:
                self.rotate()
            piece = block[start : cut(block, start, self.written, self.size)]
            count = self._write(piece)
            start += count
            self.written += count
            if ends_well(self.written, self.size, piece[count - 1]):
                self.rotate()

    def _write(self, piece: bytes) -> int:
        """The number of bytes that the system took, at least 1."""
        return insist(
            lambda: os.write(self.current, piece), "unable to write to ", self.directory, "/current"
        )

    def finish(self) -> None:
        """Mark current as finished safely: the next multilog goes on writing to it."""
        where = self.directory
        insist(lambda: os.fsync(self.current), "unable to write ", where, "/current to disk")
        insist(lambda: os.fchmod(self.current, 0o744), "unable to set mode of ", where, "/current")

    # ROTATING

    def rotate(self) -> None:
        """Put current away, begin a new one."""
        where = self.directory
        insist(lambda: os.fchdir(self.fd), "unable to switch to ", where)
        insist(lambda: os.fsync(self.current), "unable to write ", where, "/current to disk")
        _close(self.current)
        insist(
            lambda: os.rename("current", "previous"),
            "unable to rename current to previous in directory ", where,
        )  # fmt: skip
        self.current = insist(
            lambda: open_append("current"), "unable to create ", where, "/current"
        )
        self.written = 0
        insist(lambda: os.fchmod(self.current, 0o644), "unable to set mode of ", where, "/current")
        insist(lambda: os.chmod("previous", 0o744), "unable to set mode of ", where, "/previous")
        if self.processor is None:
            self._keep("previous", "s")
        elif self._process(self.processor):
            self._keep_processed()
        else:
            self._give_up()

    def _keep(self, file: str, code: str) -> None:
        """Make the file an old one, unless it is not there."""
        where = self.directory
        links = insist(lambda: _links(file), "unable to stat ", where, f"/{file}")
        if links == 0:
            return
        if links == 1:  # else an outage came when it had its new name already
            self._link(file, code)
        insist(lambda: os.unlink(file), "unable to remove ", where, f"/{file}")
        names = insist(lambda: os.listdir(b"."), "unable to read ", where)
        for name in surplus(names, self.number):
            try:
                os.unlink(name)
            except FileNotFoundError:
                pass
            except OSError as error:
                warn(WARNING, "unable to remove ", where, b"/", name, ": ", error)

    def _link(self, file: str, code: str) -> None:
        """Give the file its name as an old one: a fresh label each time, so that it is free."""
        while True:
            name = _fresh_label() + b"." + code.encode()
            try:
                return os.link(file, name)
            except OSError as error:
                warn(
                    WARNING, "unable to link to ", self.directory, b"/", name, ", pausing: ", error
                )
            pause(PAUSE_SECONDS)

    # PROCESSING

    def _process(self, processor: bytes) -> bool:
        """Run the processor on previous until it exits 0. False: TERM came before that."""
        where = self.directory
        while True:
            pid = insist(os.fork, "unable to fork for processor in ", where)
            if pid == 0:
                self._become(processor)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if code == 0:
                return True
            if code < 0:
                warn(WARNING, "processor crashed in ", where, f", pausing: signal {-code}")
                self.interrupts.pause(PAUSE_SECONDS, until=signal.SIGTERM)
            warn(WARNING, "processor failed in ", where, ", pausing")
            if self.interrupts.pause(PAUSE_SECONDS, until=signal.SIGTERM):
                return False

    def _become(self, processor: bytes) -> "NoReturn":
        """In the child: the files on descriptors 0, 1, 4 and 5, then the shell."""
        try:
            self.interrupts.restore()
            _move(open_read("previous"), 0)
            _move(open_trunc("processed"), 1)
            _move(open_read("state"), 4)
            _move(open_trunc("newstate"), 5)
            os.execv("/bin/sh", [b"sh", b"-c", processor])
        except OSError as error:
            die(111, FATAL, "unable to run ", processor, ": ", error)

    def _keep_processed(self) -> None:
        """Replace previous by the processor's output, the old state by the new."""
        where = self.directory
        fd = insist(lambda: open_append("processed"), "unable to create ", where, "/processed")
        insist(lambda: os.fsync(fd), "unable to write ", where, "/processed to disk")
        insist(lambda: os.fchmod(fd, 0o744), "unable to set mode of ", where, "/processed")
        _close(fd)
        fd = insist(lambda: open_append("newstate"), "unable to create ", where, "/newstate")
        insist(lambda: os.fsync(fd), "unable to write ", where, "/newstate to disk")
        _close(fd)
        insist(lambda: os.unlink("previous"), "unable to remove ", where, "/previous")
        insist(
            lambda: os.rename("newstate", "state"),
            "unable to rename newstate to state in directory ", where,
        )  # fmt: skip
        self._keep("processed", "s")

    def _give_up(self) -> None:
        """Keep previous as it is, and begin the state anew: what a restart would do."""
        _remove_if_there("processed")
        _remove_if_there("newstate")
        self._keep("previous", "u")
        insist(lambda: _close(open_trunc("state")), "unable to create ", self.directory, "/state")


_last_label = 0  # nanoseconds since 1970


def _fresh_label() -> bytes:
    """A label that this process has not used before, and later than all it has used."""
    global _last_label
    seconds, nanoseconds = now()
    _last_label = max(seconds * 1_000_000_000 + nanoseconds, _last_label + 1)
    return format_tai64n(*divmod(_last_label, 1_000_000_000))


def _links(file: str) -> int:
    """The number of names of the file; 0 if it is not there."""
    try:
        return os.stat(file).st_nlink
    except FileNotFoundError:
        return 0


def _remove_if_there(file: str) -> None:
    try:
        os.unlink(file)
    except OSError:
        pass


def _close(fd: int) -> None:
    """Close; what was written is on disk by fsync, so that nothing can go wrong any more."""
    try:
        os.close(fd)
    except OSError:
        pass


def _move(fd: int, to: int) -> None:
    """Give the descriptor this number, for a program to inherit.

    It is another one: multilog itself holds at least six, each once the lowest free number.
    """
    os.dup2(fd, to)
    os.close(fd)
