"""The history of a service: what its processes noted, and what must hold of it.

A service that is a `witness` (fixtures/witness), or whose script begins with
NOTE_START, appends lines to a file:

    4711 start 882312
    4711 ready
    4711 signal TERM
    4711 end
    4719 start 882420

The checkers are pure: they take a history and return a sentence for each thing
wrong with it. `start` gives the moment at which the kernel made the process, in
ticks of the kernel's clock, which load or a slow start of an interpreter cannot
shift. The difference of two rounded-down ticks is never smaller than the
rounded-down difference of the moments, so lower bounds are exact. Where the kernel
does not tell that moment, only bounds are known: a process was born after the one
before it had noted its start, and before its own start was seen.
"""

import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.contract.places import folder
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# For a ./run that is a shell script: note the start in the file `history`, without
# starting a process. The shell's own name holds no blanks.
NOTE_START = (
    'read -r stat </proc/$$/stat; set -- $stat; echo "$$ start ${22}" >>history'
    if HAS_PROC
    else 'echo "$$ start" >>history'
)


# The moments between which a process was born, in ticks; one and the same if the kernel tells.
Birth = tuple[int, int]


@dataclass(frozen=True)
class Event:
    """One line of a history."""

    pid: int
    what: str  # start, ready, signal, line, end
    detail: str = ""


def parse(text: str) -> list[Event]:
    """The events of a history. An unfinished last line does not count."""
    events = []
    for line in text.split("\n")[:-1]:
        pid, what, *detail = line.split(" ", 2)
        events.append(Event(int(pid), what, *detail))
    return events


def read(file: Path) -> list[Event]:
    """The history in a file; empty if the file does not exist yet."""
    return parse(file.read_text()) if file.exists() else []


def witness(*ends: str, file: str = "history") -> str:
    """A line for ./run that executes the witness; the signals `ends` (TERM, ...) end it."""
    words = [sys.executable, "-IS", str(folder("fixtures") / "witness"), file, *ends]
    return "exec " + shlex.join(words)


def starts(history: list[Event]) -> list[int]:
    """The process ids of the starts."""
    return [event.pid for event in history if event.what == "start"]


def moments(history: list[Event]) -> list[int]:
    """The moments of the starts, in ticks. Raises Unavailable where the system does not tell."""
    if not HAS_PROC:
        raise Unavailable(NEEDS_PROC)
    return [int(event.detail) for event in history if event.what == "start"]


def signals(history: list[Event]) -> list[str]:
    """The names of the signals, in the order of arrival."""
    return [event.detail for event in history if event.what == "signal"]


def received(history: list[Event]) -> list[str]:
    """The lines that arrived on standard input."""
    return [event.detail for event in history if event.what == "line"]


def births(file: Path) -> Callable[[], list[Birth]]:
    """A function that reads the history again, and gives the births of its processes so far.

    Call this before the first process is started, and the function often.
    """
    found: list[Birth] = []
    earliest = last_look = now()

    def look() -> list[Birth]:
        nonlocal earliest, last_look
        this_look = now()
        for event in [event for event in read(file) if event.what == "start"][len(found) :]:
            told = (int(event.detail), int(event.detail)) if HAS_PROC else None
            found.append(told or (earliest, now() + 1))
            earliest = last_look  # this start was not noted then, and the next one came later
        last_look = this_look
        return found

    return look


def now() -> int:
    """The moment now, in ticks of the clock of `moments` and `births`, rounded down.

    Whole ticks are compared, not seconds: 1.13 - 0.13 is less than 1.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC) if HAS_PROC else None
    seconds = time.monotonic() if clock is None else time.clock_gettime(clock)
    return int(seconds * TICKS_PER_SECOND)


def too_soon(births: list[Birth], seconds: float) -> list[str]:
    """Births with less than this many seconds for each step from one to another."""
    return [
        f"{later - earlier} ticks of 1/{TICKS_PER_SECOND} s from start {one} to start {other}"
        for (one, (earlier, _)), (other, (_, later)) in combinations(enumerate(births, 1), 2)
        if later - earlier < int(seconds * TICKS_PER_SECOND) * (other - one)
    ]


def overlaps(history: list[Event]) -> list[str]:
    """Processes that did something after the next one had started: two at a time."""
    problems = []
    current = None
    for event in history:
        if event.what == "start":
            current = event.pid
        elif event.pid != current:
            problems.append(f"process {event.pid} noted {event.what} while {current} was running")
    return problems
