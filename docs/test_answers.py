"""The exercises that the suite grades: it says what the answers in docs/answers say it says."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXERCISES = Path(__file__).parent / "answers/exercises"
COMMAND = [str(Path(sys.executable).with_name("daemontools-conformance")), "-n", "2"]


@pytest.mark.parametrize(
    ("exercise", "program", "clause", "outcomes"),
    [
        ("wrong", "tai64n", "tai64n/label/first-byte", {"FAIL", "TIMEOUT"}),
        ("shell", "svok", "svok/exit/killed", {"FAIL", "TIMEOUT"}),
        ("shell", "svok", "svok/exit/never-supervised", {"PASS"}),
        ("dd", "svok", "svok/exit/killed", {"PASS"}),
        ("dd", "svok", "svok/exit/ok-is-directory", {"FAIL"}),
    ],
)
def test_the_suite_grades_an_exercise(
    exercise: str, program: str, clause: str, outcomes: set[str], tmp_path: Path
) -> None:
    what = ["--implementation", EXERCISES / exercise, "--program", program, "--clause", clause]
    subprocess.run([*COMMAND, *what, "--report", tmp_path / "report"], check=False)
    lines = (tmp_path / "report/results.jsonl").read_text().splitlines()
    [seen] = [r["outcome"] for r in map(json.loads, lines) if r.get("clause") == clause
              and r["kind"] == "clause"]  # fmt: skip
    assert seen in outcomes


def test_the_command_grades_in_the_words_of_the_page() -> None:
    page = (Path(__file__).parent / "book/exercises.md").read_text()
    [shown] = re.findall(r"```text\n(step .*?\n)\.\.\.\n```", page, re.DOTALL)
    command = [COMMAND[0], "exercise", "svok", EXERCISES / "shell/svok"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert said.startswith(shown)


def test_perl_resets_an_ignored_child_signal() -> None:
    if not shutil.which("perl"):
        pytest.skip("needs perl")
    perl = """exec perl -e 'exec "grep", "SigIgn", "/proc/self/status"'"""
    shown = subprocess.run(
        ["sh", "-c", f"trap '' CHLD HUP; {perl}"], capture_output=True, text=True, check=True
    )
    assert int(shown.stdout.split()[1], 16) & 0x10001 == 1  # HUP, the first, stays ignored
