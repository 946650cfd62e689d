"""multilog: read lines, write the selected ones to logs that rotate by themselves.

    multilog SCRIPT...

Each argument is an action, carried out in order for each line; core/script.py
has the language. The usual log of a service is

    multilog t ./main

Exit code 0: end of input (a read error counts as one), or TERM. 111: it could not start;
nothing was read.

Everything that the worst block of input can need is allocated before the first read.
After that an error of the system, lack of memory included, loses no line: multilog warns,
pauses five seconds and tries again. KILL loses at most the last block and the line held
back before it. An alert that nobody can read ends multilog when the block is in the logs,
but for a line held back. ALRM puts each `current` that is not empty away at once. TERM ends
multilog at the end of the line that is being read. It takes no input beyond that: the next
multilog on the pipe goes on there.

TERM and ALRM are blocked except while multilog waits for input, or pauses because a processor
has failed (unix/interrupts.py). What has been read is in the files before the next read; only a
line that has neither ended nor reached 1000 characters is held back. After TERM, with such a line,
input is read one byte at a time, so that no byte of the next line is taken.

Contract: conformance/spec/multilog.md. Manual: http://cr.yp.to/daemontools/multilog.html
"""

import _signal as signal  # `signal` takes 5 ms more (docs/explain/shape.md)
import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.core.script import parse
from daemontools.core.tai64 import format_tai64n
from daemontools.fast.lines import Selection
from daemontools.unix.clock import now, pause
from daemontools.unix.interrupts import Interrupts
from daemontools.unix.logdir import PAUSE_SECONDS, WARNING, LogDirectory, insist
from daemontools.unix.messages import die, warn
from daemontools.unix.opening import close, open_append, open_read, open_write
from daemontools.unix.streams import affordable, read_block, write_all
from daemontools.unix.title import set_title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from daemontools.core.lines import Output

FATAL = "multilog: fatal: "
SEEK_SET = 0  # from the beginning
STANDARD_ERROR = 2
MOST_BLOCK_BYTES = 16384  # KILL can lose one; twice as much saves at most 30 % of the time


def main(argv: list[bytes]) -> int:
    """Carry out the script argv[1:] until the end of input or TERM."""
    # ARGUMENTS
    is_stamped, actions, directories = parse(argv[1:])
    set_title([b"multilog", *argv[1:]])

    # RESOURCES
    selection = Selection(actions, is_stamped=is_stamped)
    block_bytes = affordable(MOST_BLOCK_BYTES, selection.memory_per_byte())
    os.umask(0o022)
    start, interrupts = _open_start(), _interrupts()
    names = [name for kind, name in actions if kind == b"="]
    statuses = [(name, _open_status(name)) for name in names]
    logs = [
        LogDirectory(directory, size, number, processor, start, interrupts)
        for directory, size, number, processor in directories
    ]
    if start > STANDARD_ERROR:  # else a new `current` could get its number, and the alerts
        close(start)  # a rotation needs one free descriptor
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # it would kill what holds lines

    # LOOP
    work = Work(selection, interrupts, statuses, logs, block_bytes)
    while not work.is_over:
        try:
            insist(work.go_on, "unable to go on")
        except MemoryError:
            pass  # not even enough to call it
    return 0


def _open_start() -> int:
    """The directory in which multilog was started: names of logs are relative to it."""
    try:
        return open_read(".")
    except OSError as error:
        die(111, FATAL, "unable to switch to current directory: ", error)


def _interrupts() -> Interrupts:
    """Catch TERM and ALRM from now on."""
    try:
        interrupts = Interrupts(signal.SIGTERM, signal.SIGALRM)
    except OSError as error:
        die(111, FATAL, "unable to create pipe: ", error)
    # If a parent left CHLD ignored, wait would not say how a processor ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return interrupts


def _open_status(file: bytes) -> int:
    """Create the status file if it does not exist, and open it for writing."""
    try:
        close(open_append(file))
    except OSError as error:
        die(111, FATAL, "unable to create ", file, ": ", error)
    try:
        return open_write(file)
    except OSError as error:
        die(111, FATAL, "unable to write ", file, ": ", error)


