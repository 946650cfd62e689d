"""A case: a program, the folder and the state in which it starts, and what then happens to it.

A case is plain data. It can be written as one line of JSON, from which `--case` runs
it again exactly, and as a shell script that does not need the suite.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from daemontools_conformance.running import replay
from daemontools_conformance.running.journal import Entry, Journal


class Node(NamedTuple):
    """A file that exists before the program starts; `path` is relative to the folder."""

    kind: str  # file, dir, fifo, link
    path: bytes
    content: bytes = b""  # of a file; of a link, its target
    mode: int = 0o644


class Step(NamedTuple):
    """Something that happens to the program while it runs."""

    after: float  # seconds after the step before
    act: str  # control, signal, kill, release, input, end, look, await; and those in run._do
    where: bytes = b""  # control: the service; kill: a title; make, remove, mode ...: the file
    # control: the letters; signal, kill: its number; input: the bytes; await: a title;
    # rename, link: the other name; mode: octal
    what: bytes = b""


@dataclass(frozen=True)
class Case:
    """One run, the same for each implementation."""

    program: str
    arguments: tuple[bytes, ...] = ()
    tree: tuple[Node, ...] = ()
    environment: tuple[bytes, ...] = (b"PATH=/usr/bin:/bin",)  # all entries
    input: bytes = b""  # standard input, a file; steps of kind `input` make it a pipe
    state: tuple[bytes, ...] = ()  # options of prepare.py
    held: tuple[tuple[str, bytes], ...] = ()  # the suite holds: read FIFO, write FIFO, lock FILE
    steps: tuple[Step, ...] = ()

    def json(self) -> str:
        """The case as one line."""
        facts = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(_plain({**facts, "environment": self.environment}))


def from_json(text: str) -> Case:
    """The case in a line that `Case.json` wrote. Raises ValueError."""
    facts = _bytes(json.loads(text))
    facts["program"] = facts["program"].decode()
    facts["tree"] = tuple(Node(k.decode(), p, c, m) for k, p, c, m in facts.get("tree", ()))
    facts["steps"] = tuple(Step(s, a.decode(), w, x) for s, a, w, x in facts.get("steps", ()))
    facts["held"] = tuple((how.decode(), file) for how, file in facts.get("held", ()))
    return Case(**facts)


def make_tree(tree: tuple[Node, ...], root: bytes) -> None:
    """Create the files below `root`, except those that cannot be created."""
    for node in tree:
        path = root + b"/" + node.path
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if node.kind == "dir":
                os.mkdir(path)
            elif node.kind == "fifo":
                os.mkfifo(path)
            elif node.kind == "link":
                os.symlink(node.content, path)
            else:
                with open(path, "xb") as file:
                    file.write(node.content)
            if node.kind != "link":
                os.chmod(path, node.mode)
        except (OSError, ValueError):
            continue


def shell(case: Case, file: str) -> str:
    """The case as a shell script that runs the program `file` in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        make_tree(case.tree, os.fsencode(folder))
        files = replay.tree(Path(folder))
    facts: dict[str, Any] = {
        "argv": [case.program.encode(), *case.arguments],
        "file": file.encode(),
        "env": dict(entry.split(b"=", 1) for entry in case.environment if b"=" in entry),
        "prepare": list(case.state),
        "cwd": "",
        "pid": 0,
        "input": case.input,
    }
    journal = Journal()
    journal.entries.append(Entry(0.0, "start", facts))
    if not case.steps:
        journal.entries.append(Entry(0.0, "ended", {"pid": 0}))
    at = 1.0
    for step in case.steps:
        at += step.after
        journal.entries += _event(step, at)
    lines = replay.script(f"{case.program}: {case.json()}", files, journal)
    head, call, rest = lines.partition("exec env")
    lines = head + call + rest.replace("{box}", "'\"$PWD\"'")  # it is inside quotes
    held = "".join(f"# beforehand, by another process: {how} {file!r}\n" for how, file in case.held)
    return lines.replace("\ncd ", f"\n{held}cd ", 1)


def _event(step: Step, at: float) -> list[Entry]:
    match step.act:
        case "control":
            service = os.fsdecode(step.where)
            return [Entry(at, "control", {"service": service, "letters": step.what})]
        case "signal":
            number = int(step.what)
            return [Entry(at, "signal", {"pid": 0, "signal": number})]
        case "input":
            return [Entry(at, "input", {"data": step.what})]
        case "make":
            facts = {"name": Path(os.fsdecode(step.where)), "content": step.what, "mode": 0o644}
            return [Entry(at, "write", facts)]
        case "remove":
            return _line(at, "rm", step.where)
        case "dir":
            return _line(at, "mkdir", b"-p", step.where)
        case "rename":
            return _line(at, "mv", b"-T", step.where, step.what)
        case "mode":
            return _line(at, "chmod", step.what, step.where)
        case "link":
            return _line(at, "ln", b"-sfn", step.what, step.where)
        case "kill":
            return _line(at, "# by hand: kill the child", step.what, step.where)
        case "release":
            return _line(at, "# the other process lets go of its lock")
        case _:
            return []


def _line(at: float, command: str, *words: bytes) -> list[Entry]:
    """A line of the script that does not start the program."""
    return [Entry(at, "shell", {"line": " ".join([command, *map(replay.shell_quoted, words)])})]


def _plain(value: Any) -> Any:
    """Bytes as text with one character for each byte (Latin-1), for JSON."""
    match value:
        case bytes():
            return value.decode("latin-1")
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _bytes(value: Any) -> Any:
    match value:
        case str():
            return value.encode("latin-1")
        case dict():
            return {key: _bytes(item) for key, item in value.items()}
        case list():
            return tuple(_bytes(item) for item in value)
        case _:
            return value
