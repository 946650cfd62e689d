"""Each clause that an answer to a puzzle names notices the puzzle's change."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent
MUTANTS = DOCS.parent / "conformance/upkeep/mutants"
sys.path.insert(0, str(DOCS / "_ext"))

import puzzles  # noqa: E402


@pytest.mark.parametrize("name", puzzles.CHOSEN)
def test_every_clause_that_the_answer_names_catches_the_change(name: str) -> None:
    command = [sys.executable, MUTANTS, name, "--jobs", "1"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert tried.stdout.startswith((f"caught    {name}: ", f"untested  {name}: "))
