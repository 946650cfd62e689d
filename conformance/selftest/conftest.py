"""Options of the suite's own tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--golden` and `--all-replays`."""
    parser.addoption("--golden", action="store_true", help="write the golden files again")
    parser.addoption(
        "--all-replays", action="store_true", help="count the replays of all liars and 30 mutants"
    )
