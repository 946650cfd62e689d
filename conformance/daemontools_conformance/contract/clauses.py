"""The clauses: what an implementation of daemontools must do, one observable each.

They are written in Markdown under `spec/`, one file for each program:

    ## svok/exit/running

    When supervise runs in the directory, svok exits 0.

    - level: PROMISED
    - source: manual, svok
    - why: scripts ask before they send commands
    - by hand: `svok /service/clock; echo $?`
    - variant debian: what that variant does instead
    - cause: the child is another process
    - since: 0.1.0

`cause` names the deviation that an implementation has if it falls short, where other
clauses fall short for the same one: a report tells them together.

An id is program/topic/word, never a number, and permanent. The id of a withdrawn
clause moves to `spec/tombstones.md` and is never used again.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from daemontools_conformance.contract.near import did_you_mean
from daemontools_conformance.contract.places import folder

LEVELS = {
    "PROMISED": "the manual says so",
    "CODE": "only the original source does it, and users rely on it",
    "QUIRK": "odd; an implementation may differ if its profile says so",
    "PLATFORM": "depends on the operating system, or on what a program is written in",
    "BEYOND": "more than djb's programs do; asked of others only if their profiles say so",
}

_ID = re.compile(r"[a-z0-9]+(/[a-z0-9]+(-[a-z0-9]+)*){2}")
_ITEM = re.compile(r"- (?P<key>[a-z]+(?: [a-z0-9.-]+)?): (?P<value>.*)")
_KEYS = {"level", "source", "why", "by hand", "since", "cause"}


class SpecError(Exception):
    """Raised for a clause that is not written as this module's docstring says."""


@dataclass(frozen=True)
class Clause:
    """One sentence with one observable, its level and the source of the fact."""

    id: str
    text: str
    level: str
    source: str
    file: Path
    line: int
    why: str = ""
    by_hand: tuple[str, ...] = ()  # Markdown
    since: str = "0.1.0"
    cause: str = ""
    variants: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The id and the text, in one line."""
        return f"{self.id}: {self.text}"

    @property
    def program(self) -> str:
        """The first word of the id."""
        return self.id.split("/")[0]

    @property
    def topic(self) -> str:
        """The second word of the id."""
        return self.id.split("/")[1]


def load(spec: Path | None = None) -> dict[str, Clause]:
    """All clauses by id, in the order of the files. Raises SpecError."""
    spec = spec or folder("spec")
    clauses: dict[str, Clause] = {}
    for file in sorted(spec.glob("*.md")):
        if file.stem == "tombstones":
            continue
        for clause in parse(file.read_text(), file):
            if clause.id in clauses:
                raise SpecError(f"{file}:{clause.line}: {clause.id} is defined twice")
            clauses[clause.id] = clause
    for withdrawn in tombstones(spec) & clauses.keys():
        raise SpecError(f"{withdrawn} is withdrawn (tombstones.md) and cannot come back")
    return clauses


def tombstones(spec: Path | None = None) -> set[str]:
    """The ids that were withdrawn: the headings of `spec/tombstones.md`."""
    file = (spec or folder("spec")) / "tombstones.md"
    lines = file.read_text().splitlines() if file.exists() else []
    return {line[3:].strip() for line in lines if line.startswith("## ")}


def parse(text: str, file: Path) -> list[Clause]:
    """The clauses of one Markdown file. Raises SpecError with file and line."""
    starts = [
        (number, line[3:].strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.startswith("## ")
    ]
    bodies = re.split(r"^## .*\n", text, flags=re.MULTILINE)[1:]
    return [
        _clause(id_, body, file, number) for (number, id_), body in zip(starts, bodies, strict=True)
    ]


def _clause(id_: str, body: str, file: Path, line: int) -> Clause:
    def wrong(what: str) -> SpecError:
        return SpecError(f"{file}:{line}: clause {id_}: {what}")

    if not _ID.fullmatch(id_):
        raise wrong("an id must be program/topic/word")
    prose, items = _split(body)
    if not prose:
        raise wrong("it has no text")
    unknown = [key for key, _ in items if key not in _KEYS and not key.startswith("variant ")]
    if unknown:
        raise wrong(f"unknown item {unknown[0]!r}{did_you_mean(unknown[0], _KEYS)}")
    single = {key: value for key, value in items if key != "by hand"}
    if single.get("level") not in LEVELS:
        hint = did_you_mean(single.get("level", ""), LEVELS)
        raise wrong(f"its level must be one of {', '.join(LEVELS)}{hint}")
    if not single.get("source"):
        raise wrong("it has no source")
    return Clause(
        id=id_,
        text=prose,
        level=single["level"],
        source=single["source"],
        file=file,
        line=line,
        why=single.get("why", ""),
        by_hand=tuple(value for key, value in items if key == "by hand"),
        since=single.get("since", "0.1.0"),
        cause=single.get("cause", ""),
        variants={key[8:]: value for key, value in items if key.startswith("variant ")},
    )


def typed(by_hand: str) -> str:
    """An item of `by_hand` as a terminal shows it: a command after a prompt, or plain words."""
    is_command = by_hand.count("`") == 2 and by_hand[0] == by_hand[-1] == "`"
    return f"$ {by_hand[1:-1]}" if is_command else by_hand


def _split(body: str) -> tuple[str, list[tuple[str, str]]]:
    """The prose (one line) and the items (their continuation lines joined)."""
    prose: list[str] = []
    items: list[tuple[str, str]] = []
    for line in body.splitlines():
        item = _ITEM.match(line)
        if item:
            items.append((item["key"], item["value"].strip()))
        elif items and line.startswith("  "):
            key, value = items[-1]
            items[-1] = (key, f"{value} {line.strip()}")
        elif line.strip() and not items:
            prose.append(line.strip())
    return " ".join(prose), items
