"""A power cut: every state of a log directory that it can leave behind, and a restart on each.

strace records the calls of a whole run. They are played again on a disk that makes
only these promises, as a journaling file system does:

* names, modes and sizes set by opening (create, empty, rename, link, unlink, chmod)
  reach the disk in the order in which they were made, up to the cut;
* the data of a file are certain only up to its last fsync. Later data are there
  whole, or not at all, or cut short: by one byte, by half, or to one byte,
  independently for each file;
* data written after a change of a name or a mode do not reach the disk before it.

Each state that differs from all earlier ones is one trial: a multilog is started on
it, and must keep what 0.76 promises.
"""

import ast
import itertools
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from daemontools_conformance.helpers.logdirs import lines, mode, old_files
from daemontools_conformance.helpers.strace import (
    CHANGES,
    change_in,
    fed,
    files_of_log,
    under_strace,
)
from daemontools_conformance.running.sandbox import PIPE, Sandbox

Event = tuple[str, ...]  # ("write", file, length), ("rename", file, name) ...

_WRITE = re.compile(r'^(?:\d+ +)?write\(\d+<[^>]*/([^>/]+)>, ("(?:[^"\\]|\\.)*"), \d+\) += (\d+)')
LABEL_OF_1999 = "@4000000037c219bf"
AFTER = b"after\n"  # what the restart logs


