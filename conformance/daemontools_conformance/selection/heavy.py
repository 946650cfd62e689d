"""Heavy tests: what takes too long for every run. Each kind is run alone: `--heavy scale`.

A heavy test has a clause, as every test; and every clause has an ordinary test:
what is known of an implementation never waits for a heavy run. Chance is seeded,
and the seed is told: the same seed makes the same choices.
"""

import random
from collections.abc import Callable

import pytest

from daemontools_conformance.selection import tests as index

KINDS = {
    "scale": "as large and as many as anyone has",
    "soak": "a tree of services for minutes, under a hand that does anything at any time",
    "exhaustive": "every combination of a small world",
    "faults": "every call that fails, in every way",
}


def add_options(add: Callable[..., object]) -> None:
    """Add each option by `add`, which takes what argparse's add_argument takes."""
    told = "; ".join(f"{kind}: {what}" for kind, what in KINDS.items())
    add("--heavy", choices=KINDS, default="", help=f"only the heavy tests of a kind ({told})")
    add("--sample", type=int, default=0, metavar="N", help="of those only N, drawn by the seed")
    add("--minutes", type=float, default=5.0, metavar="M", help="how long a soak lasts")
    add("--seed", type=int, default=None, metavar="N", help="of all chance; a new one is told")


def settle_seed(config: pytest.Config) -> None:
    """Choose a seed if none is given; before the workers start, which are given all options."""
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(1_000_000)


def kind_of(item: pytest.Item) -> str:
    """The kind of a heavy test; empty for an ordinary one."""
    mark = item.get_closest_marker("heavy")
    return str(mark.args[0]) if mark else ""


def sampled(items: list[pytest.Item], config: pytest.Config) -> list[pytest.Item]:
    """What `--sample` leaves of the heavy tests: the same in each worker."""
    size = config.getoption("sample")
    if not config.getoption("heavy") or not 0 < size < len(items):
        return items
    kept = set(random.Random(config.getoption("seed")).sample(range(len(items)), size))
    return [item for number, item in enumerate(items) if number in kept]


def files_to_leave_out(kind: str) -> list[str]:
    """The test files that hold nothing for a run of this kind ("" for an ordinary one)."""
    wanted = {test.file for test in index.of_suite() if test.heavy == kind}
    return sorted({str(test.file) for test in index.of_suite() if test.file not in wanted})


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """All chance of a test, by the run's seed and the test's name."""
    return random.Random(f"{request.config.getoption('seed')} {request.node.name}")


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    """How long a soak lasts."""
    return float(request.config.getoption("minutes"))
