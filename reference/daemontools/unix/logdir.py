"""A cyclic log on disk: the directory that multilog writes to.

core/rotate.py says what the files are and lists the steps; this module carries them out. Before
multilog reads its first line, a step that fails ends the program (111), except that a file which
must be kept is tried again, and one that is only dropped may stay. From then on multilog warns
and tries the step again every five seconds until it succeeds: its lines exist nowhere else.

In two cases 0.76 waits for ever and this program does not. If an old file cannot be
removed, multilog says so and leaves it in place. If a processor keeps failing or cannot
be run, multilog still obeys TERM: it keeps the file unprocessed, as after an outage.
Clauses: multilog/rotate/..., multilog/restart/..., multilog/processor/...
"""

import _signal as signal
import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.core.rotate import (
    FORGET,
    FULL,
    GIVE_UP,
    GO_ON,
    KEEP,
    PROCESSED,
    PROCESSOR,
    QUIT,
    cut,
    ends_well,
    keep,
    recovery,
    surplus,
)
from daemontools.core.tai64 import format_tai64n
from daemontools.unix.clock import now, pause
from daemontools.unix.forking import fork
from daemontools.unix.lock import lock_exnb
from daemontools.unix.messages import die, warn
from daemontools.unix.opening import close, open_append, open_read, open_trunc
from daemontools.unix.start import die_of_writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from daemontools.core.rotate import Step
    from daemontools.unix.interrupts import Interrupts

    Answer = TypeVar("Answer")

FATAL = "multilog: fatal: "
WARNING = "multilog: warning: "
PAUSE_SECONDS = 5


# The message for a step that fails. At the start one message is different.
TROUBLE = {
    "create": "unable to create DIR/FILE",
    "empty": "unable to write to DIR/FILE",
    "append": "unable to append to DIR/FILE",
    "sync": "unable to write DIR/FILE to disk",
    "mark": "unable to set mode of DIR/FILE",
    "unmark": "unable to set mode of DIR/FILE",
    "rename": "unable to rename FILE to NAME in directory DIR",
    "remove": "unable to remove DIR/FILE",
}
TROUBLE_AT_START = {**TROUBLE, "create": "unable to write to DIR/FILE"}
MARKED, UNMARKED = 0o744, 0o644


def insist(action: "Callable[[], Answer]", *complaint: bytes | str) -> "Answer":
    """Call `action` until it succeeds, and return its result. After each failure: warn, pause."""
    while True:
        try:
            try:
                return action()
            except (OSError, MemoryError) as error:
                warn(WARNING, *complaint, ", pausing: ", _reason(error))
            pause(PAUSE_SECONDS)
        except MemoryError:
            pass  # not even enough to say so, or to pause


