"""A sound program with other words keeps every promise of the manual.

The reference with three lines changed: each message is spelt backwards and goes to
standard output, and svstat's lines have other words and another order.
"""

from pathlib import Path

import pytest

from daemontools_conformance.contract.outcomes import Outcome
from selftest.builds import Patch, judged, patched

OTHER_WORDS = (
    Patch(
        "unix/messages.py",
        'line = b"".join(_as_bytes(part) for part in parts) + b"\\n"',
        'line = b"".join(_as_bytes(part) for part in parts)[::-1] + b"\\n"',
    ),
    Patch(
        "unix/messages.py", "line = line[os.write(2, line) :]", "line = line[os.write(1, line) :]"
    ),
    Patch(
        "programs/svstat.py",
        'lines += directory + b": " + _answer(directory).encode() + b"\\n"',
        'lines += _answer(directory).upper().encode() + b" " + directory + b"\\n"',
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("other-words"), OTHER_WORDS)


def test_all_promises_hold(folder: Path, tmp_path: Path) -> None:
    options = ["--level", "promised", "--quick"]
    exit_code, report = judged(folder, tmp_path / "report", *options, workers=8, within=900)
    short = [clause for clause in report.clauses if report.outcome(clause).fell_short]
    judged_ones = [c for c in report.clauses if report.outcome(c) >= Outcome.PASS]
    assert (exit_code, short) == (0, [])
    assert len({clause.split("/")[0] for clause in judged_ones}) >= 17


@pytest.mark.parametrize(
    ("clause", "named"),
    [
        ("messages/usage/line", "usage line on standard output"),
        ("setlock/options/n-message", "error message on standard output"),
        ("setuidgid/account/unknown-message", "error message on standard output"),
    ],
)
def test_the_clauses_about_words_do_not_hold(
    folder: Path, tmp_path: Path, clause: str, named: str
) -> None:
    exit_code, report = judged(folder, tmp_path / "report", "--clause", clause)
    cell = report.clauses[clause]
    assert (exit_code, cell["outcome"], cell["cause"]) == (1, "FAIL", named)
