"""The command `daemontools-conformance`: pytest with this suite's plugin and tests."""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "tests"


def main() -> None:
    """Run the suite; all arguments are pytest's, and those of `plugin.py`."""
    arguments = sys.argv[1:]
    if not any(word.startswith(("-n", "--numprocesses")) for word in arguments):
        # Most tests only wait: more workers than cores.
        arguments = ["-n", str(4 * (os.cpu_count() or 1)), *arguments]
    fixed = [
        "-p", "daemontools_conformance.plugin",
        "--rootdir", str(TESTS.parent), "-c", str(TESTS / "pytest.ini"), "-q",
    ]  # fmt: skip
    tests = [] if any(Path(word.split("::")[0]).exists() for word in arguments) else [str(TESTS)]
    sys.exit(pytest.main([*fixed, *arguments, *tests]))
