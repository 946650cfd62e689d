"""The contestants: the implementations on this machine, and how each does each task.

Only programs that do the same work are compared; if the output differs, `note`
says so in the table.
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daemontools_conformance.contract.outcomes import NotOffered
from daemontools_conformance.contract.profiles import ProfileError, find
from daemontools_conformance.running.implementation import Implementation, ProgramMissing, locate

# The largest size that multilog accepts, and enough files to keep every line.
SIZE = "s16777215"
NUMBER = "n100"

# For lines `program: level: words` behind a stamp.
PATTERNS = ["-* * debug: *", "-* cron: *", "+* * error: *", "-* kernel: info: *", "+* sshd: *"]


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names further contestants."""
    parser.add_argument(
        "--implementation",
        action="append",
        default=[],
        help="another profile or folder to measure, besides the reference and djb's",
    )


@dataclass(frozen=True)
class Contestant:
    """One implementation of one task: a command line, run in an empty folder."""

    name: str
    argv: list[str]
    executable: str
    # Files to write into the folder before: name -> content.
    files: dict[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Task:
    """One thing to measure; `input` is "plain" or "stamped", `environment` applies to all."""

    name: str
    input: str
    contestants: list[Contestant]
    environment: dict[str, str] = field(default_factory=dict)
    logs: bool = False  # the output is a log directory, not standard output


def implementations(names: list[str], scratch: Path) -> list[tuple[str, Implementation]]:
    """The implementations with these names or folders that exist on this machine."""
    found = []
    for name in names:
        folder = scratch / Path(name).name
        folder.mkdir()
        try:
            profile = find(name)
            found.append((profile.name, locate(profile, folder)))
        except ProfileError as problem:
            print(f"left out: {problem}")
    return found


def tasks(found: list[tuple[str, Implementation]]) -> list[Task]:
    """All tasks, each with every contestant that can do it. djb's, if present, is the measure."""
    local = _djbs(found, "tai64nlocal", []) + _peer("s6-tai64nlocal", [])
    return [
        Task("tai64n", "plain", _djbs(found, "tai64n", []) + _peer("s6-tai64n", [])),
        Task("tai64nlocal", "stamped", local),
        Task("tai64nlocal, TZ set", "stamped", local, environment={"TZ": "Asia/Tokyo"}),
        logging(found, "multilog t"),
        logging(found, "multilog t, five patterns", patterns=PATTERNS),
    ]


def _djbs(
    found: list[tuple[str, Implementation]], program: str, arguments: list[str]
) -> list[Contestant]:
    """The implementations that offer a program with djb's name."""
    contestants = []
    for name, implementation in found:
        try:
            file, first = implementation.command(program)
        except (NotOffered, ProgramMissing):
            continue
        contestants.append(Contestant(name, [*first, *arguments], file))
    return contestants


def _peer(
    program: str, arguments: list[str], note: str = "", files: dict[str, str] | None = None
) -> list[Contestant]:
    """A program with another name, if it is on PATH."""
    path = shutil.which(program)
    if not path:
        return []
    return [Contestant(program, [program, *arguments], path, files or {}, note)]


def logging(
    found: list[tuple[str, Implementation]],
    name: str,
    size: str = SIZE,
    patterns: Sequence[str] = (),
    directories: Sequence[str] = ("./main",),
) -> Task:
    """Stamp the lines of the plain input, select some, and write them to cyclic logs.

    s6-log's patterns are regular expressions and see no stamp; svlogd's are like
    multilog's and see none.
    """
    own = ["t", size, NUMBER, *patterns, *directories]
    regular = [f"{p[0]}^{p[3:-1].replace('*', '[^ ]*')}" for p in patterns]
    s6 = ["-b", size, NUMBER, *regular, *(word for to in directories for word in ("t", to))]
    config = "\n".join([size, NUMBER, *(p[0] + p[3:] for p in patterns), ""])
    configs = {f"{to}/config": config for to in directories}
    return Task(
        name,
        "plain",
        [
            *_djbs(found, "multilog", own),
            *_peer("s6-log", s6, "regular expressions" if patterns else ""),
            *_peer("svlogd", ["-tt", *directories], "stamps are dates", configs),
        ],
        logs=True,
    )
