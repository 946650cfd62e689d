"""Ask how services are, for other Python programs: what svstat asks, as values.

    >>> from daemontools import services
    >>> for directory in services.find("/service"):              # doctest: +SKIP
    ...     status = services.status(directory)
    ...     print(status.name, status.pid, status.seconds, status.is_as_wanted)

The command `daemontools` is made of this module (companion/). It asks as svstat does: it
opens `supervise/ok`, and then reads `supervise/status`. So it needs the same rights:
only root and the owner of a service may ask, unless somebody has opened
`supervise` to others (docs/howto/status-without-root.md).
"""

import errno
import os
import stat
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daemontools.core import status as status_file
from daemontools.core.tai64 import unpack_tai64n
from daemontools.logs import Line, last_bytes, why_unreadable
from daemontools.unix.messages import error_text
from daemontools.unix.opening import close, open_read, open_write

NOT_RUNNING = "supervise not running"
NEVER_RUN = "unable to open supervise/ok: file does not exist"
_WANTED = {b"u": "up", b"d": "down", b"\0": "once"}
_END_OF_LOG = 65536  # bytes of a log in which its last line is looked for


class Status(NamedTuple):
    """What supervise says of a service; if `problem` is not empty, only that counts."""

    directory: Path
    pid: int = 0  # of ./run; 0 while the service is down
    seconds: int = 0  # since the process id last changed
    is_paused: bool = False
    wanted: str = ""  # "up", "down" or "once"
    is_normally_up: bool = True  # there is no file `down`
    change: bytes = b""  # the label of the last change, TAI64N, 12 bytes
    problem: str = ""  # why there is no status, in svstat's words

    @property
    def name(self) -> str:
        """The name of the service; a logger is called `clock/log`."""
        path = Path(os.path.abspath(self.directory))  # of `.` and of `log`, too
        return f"{path.parent.name}/{path.name}" if path.name == "log" else path.name

    @property
    def age(self) -> float:
        """The seconds since the last change, exactly; `seconds` is what svstat prints."""
        try:
            second, nanosecond = unpack_tai64n(self.change)
        except ValueError:
            return float(self.seconds)
        return time.time() - second - nanosecond / 1e9

    @property
    def is_unknown(self) -> bool:
        """Can the service not be asked? Where no supervise runs, that is an answer."""
        return self.problem not in ("", NOT_RUNNING, NEVER_RUN)

    @property
    def is_as_wanted(self) -> bool:
        """Is the service in the state that was asked for, and not paused?"""
        if self.problem or (self.pid and self.is_paused):
            return False
        return self.wanted == "once" or (self.wanted == "up") == (self.pid != 0)


class Log(NamedTuple):
    """The newest line of a log; both are None if none is found."""

    directory: Path
    line: bytes | None = None  # without its newline, and with its label
    seconds: int | None = None  # since that line, by its label, else by the file's time
    problem: str = ""  # why the log cannot be read, if no line of it can


def find(tree: str | os.PathLike[str]) -> list[Path]:
    """The services of a tree, sorted: what svscan starts, without the loggers. Raises OSError.

    A link to a place that this process may not enter counts: svscan, as root, may enter it.
    """
    names = sorted(name for name in os.listdir(tree) if not name.startswith("."))
    return [path for path in (Path(tree, name) for name in names) if may_be_directory(path)]


def may_be_directory(path: Path) -> bool:
    """Is it a directory, as far as this process is allowed to see?"""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def is_service(directory: str | os.PathLike[str]) -> bool:
    """Has supervise ever run there, or could it?"""
    return any(os.path.lexists(Path(directory, name)) for name in ("run", "supervise"))


def logger(directory: Path) -> Path | None:
    """The service's logger, `directory/log`; None if it has none."""
    return directory / "log" if os.path.isdir(directory / "log") else None


