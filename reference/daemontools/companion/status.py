"""`daemontools status`: one readable line for each service of a tree.

    $ daemontools status
    clock  up 3 days 2 hours (pid 4711)          log 2 seconds old: tick
    web    up 0 seconds (pid 4823): starts again and again (2 times while looking)

supervise keeps no history. A service or logger that ends at once is seen only by looking at
it for a while: this module looks again and again for LOOK_SECONDS if one of them, not wanted
down, has changed within the last YOUNG_SECONDS.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

from daemontools import services
from daemontools.companion import when
from daemontools.companion.words import duration, printable
from daemontools.logs import Line

DESCRIPTION = """Print a line for each service of a tree, with its logger. Exit code 0: every
service and logger is as wanted; 1: some are not; 100: wrong usage; 111: a tree or a service cannot
be asked."""

YOUNG_SECONDS = 2  # supervise waits one second between two starts
LOOK_SECONDS = 2.2
_PAUSE = 0.05


class Seen(NamedTuple):
    """A service, its logger, its newest line, and how often both were started meanwhile."""

    service: services.Status
    logger: services.Status | None
    log: services.Log | None
    restarts: int
    logger_restarts: int = 0

    @property
    def both(self) -> list[services.Status]:
        """The service, and its logger if it has one."""
        return [self.service, self.logger] if self.logger else [self.service]

    @property
    def is_as_wanted(self) -> bool:
        """Are the service and its logger as wanted, and was neither restarted meanwhile?"""
        is_steady = not self.restarts and not self.logger_restarts
        return is_steady and all(status.is_as_wanted for status in self.both)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_trees(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list")
    form.add_argument("--prometheus", action="store_true", help="print metrics as text")
    parser.add_argument(
        "--look",
        type=when.seconds,
        metavar="SECONDS",
        help="count restarts for so long (default: a moment, if a service has just changed)",
    )


def add_trees(parser: argparse.ArgumentParser) -> None:
    """Add the operands: trees, or services."""
    parser.add_argument(
        "directory",
        nargs="*",
        default=["/service"],
        help="a tree of services, or a service (default: /service)",
    )


def main(options: argparse.Namespace) -> int:
    """Print all services; 0: as wanted, 1: not, 111: one cannot be asked. Raises OSError."""
    seen = look([path for name in options.directory for path in expand(name)], options.look)
    if options.json:
        print(json.dumps([as_data(one) for one in seen], indent=2))
    elif options.prometheus:
        print(as_metrics(seen), end="")
    else:
        is_terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if is_terminal else 0
        for line in as_lines(seen, width, is_coloured=is_terminal and "NO_COLOR" not in os.environ):
            print(line)
    if any(status.is_unknown for one in seen for status in one.both):
        return 111
    return 0 if all(one.is_as_wanted for one in seen) else 1


def expand(name: str) -> list[Path]:
    """The services of a tree, or the service itself. Raises OSError if there is nothing."""
    if services.is_service(name) or not os.path.isdir(name):
        return [Path(name)]
    return services.find(name)


def look(directories: list[Path], seconds: float | None) -> list[Seen]:
    """Look at services and loggers, for `seconds`; None: for a moment, if one has just changed."""
    loggers = {path: services.logger(path) for path in directories}
    everything = [*directories, *filter(None, loggers.values())]
    first = {path: services.status(path) for path in everything}
    changes = {path: [status] for path, status in first.items()}
    watched = [path for path, status in first.items() if seconds or _is_young(status)]
    end = time.monotonic() + (LOOK_SECONDS if seconds is None else seconds)
    while watched and time.monotonic() < end:
        time.sleep(_PAUSE)
        for path in watched:
            status = services.status(path)
            if status.change != changes[path][-1].change:
                changes[path].append(status)
    seen = []
    for path in directories:
        one = Seen(services.status(path), None, None, _restarts(changes[path]))
        if logger := loggers[path]:
            one = one._replace(
                logger=services.status(logger),
                log=_newest(logger),
                logger_restarts=_restarts(changes[logger]),
            )
        seen.append(one)
    return seen


def _is_young(status: services.Status) -> bool:
    return not status.problem and status.wanted != "down" and status.seconds < YOUNG_SECONDS


def _restarts(changes: list[services.Status]) -> int:
    """How often the service was started again, by its statuses, the newest last."""
    ups = sum(1 for status in changes if status.pid)
    downs = sum(1 for status in changes if not status.problem and not status.pid)
    return max(ups, downs, 1) - 1


def _newest(logger: Path) -> services.Log | None:
    """The log with the newest line, of those that the logger writes; else one with a problem."""
    newest = [services.newest(log) for log in services.logs_of(logger)]
    return min(
        newest,
        key=lambda log: (sys.maxsize if log.seconds is None else log.seconds, not log.problem),
        default=None,
    )


def as_lines(seen: list[Seen], width: int, *, is_coloured: bool) -> list[str]:
    """The table for people. `width`: where lines are cut, 0 if nowhere."""
    rows = [
        (printable(one.service.name), in_words(one.service, one.restarts), _log_in_words(one))
        for one in seen
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = []
    for one, row in zip(seen, rows, strict=True):
        line = f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}".rstrip()
        line = line[:width] if width else line
        if is_coloured and not one.is_as_wanted:
            line = f"\x1b[31m{line}\x1b[0m"
        lines.append(line)
    return lines


def in_words(status: services.Status, restarts: int = 0) -> str:
    """The state of one service, in words.

    >>> in_words(services.Status(Path("clock"), 4711, 86, wanted="up"))
    'up 1 minute 26 seconds (pid 4711)'
    >>> in_words(services.Status(Path("clock"), seconds=3, wanted="up"), restarts=2)
    'down 3 seconds, wanted up, normally up: starts again and again (2 times while looking)'
    """
    if status.problem:
        hint = " (only root and its owner may ask)" if "access denied" in status.problem else ""
        return status.problem + hint
    words = ("up " if status.pid else "down ") + duration(status.seconds)
    if status.pid:
        words += f" (pid {status.pid})"
    if status.pid and status.is_paused:
        words += ", paused"
    if status.pid and status.wanted == "down":
        words += ", wanted down"
    if not status.pid and status.wanted == "up":
        words += ", wanted up"
    if (status.pid != 0) != status.is_normally_up:
        words += f", normally {'up' if status.is_normally_up else 'down'}"
    if restarts:
        times = f"{restarts} time{'s' if restarts > 1 else ''}"
        words += f": starts again and again ({times} while looking)"
    return words


def _log_in_words(one: Seen) -> str:
    if not one.logger:
        return ""
    if not one.logger.is_as_wanted or not one.logger.pid or one.logger_restarts:
        return f"log {in_words(one.logger, one.logger_restarts)}"
    if one.log and one.log.problem:
        return f"log up, cannot be read: {one.log.problem}"
    if not one.log or one.log.line is None or one.log.seconds is None:
        return "log up, no line yet"
    return f"log {duration(one.log.seconds)} old: {printable(Line(one.log.line).text)}"


def as_data(one: Seen) -> dict[str, object]:
    """One service for `--json`. The keys: docs/man/daemontools.md."""

    def of(status: services.Status) -> dict[str, object]:
        if status.problem:
            return {"directory": os.fspath(status.directory), "problem": status.problem}
        return {
            "directory": os.fspath(status.directory),
            "problem": None,
            "up": status.pid != 0,
            "pid": status.pid or None,
            "seconds": status.seconds,
            "paused": status.is_paused,
            "wanted": status.wanted,
            "normally_up": status.is_normally_up,
        }

    log = one.log
    return {
        "name": one.service.name,
        **of(one.service),
        "as_wanted": one.is_as_wanted,
        "restarts": one.restarts,
        "logger": {**of(one.logger), "restarts": one.logger_restarts} if one.logger else None,
        "log": {
            "directory": os.fspath(log.directory),
            "seconds": log.seconds,
            "line": None if log.line is None else log.line.decode(errors="backslashreplace"),
            "problem": log.problem or None,
        }
        if log
        else None,
    }


METRICS = {
    "supervised": "1 if a supervise runs in the directory and can be asked.",
    "up": "1 if supervise says that the process of the service exists.",
    "as_wanted": "1 if service and logger are up or down as wanted, not paused and not restarted.",
    "paused": "1 if svc -p has stopped the process, and neither svc -c nor -d continued it.",
    "state_seconds": "Seconds since the process id last changed.",
    "restarts": "Restarts that were seen while the status was taken.",
    "logger_up": "1 if supervise says that the process of the logger exists.",
    "logger_restarts": "Restarts of the logger that were seen while the status was taken.",
    "log_readable": "0 if no line of the log can be read and a file cannot be opened, else 1.",
    "log_age_seconds": "Seconds since the newest line of the log.",
}


def as_metrics(seen: list[Seen]) -> str:
    """The same in Prometheus' text format; a metric without a value is left out."""
    text = ""
    for metric, meaning in METRICS.items():
        text += f"# HELP daemontools_{metric} {meaning}\n# TYPE daemontools_{metric} gauge\n"
        for one in seen:
            value = _value(one, metric)
            if value is not None:
                text += f'daemontools_{metric}{{service="{_escaped(one)}"}} {int(value)}\n'
    return text


def _value(one: Seen, metric: str) -> int | None:
    known = not one.service.problem
    match metric:
        case "supervised":
            return known
        case "as_wanted":
            return one.is_as_wanted
        case "restarts":
            return one.restarts
        case "logger_up":
            return one.logger.pid != 0 if one.logger else None
        case "logger_restarts":
            return one.logger_restarts if one.logger else None
        case "log_readable":
            return not one.log.problem if one.log else None
        case "log_age_seconds":
            return one.log.seconds if one.log else None
        case "up":
            return one.service.pid != 0
        case "paused":
            return one.service.is_paused if known else None
        case _:
            return one.service.seconds if known else None


def _escaped(one: Seen) -> str:
    path = os.fsencode(one.service.directory).decode(errors="backslashreplace")
    return path.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
