"""`daemontools logs`: the lines of one log or of many, merged by their labels.

    daemontools logs --local --since 10m /service/web /service/db

Each argument is a service, a logger, or a directory of multilog. Lines of one log keep
their order; a line without a label takes the time of the line before it. With
`--follow` the lines that come in one look are merged, so a log that is written late is
shown late. How a rotation is followed, and which lines it can cost: daemontools/logs.py.
"""

import argparse
import heapq
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from daemontools import logs, services
from daemontools.companion import when
from daemontools.companion.words import printable
from daemontools.core.local import date_of
from daemontools.core.tai64 import TAI64N_TEXT
from daemontools.unix.localtime import local_time

DESCRIPTION = """Print the lines of logs, rotated files included, merged by their labels. Exit code
0: all lines were shown; 1: part of a log could not be read; 100: wrong usage; 111: nothing can be
read."""

Time = tuple[int, int]  # Unix seconds and nanoseconds
_BEFORE_ALL = (-(2**62), 0)

NO_LOG = "not a service with a log, and not a directory of multilog"
_OF_MULTILOG = ("current", "previous", "lock", "state")
_OF_SUPERVISE = ("supervise", "env")  # folders of a logger that are not logs


class Entry(NamedTuple):
    """A line, with the time that decides its place and the name of its log."""

    time: Time
    log: int  # the place of its log on the command line
    line: logs.Line


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("directory", nargs="+", help="a service, a logger, or a log directory")
    parser.add_argument("--follow", action="store_true", help="wait for more lines, for ever")
    parser.add_argument(
        "--new", action="store_true", help="with --follow: only lines that come later"
    )
    dates = parser.add_mutually_exclusive_group()
    dates.add_argument("--local", action="store_true", help="print local dates in place of labels")
    dates.add_argument("--utc", action="store_true", help="print dates in UTC in place of labels")
    times = "a label, a date (2026-11-25 12:00:00, local), a time of today (12:00), or 10m ago"
    parser.add_argument(
        "--since", type=when.parse, metavar="TIME", help=f"leave out before: {times}"
    )
    parser.add_argument("--until", type=when.parse, metavar="TIME", help="leave out from then on")
    parser.add_argument(
        "--grep", type=pattern, metavar="REGEX", help="print only lines in which this is found"
    )


def pattern(text: str) -> re.Pattern[bytes]:
    """A regular expression on bytes. Raises argparse.ArgumentTypeError."""
    try:
        return re.compile(os.fsencode(text))
    except re.error as error:
        raise argparse.ArgumentTypeError(f"not a regular expression: {error}") from error


def main(options: argparse.Namespace) -> int:
    """Print the lines; 1 if part of a log could not be shown. Raises OSError."""
    # Like any filter: no traceback when the reader leaves or somebody presses Ctrl-C.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    complaints: list[str] = []

    def complain(text: str) -> None:
        complaints.append(text)
        print(f"daemontools logs: {printable(text)}", file=sys.stderr)

    found = [directories(name, follow=options.follow) for name in options.directory]
    for name, several in zip(options.directory, found, strict=True):
        if not several:
            print(f"daemontools logs: fatal: {printable(name)}: {NO_LOG}", file=sys.stderr)
    if not all(found):
        return 111
    names = [name for name, several in zip(options.directory, found, strict=True) for _ in several]
    paths = [path for several in found for path in several]
    prefixes = [b""] if len(paths) == 1 else [printable(n).encode() + b": " for n in _short(names)]
    if options.follow:
        entries = follow(paths, new=options.new, complain=complain)
    elif options.new:
        return 0
    else:
        entries = merged(paths, complain)
    show = _date(options)
    for entry in chosen(entries, options.since, options.until, options.grep):
        sys.stdout.buffer.write(prefixes[entry.log] + show(entry.line) + b"\n")
        if options.follow:
            sys.stdout.buffer.flush()
    return 1 if complaints else 0


def directories(name: str, *, follow: bool) -> list[Path]:
    """The log directories that a word of the command line means; none if there is no log.

    `follow`: what does not exist yet, or is empty, may become a log. Raises OSError.
    """
    path = Path(name)
    logger = services.logger(path) or path
    if services.is_service(logger):
        if found := services.logs_of(logger):
            return found
        path = logger / "main"
    try:
        files = os.listdir(path)
    except FileNotFoundError:
        if follow:
            return [path]
        if not services.is_service(logger):
            raise
        files = ["run"]
    is_log = any(file in _OF_MULTILOG or file.startswith("@") for file in files)
    if is_log or (follow and not files):
        return [path]
    _enter_all(Path(name), logger)
    return []


def _enter_all(service: Path, logger: Path) -> None:
    """Look into each folder that may be a log. Raises OSError where that is not allowed.

    Only somebody who was allowed to look may be told that there is no log.
    """
    os.stat(service / ".")
    for inner in os.scandir(logger):
        if inner.name not in _OF_SUPERVISE and inner.is_dir():
            os.listdir(inner)
            os.stat(Path(inner) / ".")


def _short(names: list[str]) -> list[str]:
    """The shortest names that still tell the logs apart: the last part, if that is enough."""
    last = [os.path.basename(os.path.normpath(name)) for name in names]
    return last if len(set(last)) == len(set(names)) else names


def merged(paths: list[Path], complain: Callable[[str], None]) -> Iterator[Entry]:
    """All lines that are there, by time. Raises OSError if a directory cannot be read."""
    each = (_timed(n, logs.lines(path, complain=complain)) for n, path in enumerate(paths))
    return heapq.merge(*each, key=lambda entry: entry.time)


def follow(paths: list[Path], *, new: bool, complain: Callable[[str], None]) -> Iterator[Entry]:
    """Lines that are there, and then those that come, for ever. Raises OSError."""
    looks = [logs.looks(path, new=new, complain=complain) for path in paths]
    last = [_BEFORE_ALL for _ in paths]
    while True:
        entries: list[Entry] = []
        for number, look in enumerate(looks):
            came = list(_timed(number, next(look), last[number]))
            entries += came
            last[number] = came[-1].time if came else last[number]
        yield from sorted(entries, key=lambda entry: entry.time)
        if not entries:
            time.sleep(logs.LOOK_SECONDS)


def _timed(log: int, lines: Iterable[logs.Line], last: Time = _BEFORE_ALL) -> Iterator[Entry]:
    for line in lines:
        last = line.time or last
        yield Entry(last, log, line)


def chosen(
    entries: Iterable[Entry],
    since: Time | None,
    until: Time | None,
    expression: re.Pattern[bytes] | None,
) -> Iterator[Entry]:
    """The entries in the period, in whose text the expression is found."""
    for entry in entries:
        if (since and entry.time < since) or (until and entry.time >= until):
            continue
        if not expression or expression.search(entry.line.text):
            yield entry


def _date(options: argparse.Namespace) -> Callable[[logs.Line], bytes]:
    """How a line is shown: as it is, or with a date."""
    if not (options.local or options.utc):
        return lambda line: line.raw
    calendar = local_time if options.local else _utc

    def show(line: logs.Line) -> bytes:
        try:
            date = date_of(line.raw[1:TAI64N_TEXT], calendar) if line.time else b""
        except (OverflowError, OSError):  # the calendar does not have this year
            return line.raw
        return date + line.raw[TAI64N_TEXT if line.time else 0 :]

    return show


def _utc(second: int) -> tuple[int, ...]:
    return time.gmtime(second)[:6]
