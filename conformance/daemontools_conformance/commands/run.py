"""Run the suite: pytest with the suite's plugin and the test files that the options need."""

import argparse
import os

import pytest

from daemontools_conformance.selection.tests import TESTS, is_test, is_wanted, of_suite


def run(arguments: list[str]) -> int:
    """Run the suite; the arguments are those of pytest and of the suite's plugin."""
    # Plugins that happen to be installed must not change a run or slow its start.
    os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    fixed = [
        "-p", "daemontools_conformance.plugin",
        "--rootdir", str(TESTS.parent), "-c", str(TESTS / "pytest.ini"), "-q",
    ]  # fmt: skip
    tests = [] if any(is_test(word) for word in arguments) else _files(arguments)
    return int(pytest.main([*fixed, *tests, *arguments]))


def _files(arguments: list[str]) -> list[str]:
    """The test files that hold the wanted tests, so that pytest collects no others."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--program", action="append", default=[])
    parser.add_argument("--clause", action="append", default=[])
    parser.add_argument("--heavy", default="")
    asked = parser.parse_known_args(arguments)[0]
    of_kind = [test for test in of_suite() if test.heavy == asked.heavy]
    if not asked.program and not asked.clause:
        others = {test.file for test in of_suite()} - {test.file for test in of_kind}
        return [str(TESTS), *(f"--ignore={file}" for file in sorted(others))]
    wanted = [test for test in of_kind if is_wanted(test.clause, asked.program, asked.clause)]
    return sorted({str(test.file) for test in wanted}) or [str(TESTS)]