class Work:
    """What multilog does until the end, in steps that can be repeated if memory runs out.

    What has been read is in `block` until it has been judged. Then what it leads to is in
    `output`, until a log has taken it. A step changes these at its end only.
    """

    def __init__(
        self,
        selection: Selection,
        interrupts: Interrupts,
        statuses: list[tuple[bytes, int]],
        logs: list[LogDirectory],
        block_bytes: int,
    ) -> None:
        self.selection, self.interrupts, self.statuses = selection, interrupts, statuses
        self.logs, self.block_bytes = logs, block_bytes
        self.block, self.start, self.size = b"", 0, block_bytes
        self.output: Output | None = None
        self.ends_line = True  # does what has been judged end with a newline?
        self.is_rotating = False  # has ALRM come?
        self.is_unheard = False  # has standard error lost its reader?
        self.has_ended = False  # has the input?
        self.is_over = False

    def go_on(self) -> None:
        """Take the next step. After OSError or MemoryError it must be called again."""
        arrived = self.interrupts.arrived
        if self.output:
            self._write(self.output)
            self.output = None
        elif self.block:
            self._judge()
        elif self.has_ended:
            for log in self.logs:
                log.finish()
            self.is_over = True
        elif self.is_rotating:
            self._rotate()
        elif signal.SIGALRM in arrived:
            self.is_rotating = True
            arrived.remove(signal.SIGALRM)
        elif signal.SIGTERM in arrived and self.ends_line:
            self.has_ended = True
        elif insist(lambda: self.interrupts.wait(fd=0), "unable to wait for input"):
            self._read(1 if signal.SIGTERM in arrived else self.block_bytes)

    def _read(self, count: int) -> None:
        """Read up to `count` bytes; an error counts as the end of input."""
        self.size = self.block_bytes
        try:
            self.block = read_block(0, count, lambda: _pause("read input"))
        except OSError:
            self.block = b""
        if not self.block:
            self.output = self.selection.end()
            self.has_ended = True

    def _judge(self) -> None:
        """Judge the block, or as much of it as there is memory for."""
        start, size = self.start, self.size
        try:
            piece = self.block[start : start + size]
            end = start + len(piece)
            ends_line, is_last = piece.endswith(b"\n"), end == len(self.block)
            label = format_tai64n(*now()) if self.selection.is_stamped else b""
            output = self.selection.feed(piece, label)
        except (MemoryError, SystemError):  # `re` may raise either if memory is short
            if size == 1:
                _pause("judge a line")
            self.size = max(min(size, len(self.block) - start) // 2, 1)
            return
        # Nothing here takes memory: all of this is noted, or nothing.
        self.output, self.ends_line = output, ends_line
        if is_last:
            self.block, self.start = b"", 0
        else:
            self.start = end

    def _rotate(self) -> None:
        """ALRM has come: put each `current` away, unless it is empty."""
        for log in self.logs:
            if log.steps or log.written > 0:
                log.rotate()
        self.is_rotating = False

    def _write(self, output: "Output") -> None:
        """Carry out what the lines lead to. Only an alert that cannot be written is lost."""
        if output.alerts:
            alerts, output.alerts = output.alerts, b""
            self.is_unheard = _print(alerts)
        for index, content in output.statuses.items():
            _replace(*self.statuses[index], content)
        for place, log in enumerate(self.logs):
            if log.block or log.steps:  # memory has run out meanwhile
                log.recover()
                log.write()
            log.block, output.logs[place] = output.logs[place], b""
            log.write()
        if self.is_unheard:  # SIGPIPE kills 0.76 at the alert; now it costs no line
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGPIPE)


def _pause(action: str) -> None:
    """There is no memory even for the smallest piece of input: warn, and wait."""
    warn(WARNING, "unable to ", action, ", pausing: out of memory")
    pause(PAUSE_SECONDS)


def _print(alerts: bytes) -> bool:
    """Print the alerts, or drop them. Return whether standard error has lost its reader."""
    try:
        write_all(2, alerts)
    except (OSError, MemoryError) as error:
        return isinstance(error, BrokenPipeError)
    return False


def _replace(file: bytes, fd: int, content: bytes) -> None:
    """Overwrite the beginning of a status file, which is never truncated."""

    def write() -> None:
        insist(lambda: os.lseek(fd, 0, SEEK_SET), "unable to move to beginning of ", file)
        if os.write(fd, content) < len(content):
            raise OSError(errno.ENOSPC, "")  # the likeliest reason for a short write

    insist(write, "unable to write ", file)