def status(directory: str | os.PathLike[str]) -> Status:
    """The status of one service. Raises nothing: see `problem`."""
    path = Path(directory)
    doing = "unable to chdir"
    try:
        os.stat(os.path.join(path, "."))  # fails if it is not a directory that may be entered
        doing = "unable to stat down"
        is_normally_up = not _exists(path / "down")
        doing = "unable to open supervise/ok"
        close(open_write(path / "supervise/ok"))
        doing = "unable to open supervise/status"
        file = open_read(path / "supervise/status")
        try:
            doing = "unable to read supervise/status"
            content = os.read(file, status_file.SIZE)
        finally:
            close(file)
    except OSError as error:
        if error.errno == errno.ENXIO and doing == "unable to open supervise/ok":
            return Status(path, problem=NOT_RUNNING)
        return Status(path, problem=f"{doing}: {error_text(error.errno or 0)}")
    except ValueError:  # a NUL in the name
        return Status(path, problem=f"{doing}: {error_text(errno.ENOENT)}")
    if len(content) < status_file.SIZE:
        return Status(path, problem="unable to read supervise/status: bad format")
    second, pid, is_paused, want = status_file.unpack(content)
    age = status_file.age(second, int(time.time()))
    wanted = _WANTED.get(want, "once")
    return Status(path, pid, age, is_paused, wanted, is_normally_up, content[:12])


def logs_of(log_service: Path) -> list[Path]:
    """The log directories of a logger: those below it, and those that its multilog was given.

    /proc, where there is one, tells the arguments of a multilog that runs; where it does not,
    `./main` is looked for. A directory that this process may not enter counts.
    """
    found = [current.parent for current in sorted(log_service.glob("*/current"))]
    try:
        words = Path(f"/proc/{status(log_service).pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        words = [b"multilog", b"./main"]
    for word in words[1:]:
        directory = log_service / os.fsdecode(word)
        if word[:1] in (b".", b"/") and _may_exist(directory / "current"):
            found.append(directory)
    return list(dict.fromkeys(Path(os.path.normpath(directory)) for directory in found))


def newest(directory: Path) -> Log:
    """The newest whole line in the last 64 KB of a file, and its age. Raises no OSError."""
    problems: list[str] = []
    for lines, written in _newest_first(directory, problems):
        if lines:
            second, _ = Line(lines[-1]).time or (written, 0)
            return Log(directory, lines[-1], max(int(time.time()) - second, 0))
    return Log(directory, problem=problems[0] if problems else "")


def last_lines(directory: Path, count: int) -> list[bytes]:
    """The last whole lines of a log directory, the newest last. Raises no OSError."""
    lines: list[bytes] = []
    for earlier, _ in _newest_first(directory, []):
        lines = earlier + lines
        if len(lines) >= count:
            break
    return lines[-count:]


def _newest_first(directory: Path, problems: list[str]) -> Iterator[tuple[list[bytes], int]]:
    """The last whole lines of each file of a log, and the second of its last change.

    A file that is renamed meanwhile is found under its next name, so the names are
    listed last; a file that has two names then is read once. `problems` gets the
    reasons why files cannot be read.
    """
    seen = set()
    for name in _names(directory, problems):
        try:
            text, about = last_bytes(directory, name, _END_OF_LOG)
        except FileNotFoundError:
            continue
        except (OSError, EOFError, zlib.error) as error:
            problems.append(why_unreadable(error))
            continue
        if about.st_ino not in seen:
            seen.add(about.st_ino)
            yield text.split(b"\n")[:-1], int(about.st_mtime)


def _names(directory: Path, problems: list[str]) -> Iterator[str]:
    """The names of a log's files, the newest first."""
    yield "current"
    yield "previous"  # the file that is being rotated, or is with a processor
    try:
        yield from sorted((n for n in os.listdir(directory) if n.startswith("@")), reverse=True)
    except OSError as error:
        problems.append(why_unreadable(error))


def _may_exist(path: Path) -> bool:
    """Does it exist, as far as this process is allowed to see?"""
    try:
        return _exists(path)
    except OSError as error:
        return isinstance(error, PermissionError)


def _exists(path: Path) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True