@dataclass
class File:
    """A file on disk, whatever its names."""

    content: bytes
    mode: int
    synced: int = 0  # the number of its bytes that are certain

    def fates(self) -> list[bytes]:
        """The contents that a cut can leave."""
        certain, more = self.content[: self.synced], self.content[self.synced :]
        lengths = {0, 1, len(more) // 2, len(more) - 1, len(more)} if more else {0}
        return [certain + more[:length] for length in sorted(lengths)]


@dataclass
class Disk:
    """A log directory: names of files, and what is known about their contents."""

    names: dict[str, File] = field(default_factory=dict)
    certain: set[bytes] = field(default_factory=set)  # lines that have been synced
    finished: set[bytes] = field(default_factory=set)  # contents, whole and synced; lower case
    links: int = 0

    def hold(self, name: str, content: bytes, octal: str) -> None:
        """Add a file that was on disk before the run."""
        self.names[name] = File(content, int(octal, 8))
        self.sync(name)

    def sync(self, name: str) -> None:
        """Note that the whole file is on disk from now on."""
        file = self.names[name]
        file.synced = len(file.content)
        self.certain |= numbered(file.content)
        self.finished.add(file.content.lower())

    def happens(self, event: Event, data: bytes) -> None:
        """Play one recorded call; `data` is what a write has written."""
        act, name, *rest = event
        if act == "create":
            self.names.setdefault(name, File(b"", int(rest[0], 8)))
        elif act == "empty":
            file = self.names[name]
            file.content, file.synced = b"", 0
        elif act == "write":
            self.names[name].content += data
        elif act == "sync":
            self.sync(name)
        elif act == "mode":
            self.names[name].mode = int(rest[0], 8)
        elif act == "rename":
            self.names[rest[0]] = self.names.pop(name)
        elif act == "link":
            self.links += 1
            old = f"{LABEL_OF_1999}{self.links:08x}{rest[0].removeprefix('@')}"
            self.names[old] = self.names[name]
        elif act == "remove":
            del self.names[name]


@dataclass(frozen=True)
class Left:
    """What one cut has left: the disk before it, and the content that each file kept."""

    disk: Disk
    contents: dict[str, bytes]

    def key(self) -> tuple[tuple[str, int, bytes, int], ...]:
        """Each file's name, mode, content and number. Equal keys mean equal directories."""
        seen: list[int] = []
        rows = []
        for name, file in sorted(self.disk.names.items()):
            if id(file) not in seen:
                seen.append(id(file))
            rows.append((name, file.mode, self.contents[name], seen.index(id(file))))
        return tuple(rows)

    def __str__(self) -> str:
        rows = [f"{name} {m:o} {len(content)} bytes" for name, m, content, _ in self.key()]
        return ", ".join(rows)

    def build(self, log: Path) -> None:
        """Create it as a real directory."""
        log.mkdir(mode=0o700)
        made: dict[int, Path] = {}
        for name, file in self.disk.names.items():
            if id(file) in made:
                os.link(made[id(file)], log / name)
                continue
            made[id(file)] = log / name
            (log / name).write_bytes(self.contents[name])
            (log / name).chmod(file.mode)

    def broken(self, log: Path) -> list[str]:
        """The promises that a restart on it has broken, once the line AFTER was logged."""
        found = [(f.name[-1], f.read_bytes().lower()) for f in old_files(log)]
        current = (log / "current").read_bytes().lower()
        begun = current.removesuffix(AFTER)
        all_lines = [line for _, text in [*found, ("", begun)] for line in in_order(text)]
        rules = {
            "lost": not self.disk.certain - set(all_lines),
            "doubled": len(all_lines) == len(set(all_lines)),
            "out of order": all_lines == sorted(all_lines),
            "perhaps incomplete, yet .s": all(
                text in self.disk.finished for code, text in found if code == "s"
            ),
            "perhaps incomplete, yet current": begun == b"" or begun in self.disk.finished,
            "state cut short": (log / "state").read_bytes() in {b"", *self.disk.finished},
            "not written": current.endswith(AFTER),
        }
        return [rule for rule, holds in rules.items() if not holds]


def in_order(text: bytes) -> list[bytes]:
    """The whole numbered lines of a file, in lower case."""
    return re.findall(rb"^\d{8} .*\n", text.lower(), flags=re.MULTILINE)


def numbered(text: bytes) -> set[bytes]:
    """The same, as a set."""
    return set(in_order(text))


def events(trace: Path) -> Iterator[tuple[Event, bytes]]:
    """The calls in a trace that change a directory or a file, and the data of writes."""
    for line in trace.read_text(errors="replace").splitlines():
        if written := _WRITE.match(line):
            name, text, count = written.groups()
            yield ("write", name), ast.literal_eval(f"b{text}")[: int(count)]
        elif words := tuple(change_in(line).split()):
            yield words, b""
            if "O_TRUNC" in line:
                yield ("empty", words[1]), b""


def states(disk: Disk, recorded: Iterable[tuple[Event, bytes]]) -> list[Left]:
    """Each state that a cut can leave, before the first call and after every call.

    The same directory counts once, with all that was certain when it last occurred.
    """
    found: dict[object, Left] = {}
    for event, data in [(("", ""), b""), *recorded]:
        if event[1] == "lock":
            continue
        disk.happens(event, data)
        files = {id(file): file for file in disk.names.values()}
        for fates in itertools.product(*(file.fates() for file in files.values())):
            fate = dict(zip(files, fates, strict=True))
            left = Left(disk, {name: fate[id(file)] for name, file in disk.names.items()})
            found[left.key()] = deepcopy(left)
    return list(found.values())


@dataclass(frozen=True)
class Scenario:
    """A run to cut: the files before it, and multilog's arguments and input."""

    name: str  # the clause is multilog/power/NAME
    what: str  # the words of the published table
    script: tuple[str, ...]
    text: bytes
    before: tuple[tuple[str, bytes, str], ...] = ()  # file, content, mode

    def disk(self) -> Disk:
        """The disk before the run."""
        disk = Disk()
        for row in self.before:
            disk.hold(*row)
        return disk


# tr writes by write(2), but cat would copy within the kernel.
PROCESSOR = "!tr a-z A-Z; tr x x <&4 >&5; echo run >&5"
LINES = lines(150).splitlines(keepends=True)  # 9000 bytes: two rotations


def part(begin: int, end: int) -> bytes:
    """Some of the lines."""
    return b"".join(LINES[begin:end])


SCENARIOS = (
    Scenario(
        "rotation", "lines, two rotations, the end of input", ("s4096", "./log"), part(0, 150)
    ),
    Scenario(
        "processor",
        "the same, with a processor that keeps a state",
        ("s4096", PROCESSOR, "./log"),
        part(0, 150),
    ),
    Scenario(
        "finished-before",
        "a finished current is used again; lines, a rotation, the end of input",
        ("s4096", "./log"),
        part(10, 100),
        (("current", part(0, 10), "744"), ("state", b"run\n", "644")),
    ),
    Scenario(
        "restart",
        "a restart while the processor's output is incomplete",
        ("s4096", PROCESSOR, "./log"),
        part(40, 45),
        (
            ("previous", part(0, 30), "744"),
            ("processed", part(0, 9).upper(), "644"),
            ("newstate", b"", "644"),
            ("current", part(30, 40), "644"),
            ("state", b"run\n", "644"),
        ),
    ),
    Scenario(
        "restart-processed",
        "a restart when the processor's output is complete",
        ("s4096", PROCESSOR, "./log"),
        part(40, 45),
        (
            ("previous", part(0, 30), "744"),
            ("processed", part(0, 30).upper(), "744"),
            ("newstate", b"run\n", "644"),
            ("current", part(30, 40), "644"),
            ("state", b"run\n", "644"),
        ),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """The result of a scenario."""

    states: int  # the number of restarts
    broken: list[str]  # the broken promises, each with the state that broke it


def cut_everywhere(sandbox: Sandbox, scenario: Scenario) -> Outcome:
    """Record the scenario once, and restart on each state that a cut can leave."""
    log = sandbox.path / "log"
    recorded = record_run(sandbox, scenario)
    tried, broken = 0, []
    for left in states(scenario.disk(), recorded):
        tried += 1
        left.build(log)
        answer = sandbox.run("multilog", *scenario.script, input=AFTER)
        assert answer.code == 0, str(left)
        broken += [f"{promise}: {left}" for promise in left.broken(log)]
        shutil.rmtree(log)
    return Outcome(tried, broken)


def record_run(sandbox: Sandbox, scenario: Scenario) -> list[tuple[Event, bytes]]:
    """The calls of an undisturbed run. The files that it leaves show that none is missing."""
    log = sandbox.path / "log"
    Left(scenario.disk(), {name: text for name, text, _ in scenario.before}).build(log)
    tracing = ["-f", "-s", "70000", "-e", f"trace=write,{CHANGES}"]
    multilog = under_strace(sandbox, files_of_log(sandbox), tracing, scenario.script, stdin=PIPE)
    assert fed(multilog, scenario.text).code == 0
    recorded = list(events(sandbox.path / "trace"))
    disk = scenario.disk()
    for event, data in recorded:
        disk.happens(event, data)
    played = sorted(
        (file.content, f"{file.mode:04o}") for name, file in disk.names.items() if name != "lock"
    )
    real = sorted((f.read_bytes(), mode(f)) for f in log.iterdir() if f.name != "lock")
    assert played == real
    shutil.rmtree(log)
    return recorded
