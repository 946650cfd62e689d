"""What a test did and saw, in order: the raw material of evidence and of replays.

One test runs at a time in a process, so there is one current journal. The
sandbox begins it; every function that acts on the programs under test adds to it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SHORTEST_PAUSE = 0.05  # seconds; a shorter one is the suite's own work


@dataclass(frozen=True)
class Entry:
    """One act or observation, `at` seconds after the test began.

    Kinds: write, start, input, end of input, control, signal, ended, hung, waited, record,
    streams;
    of what a test does without the sandbox (`witness`): runs, looks, reads, opens, hold,
    tries, release, writes, lets go.
    """

    at: float
    kind: str
    facts: dict[str, Any]


@dataclass
class Journal:
    """The entries of one test, oldest first."""

    began: float = field(default_factory=time.monotonic)
    entries: list[Entry] = field(default_factory=list)


def _nothing() -> None:
    pass


_current = Journal()
_settle: Callable[[], None] = _nothing


def begin() -> Journal:
    """Start the journal of a new test."""
    global _current
    _current = Journal()
    return _current


def before_each(settle: Callable[[], None]) -> None:
    """Call this before each entry, for what is still to be noted."""
    global _settle
    _settle = settle


def note(kind: str, **facts: Any) -> None:
    """Add an entry to the current journal, after what has happened before it."""
    _settle()
    add(kind, **facts)


def note_look(kind: str, **facts: Any) -> None:
    """Add an observation to the current journal, unless it repeats the last entry."""
    _settle()
    last = _current.entries[-1:]
    if not last or (last[0].kind, last[0].facts) != (kind, facts):
        add(kind, **facts)


def add(kind: str, **facts: Any) -> None:
    """Add an entry to the current journal."""
    _current.entries.append(Entry(time.monotonic() - _current.began, kind, facts))


def of_start(pid: int) -> dict[str, Any]:
    """The facts of the latest start with this process id; callers may add to them."""
    return next(e.facts for e in reversed(_current.entries) if e.facts.get("pid") == pid)
