"""What the terminal shows of a run in which much is wrong: a few screens, whatever the number."""

import subprocess
import sys
from pathlib import Path

import pytest

from daemontools_conformance.contract.profiles import PROGRAMS
from daemontools_conformance.reports import summary

WRONG = "#!/bin/sh\necho something else\nexit 3\n"
MANY = "softlimit/amount/not-a-number"  # a clause with thirty states


@pytest.fixture(scope="session")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of seventeen programs, each of which says something else and exits 3."""
    folder = tmp_path_factory.mktemp("wrong")
    for program in PROGRAMS:
        (folder / program).write_text(WRONG)
        (folder / program).chmod(0o755)
    return folder


def said(wrong: Path, *options: str) -> list[str]:
    command = [sys.executable, "-I", "-m", "daemontools_conformance"]
    words = [*command, "--implementation", str(wrong), "-n4", *options]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout.splitlines()


def test_of_a_clause_three_failures_are_shown_and_the_others_counted(
    wrong: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    lines = said(wrong, "--clause", MANY, "--report", str(report))
    told = list(report.rglob("failure.txt"))
    assert lines.count(f"{MANY}: FAIL") == 3
    more = f"and {len(told) - 3} more like this (0 of {len(told)} hold)"
    assert f"{more}: daemontools-conformance explain {MANY}" in lines
    place = report / "evidence" / MANY.replace("/", ".")
    assert f"  what each of them ran and saw: {place}/*/failure.txt" in lines


def test_the_reports_keep_what_the_terminal_leaves_out(wrong: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    said(wrong, "--clause", MANY, "--report", str(report))
    told = len(list(report.rglob("failure.txt")))
    assert (report / "junit.xml").read_text().count("<failure") == told
    assert f"{told} failed" in said(wrong, "--clause", MANY)[-1]


def test_a_run_in_which_everything_is_wrong_fits_into_some_screens(wrong: Path) -> None:
    lines = said(wrong, "--quick", "-k", "usage")
    shown = [line for line in lines if line.startswith("What was run")]
    assert 0 < len(shown) <= 12
    assert len(lines) < 12 * 45 + 250


def test_of_one_cause_three_failures_are_shown_in_full() -> None:
    alike = [(f"svok/usage/{number}", "usage line on stdout") for number in range(20)]
    assert summary.in_full([*alike, ("svok/exit/running", "")]) == [0, 1, 2, 20]


def test_of_all_failures_twelve_are_shown_in_full() -> None:
    failures = [(f"svok/exit/{number}", "") for number in range(900)]
    assert summary.in_full(failures) == [*range(12)]


def test_the_failures_of_a_clause_are_shown_one_after_the_other() -> None:
    failures = [("svok/a", ""), ("svok/b", ""), ("svok/a", ""), ("svok/b", "")]
    assert summary.in_full(failures) == [0, 2, 1, 3]


def test_how_many_states_hold_is_said() -> None:
    text = summary.left_out("svok/exit/running", 52, "3 of 58 hold", Path("evidence/svok"))
    assert text.startswith("and 52 more like this (3 of 58 hold): ")
