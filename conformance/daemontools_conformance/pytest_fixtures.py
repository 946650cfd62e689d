"""The fixtures that tests ask for by name. (`plugin.py` makes pytest load them.)"""

import contextlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemontools_conformance.plugin import BOX, FAILURE, HAS_FAILED, SESSION, clause_of
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.removal import remove
from daemontools_conformance.running.sandbox import Sandbox


@pytest.fixture
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """The implementation under test."""
    return request.config.stash[SESSION].implementation


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A folder for this test alone. When the test ends, all that it started is killed."""
    session, item = request.config.stash[SESSION], request.node
    clause = session.clauses[clause_of(item)]
    parent = Path(tempfile.mkdtemp(prefix="t", dir=session.ground))
    parent.chmod(0o755)
    is_bounded = item.get_closest_marker("heavy") is None
    given, folder = session.implementation, parent / "box"
    box = Sandbox(given, folder, clause.program, is_bounded=is_bounded)
    item.stash[BOX] = box
    crashed = True
    try:
        yield box
        box.close()
        crashed = False
    finally:
        text = item.stash.get(FAILURE, "")
        if session.report or text or (crashed and not item.stash.get(HAS_FAILED, False)):
            box.keep(session.place(clause.id, item.nodeid), clause.title, text)
        box.remove()
        with contextlib.suppress(OSError):
            remove(parent)


@pytest.fixture
def variant(request: pytest.FixtureRequest) -> str:
    """The variant that the profile declares for this test's clause; "" for plain 0.76.

    A test that takes it checks the variant by its value:

        assert result.code == {"": 111, "debian": 0}[variant]
    """
    return request.config.stash[SESSION].demands[clause_of(request.node)].variant


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """The test's random numbers, seeded by the run's seed and the test's name."""
    return random.Random(f"{request.config.getoption('seed')} {request.node.name}")


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    """How long a soak lasts, in minutes."""
    return float(request.config.getoption("minutes"))