def _reason(error: OSError | MemoryError) -> OSError:
    """The error as an OSError: lack of memory becomes ENOMEM."""
    return error if isinstance(error, OSError) else OSError(errno.ENOMEM, "")


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
        """Open `directory`, whose name is relative to the open directory `start`."""
        self.directory = directory
        self.size = size  # largest file, bytes
        self.number = number  # after a rotation there are fewer old files than this
        self.processor = processor
        self.interrupts = interrupts
        self.files: dict[str, int] = {}  # the files that were opened: name -> descriptor
        self.written = 0  # bytes in current
        # What must still be done, so that it can go on after a want of memory.
        self.block, self.start = b"", 0  # the block to be written, and where its rest begins
        self.steps: list[Step] = []  # of a rotation
        self.done = 0  # how many of them
        self.child = 0  # the process id of the processor, while it runs
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
            pass  # it exists already; if not, opening it reports why
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
        if self._is_marked("current"):
            self._begin(GO_ON)
        else:
            self._begin(FORGET)
            self._begin(recovery(is_processed=self._is_marked("processed")))
        try:
            self.written = os.fstat(self.files["current"]).st_size
        except OSError as error:
            die(111, FATAL, "unable to stat ", self.directory, "/current: ", error)

    def _begin(self, steps: "list[Step]") -> None:
        """Carry the steps out before anything has been read: an error is fatal.

        Only `keep` is tried again: the lines of an earlier multilog depend on it.
        """
        for step in steps:
            try:
                self._do(step)
            except OSError as error:
                die(111, FATAL, *self._complaint(step, TROUBLE_AT_START), ": ", error)

    def _is_marked(self, file: str) -> bool:
        """Does the file exist, and does it have the owner's x bit?"""
        try:
            return bool(os.stat(file).st_mode & 0o100)
        except FileNotFoundError:
            return False
        except OSError as error:
            die(111, FATAL, "unable to stat ", self.directory, f"/{file}: ", error)

    # WRITING

    def recover(self) -> None:
        """Find out how much of `block` is in `current`, after memory ran out during a write."""
        if not self.steps:
            grown = os.fstat(self.files["current"]).st_size - self.written
            grown = max(min(grown, len(self.block) - self.start), 0)
            start, written = self.start + grown, self.written + grown
            self.start, self.written = start, written

    def write(self) -> None:
        """Write `block`, or what is left of it; put `current` away each time it is full.

        If memory runs out, call `recover` and `write` again.
        """
        self._finish_rotation()
        view = memoryview(self.block)
        while self.start < len(view):
            if self.written >= self.size:
                self.rotate()
            piece = view[self.start : cut(self.block, self.start, self.written, self.size)]
            count = self._write(piece)
            start, written = self.start + count, self.written + count
            self.start, self.written = start, written  # takes no memory: both or neither
            if ends_well(written, self.size, self.block[start - 1]):
                self.rotate()
        self.block, self.start = b"", 0

    def _write(self, piece: memoryview) -> int:
        """Write to `current`, and return how many bytes the system took, at least 1."""
        current = self.files["current"]
        return insist(
            lambda: os.write(current, piece), "unable to write to ", self.directory, "/current"
        )

    def finish(self) -> None:
        """Mark `current` as finished safely: the next multilog goes on writing to it."""
        self._carry_out(QUIT)

    # ROTATING

    def rotate(self) -> None:
        """Put `current` away, and begin a new one; or finish a rotation that has begun."""
        if not self.steps:
            self.steps, self.done = FULL, 0
        self._finish_rotation()

    def _finish_rotation(self) -> None:
        """Carry out the steps that are left. None changes anything if it is carried out twice."""
        if self.steps:
            insist(lambda: os.fchdir(self.fd), "unable to switch to ", self.directory)
        while self.steps:
            while self.done < len(self.steps):
                self._insist_on(self.steps[self.done])
                self.done += 1
            following = self._after_full() if self.steps is FULL else []
            self.steps, self.done = following, 0

    def _after_full(self) -> "list[Step]":
        """The steps that follow FULL, when the processor, if there is one, has run."""
        self.written = 0
        if self.processor is None:
            return KEEP
        return PROCESSED if self._process(self.processor) else GIVE_UP

    def _carry_out(self, steps: "list[Step]") -> None:
        """Carry the steps out, each until it succeeds."""
        for step in steps:
            self._insist_on(step)

    def _insist_on(self, step: "Step") -> None:
        insist(lambda: self._do(step), *self._complaint(step, TROUBLE))

    def _do(self, step: "Step") -> None:
        """Carry out one step. Raises OSError."""
        act, file, name = step
        if act == "keep":
            self._keep(file, name)
        elif act == "link":
            self._link(file, name[-1])
        elif act in ("create", "append"):
            self.files[file] = open_append(file)
        elif act == "empty":
            close(open_trunc(file))
        elif act == "sync":
            os.fsync(self.files[file])
        elif act in ("mark", "unmark"):
            os.chmod(self.files.get(file, file), MARKED if act == "mark" else UNMARKED)
        elif act == "close":
            close(self.files[file])
        elif act == "rename":
            os.rename(file, name)
        elif act == "remove":
            os.unlink(file)
        elif act == "discard":
            _remove_if_there(file)

    def _complaint(self, step: "Step", trouble: dict[str, str]) -> tuple[bytes | str, ...]:
        """The message if the step fails; for a step that cannot fail, only the directory."""
        act, file, name = step
        text = trouble.get(act, "").replace("FILE", file).replace("NAME", name)
        before, _, after = text.partition("DIR")
        return before, self.directory, after

    def _keep(self, file: str, name: str) -> None:
        """If the file exists, make it an old file; then remove the oldest that are too many."""
        where = self.directory
        names = insist(lambda: _names(file), "unable to stat ", where, f"/{file}")
        if names is None:
            return
        self._carry_out(keep(file, name, names))
        too_many = insist(lambda: surplus(os.listdir(b"."), self.number), "unable to read ", where)
        for old in too_many:
            try:
                os.unlink(old)
            except FileNotFoundError:
                pass
            except OSError as error:
                warn(WARNING, "unable to remove ", where, b"/", old, ": ", error)

    def _link(self, file: str, code: str) -> None:
        """Link the file to the name of an old file. Each attempt takes a fresh, unused label."""
        while True:
            name = _fresh_label() + b"." + code.encode()
            try:
                return os.link(file, name)
            except (OSError, MemoryError) as error:
                what = "unable to link to ", self.directory, b"/", name
                warn(WARNING, *what, ", pausing: ", _reason(error))
            pause(PAUSE_SECONDS)

    # PROCESSING

    def _process(self, processor: bytes) -> bool:
        """Run the processor on `previous` until it exits 0. Return False if TERM comes first."""
        where = self.directory
        complaint = (FATAL, "unable to run ", processor, ": ")
        while True:
            try:
                self.child = self.child or fork(complaint, self._become, processor)
            except (OSError, MemoryError) as error:
                what = "unable to fork for processor in ", where
                warn(WARNING, *what, ", pausing: ", _reason(error))
                if self._pause_is_cut_short():
                    return False
                continue
            if self._succeeds():
                return True
            warn(WARNING, "processor failed in ", where, ", pausing")
            if self._pause_is_cut_short() and not self.child:
                return False

    def _succeeds(self) -> bool:
        """Wait for the processor, and return whether it exited 0.

        If it was killed, or wait fails, pause first.
        """
        where = self.directory
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        except (OSError, MemoryError) as error:
            self.child = 0 if isinstance(error, OSError) else self.child
            warn(WARNING, "wait failed for processor in ", where, ", pausing: ", _reason(error))
            self._pause_is_cut_short()
            return False
        self.child = 0
        if code < 0:
            warn(WARNING, "processor crashed in ", where, f", pausing: signal {-code}")
            self._pause_is_cut_short()
        return code == 0

    def _pause_is_cut_short(self) -> bool:
        """Pause; return True at once if TERM has come or comes."""
        return self.interrupts.pause(PAUSE_SECONDS, until=signal.SIGTERM)

    def _become(self, processor: bytes) -> None:
        """In the child: open the processor's files, and execute the shell. Raises OSError."""
        self.interrupts.restore()
        die_of_writing()
        for act, file, number in PROCESSOR:
            _move(open_read(file) if act == "read" else open_trunc(file), int(number))
        os.execv("/bin/sh", [b"sh", b"-c", processor])


_last_label = -(2**62 + 10) * 1_000_000_000  # nanoseconds since 1970: the first label there is


def _fresh_label() -> bytes:
    """The time as a label, or the next label if this process has already used a later one."""
    global _last_label
    seconds, nanoseconds = now()
    _last_label = max(seconds * 1_000_000_000 + nanoseconds, _last_label + 1)
    return format_tai64n(*divmod(_last_label, 1_000_000_000))


def _names(file: str) -> int | None:
    """The number of names (links) of the file; None if it does not exist."""
    try:
        return os.stat(file).st_nlink
    except FileNotFoundError:
        return None


def _remove_if_there(file: str) -> None:
    try:
        os.unlink(file)
    except OSError:
        pass


def _move(fd: int, to: int) -> None:
    """Give the descriptor `fd` the number `to`, for a program to inherit.

    In the usual case the two differ: multilog holds 0 to 2, 4 and 5, and `fd` is 3 or above 5.
    """
    os.dup2(fd, to)
    close(fd)
