"""Options of the suite's own tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--golden`."""
    parser.addoption("--golden", action="store_true", help="write the golden files again")
