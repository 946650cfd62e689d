"""The options of a run, and what of them says which tests are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Kinds of heavy tests: what takes too long for every run. Each kind is run alone. Every clause
# has an ordinary test too: what is known of an implementation never waits for a heavy run.
HEAVY = {
    "scale": "as large and as many as anyone has",
    "soak": "a tree of services for minutes, under a hand that does anything at any time",
    "exhaustive": "every combination of a small world",
    "faults": "every call that fails, in every way",
}


class CannotRun(Exception):
    """The run cannot begin; the text says why."""


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


def add_options(add: Callable[..., object]) -> None:
    """Add each option by `add`, which takes what argparse's add_argument takes."""
    add(
        "--implementation",
        default="reference",
        metavar="NAME[=DIR]|DIR|FILE.toml",
        help="what is judged: a shipped profile (of the programs in DIR), "
        "a folder of programs, or a profile file",
    )
    add("--program", action="append", default=[], help="only clauses of this program")
    add("--clause", action="append", default=[], help="only clauses that begin so")
    add("--level", default="", help="only clauses of this level, e.g. promised")
    add(
        "--quick",
        action="store_true",
        help="one quick test of each clause that is PROMISED or CODE, none marked slow",
    )
    add("--report", type=Path, default=None, metavar="DIR", help="write results here")
    add("--patience", type=float, default=1.0, help="multiply all deadlines by this")
    add("--repeat", type=int, default=1, metavar="N", help="run each test N times; mixed: FLAKY")
    told = "; ".join(f"{kind}: {what}" for kind, what in HEAVY.items())
    add("--heavy", choices=HEAVY, default="", help=f"only the heavy tests of a kind ({told})")
    add("--sample", type=int, default=0, metavar="N", help="of those only N, drawn by the seed")
    add("--minutes", type=float, default=5.0, metavar="M", help="how long a soak lasts")
    add("--seed", type=int, default=None, metavar="N", help="of all chance; a new one is told")
