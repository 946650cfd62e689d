"""conformance/upkeep/twice.py: a test may fail once, and is named."""

import os
import subprocess
import sys
from pathlib import Path

TWICE = Path(__file__).parents[1] / "upkeep/twice.py"

TESTS = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("n", range({tests}))
def test_this(n):
    runs = Path(f"runs{{n}}")
    runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
    assert n >= {failing} or len(runs.read_text()) > {times}
"""


def run(folder: Path, *, tests: int, failing: int, times: int) -> subprocess.CompletedProcess[str]:
    """Run twice.py on tests of which some fail so many times."""
    file = folder / "test_some.py"
    file.write_text(TESTS.format(tests=tests, failing=failing, times=times))
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, str(TWICE), "-p", "xdist", "-n", "0", str(file)]
    alone = dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")  # half a second quicker
    return subprocess.run(
        command, check=False, cwd=folder, env=alone, capture_output=True, text=True
    )


def runs(folder: Path) -> list[int]:
    """How many times each test ran."""
    return [len(file.read_text()) for file in sorted(folder.glob("runs*"))]


def test_what_fails_once_is_named_and_does_not_count(tmp_path: Path) -> None:
    done = run(tmp_path, tests=3, failing=1, times=1)
    assert done.returncode == 0
    named = "FAILED ONCE, passed by itself:\n    test_some.py::test_this[0]\n"
    assert done.stdout.endswith(named)
    assert runs(tmp_path) == [2, 1, 1]


def test_what_fails_twice_is_a_failure(tmp_path: Path) -> None:
    assert run(tmp_path, tests=3, failing=2, times=2).returncode == 1
    assert runs(tmp_path) == [2, 2, 1]


def test_many_failures_are_not_repeated(tmp_path: Path) -> None:
    assert run(tmp_path, tests=8, failing=6, times=1).returncode == 1
    assert runs(tmp_path) == [1] * 8


def test_what_passes_runs_once(tmp_path: Path) -> None:
    assert run(tmp_path, tests=1, failing=0, times=0).returncode == 0
    assert runs(tmp_path) == [1]
