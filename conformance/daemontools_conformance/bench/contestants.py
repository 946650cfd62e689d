"""The contestants: the implementations on this machine, and how each does each task.

Only programs that do the same work are compared; if the output differs, `note`
says so in the table.
"""

import argparse
import shutil
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
    log = ["t", SIZE, NUMBER, "./main"]
    selection = ["t", SIZE, NUMBER, *PATTERNS, "./main"]
    local = _djbs(found, "tai64nlocal", []) + _peer("s6-tai64nlocal", [])
    return [
        Task("tai64n", "plain", _djbs(found, "tai64n", []) + _peer("s6-tai64n", [])),
        Task("tai64nlocal", "stamped", local),
        Task("tai64nlocal, TZ set", "stamped", local, environment={"TZ": "Asia/Tokyo"}),
        Task("multilog t", "plain", _djbs(found, "multilog", log) + _loggers(), logs=True),
        Task(
            "multilog t, five patterns",
            "plain",
            _djbs(found, "multilog", selection) + _selecting_loggers(),
            logs=True,
        ),
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


def _loggers() -> list[Contestant]:
    config = f"{SIZE}\n{NUMBER}\n"
    return _peer("s6-log", ["-b", SIZE, NUMBER, "t", "./main"]) + _peer(
        "svlogd", ["-tt", "./main"], "stamps are dates", {"main/config": config}
    )


def _selecting_loggers() -> list[Contestant]:
    # s6-log's patterns are regular expressions and see no stamp; svlogd's are like
    # multilog's and see none.
    regular = [
        "-^[^ ]* debug: ",
        "-^cron: ",
        "+^[^ ]* error: ",
        "-^kernel: info: ",
        "+^sshd: ",
    ]
    unstamped = "\n".join(pattern[0] + pattern[3:] for pattern in PATTERNS)
    config = f"{SIZE}\n{NUMBER}\n{unstamped}\n"
    return _peer(
        "s6-log", ["-b", SIZE, NUMBER, *regular, "t", "./main"], "regular expressions"
    ) + _peer("svlogd", ["-tt", "./main"], "stamps are dates", {"main/config": config})
