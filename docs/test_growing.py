"""Chapter 3 lets a supervise grow; the suite says of each step what its table says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BOOK = Path(__file__).parent / "book"
STEPS = sorted((BOOK / "03-supervise").glob("?_*.py"))
COMMAND = [str(Path(sys.executable).with_name("daemontools-conformance")), "-n", "4"]


def said(column: int) -> dict[str, str]:
    """What a column of the chapter's table says of each clause: holds, fails, not asked."""
    _, _, table = (BOOK / "03-supervise.md").read_text().partition("| clause | 1 restart |")
    rows = [row.strip("|").split("|") for row in table.splitlines()[2:] if row.startswith("|")]
    return {row[0].strip(" `"): row[column].strip() for row in rows}


def in_words(outcome: str, program: Path) -> str:
    """The table's word for an outcome. Without `ok` the suite waits in vain, and asks nothing."""
    if outcome == "TIMEOUT" and "supervise/ok" not in program.read_text():
        return "not asked"
    return "holds" if outcome == "PASS" else "fails"


def test_the_table_has_a_column_for_each_step() -> None:
    assert [step.name for step in STEPS] == [
        "1_restart.py",
        "2_control.py",
        "3_status.py",
        "4_lock.py",
    ]
    assert len(said(4)) >= 6


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.stem)
def test_the_suite_says_what_the_table_says(step: Path, tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    program = Path(shutil.copy(step, tmp_path / "programs/supervise"))
    program.chmod(0o755)
    profile = tmp_path / "step.toml"
    profile.write_text('name = "step"\nfolder = ["./programs"]\npeer = "reference"\n')
    expected = said(STEPS.index(step) + 1)
    asked = [word for clause in expected for word in ("--clause", clause)]
    report = tmp_path / "report"
    run = [*COMMAND, "--implementation", profile, *asked, "--report", report]
    subprocess.run(run, check=False)
    lines = map(json.loads, (report / "results.jsonl").read_text().splitlines())
    outcomes = {r["clause"]: r["outcome"] for r in lines if r["kind"] == "clause"}
    assert {clause: in_words(outcomes[clause], step) for clause in expected} == expected
