"""The options of a run, and those among them that select tests."""

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from daemontools_conformance.contract.clauses import LEVELS

# Kinds of heavy tests, which take too long for every run. Each kind runs alone. Every clause
# has an ordinary test too, so no verdict depends on a heavy run.
HEAVY = {
    "scale": "inputs as large and services as many as anyone has",
    "soak": "random commands, kills and removals against trees of services, for minutes",
    "exhaustive": "every combination of a few commands, options and states",
    "faults": "every system call failing with every error",
}


# Workers for each core, and at most. Most tests only wait: those of a whole run take about
# 3,000 seconds in all, and less than 200 of the processor.
_QUICK_WORKERS, _WORKERS = (4, 16), (24, 64)


class CannotRun(Exception):
    """Raised when the run cannot begin; the text says why."""


@dataclass(frozen=True)
class Asked:
    """Which tests the options ask for; each field is the option of that name."""

    program: Sequence[str] = ()
    clause: Sequence[str] = ()  # beginnings of ids
    level: str = ""
    quick: bool = False
    heavy: str = ""  # the kind; "" for ordinary tests
    sample: int = 0
    seed: int | None = None
    numprocesses: int | None = None

    def workers_for(self, tests: int) -> int:
        """How many processes run this number of tests."""
        if self.numprocesses is not None:
            return self.numprocesses
        for_each_core, most = _QUICK_WORKERS if self.quick else _WORKERS
        return min(for_each_core * (os.cpu_count() or 1), most, tests)


def _count(word: str) -> int:
    """A number of things. Raises ArgumentTypeError."""
    if not word.isdigit():
        raise ArgumentTypeError(f"{word!r} is not a whole number")
    return int(word)


def _times(word: str) -> int:
    """How often, once or more. Raises ArgumentTypeError."""
    if not (times := _count(word)):
        raise ArgumentTypeError("it must be 1 or more")
    return times


def _factor(word: str) -> float:
    """What to multiply by. Raises ArgumentTypeError or ValueError."""
    if not 0 < (factor := float(word)) < inf:
        raise ArgumentTypeError(f"{word!r} is not a number greater than 0")
    return factor


def add_options(add: Callable[..., object]) -> None:
    """Add each option by `add`, which takes what argparse's add_argument takes."""
    add(
        "--implementation",
        default="reference",
        metavar="NAME[=DIR]|DIR|FILE.toml",
        help="the implementation to judge: a shipped profile (with the programs in DIR), "
        "a folder of programs, or a profile file (default: reference)",
    )
    add("--program", action="append", default=[], help="select the clauses of this program")
    add("--clause", action="append", default=[], help="select the clauses whose ids begin so")
    levels = ", ".join(level.lower() for level in LEVELS)
    add("--level", default="", help=f"select the clauses of this level: {levels}")
    add(
        "--quick",
        action="store_true",
        help="run one quick test of each PROMISED or CODE clause that has one",
    )
    add("--report", type=Path, default=None, metavar="DIR", help="write results to this folder")
    add("--patience", type=_factor, default=1.0, help="multiply all deadlines by this number")
    repeat = "run each test N times; one that passes and fails is FLAKY"
    workers = f"run the tests in N processes (default: {_WORKERS[0]} for each core, at most "
    workers += "{}; with --quick {} and {}; 0: in this one)".format(_WORKERS[1], *_QUICK_WORKERS)
    add("-n", "--numprocesses", type=_count, metavar="N", help=workers)
    add("--repeat", type=_times, default=1, metavar="N", help=repeat)
    kinds = "; ".join(f"{kind}: {what}" for kind, what in HEAVY.items())
    add("--heavy", choices=HEAVY, default="", help=f"run only the heavy tests of a kind ({kinds})")
    sample = "run only N of the heavy tests, chosen by --seed"
    add("--sample", type=_count, default=0, metavar="N", help=sample)
    add("--minutes", type=float, default=5.0, metavar="M", help="length of a soak in minutes")
    seed = "random seed (default: a new one; a red or heavy run prints it at its end)"
    add("--seed", type=int, default=None, metavar="N", help=seed)
