"""The suite on a system without /proc, prctl, strace and namespaces: it judges, and is not red."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import pytest

from daemontools_conformance.reports import results
from daemontools_conformance.running.needs import closed_to_others, missing
from selftest.builds import Patch, patched, with_programs

ROOT = Path(__file__).parents[2]
WITHOUT_LINUX = ROOT / "conformance/upkeep/without-linux"
SUITE = (sys.executable, "-I", "-m", "daemontools_conformance")
NEEDS_NAMES = "needs Linux's /proc to tell one supervise from another"
# What the suite imports: all of it runs on any Python, so another one can have a copy.
PACKAGES = (
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-xdist", "execnet"),
    *("hypothesis", "sortedcontainers", "pexpect", "ptyprocess"),
)

pytestmark = pytest.mark.skipif(bool(missing("namespaces")), reason=missing("namespaces"))


def without_linux(*command: str, nobody: bool = False) -> subprocess.CompletedProcess[str]:
    who = ["--nobody"] if nobody and os.geteuid() == 0 else []
    words = [sys.executable, str(WITHOUT_LINUX), *who, *command]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_there_is_nothing_of_linux() -> None:
    tools = "for tool in strace unshare prlimit; do command -v $tool; done"
    seen = without_linux("sh", "-c", f"ls /proc; {tools}; ps -A -o args=")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert all("ps -A" in line for line in seen.stdout.splitlines())


@pytest.mark.parametrize(
    ("call", "refused"),
    [("prctl(36, 1, 0, 0, 0)", 38), ("fcntl(1, 1031, 4096)", 22), ("unshare(0x20000)", 38)],
)
def test_calls_of_linux_are_refused(call: str, refused: int) -> None:
    script = f"import ctypes; c = ctypes.CDLL(None, use_errno=True); c.{call}"
    seen = without_linux(sys.executable, "-c", f"{script}; print(ctypes.get_errno())")
    assert seen.stdout == f"{refused}\n"


def test_the_exit_code_is_that_of_the_command() -> None:
    assert without_linux("sh", "-c", "exit 3").returncode == 3


def test_what_a_command_leaves_is_named() -> None:
    assert "a process is left: " in without_linux("sh", "-c", "sleep 1000 &").stderr


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder in which everybody may write, in no folder that is closed."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


@pytest.fixture
def open_suite() -> Iterator[tuple[str, ...]]:
    """The suite as a command for every user: a copy, if other users cannot reach this one."""
    places = (sys.executable, os.path.dirname(sys.executable), str(ROOT))
    if not any(closed_to_others(place) for place in places):
        yield SUITE
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield (copied_suite(Path(folder)), *SUITE[1:])


def copied_suite(folder: Path) -> str:
    """A Python with a copy of the suite in this folder."""
    pythons = [shutil.which("python3", path=place) for place in ("/usr/bin", "/usr/local/bin")]
    open_ones = [p for p in (sys.executable, *pythons) if p and not closed_to_others(p)]
    assert open_ones, "other users can reach no Python here"
    made = [open_ones[0], "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(made, check=True, env={"PATH": os.environ["PATH"]})
    (packages,) = folder.glob("lib/python*/site-packages")
    for package in PACKAGES:
        for file in files(package) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), packages / file)
    for name in ("conformance", "reference", "fixtures"):
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    (packages / "suite.pth").write_text(f"{folder}/conformance\n{folder}/reference\n")
    subprocess.run(["chmod", "-R", "go+rX", folder], check=True)
    return str(folder / "bin/python")


@pytest.mark.parametrize("nobody", [False, True])
def test_a_slice_of_the_suite_is_judged_and_leaves_no_process(
    open_folder: Path, open_suite: tuple[str, ...], nobody: bool
) -> None:
    report = open_folder / "report"
    clauses = [
        "svok/exit",
        "fghack/wait",
        "fghack/child",
        "setlock/lock/held",
        "supervise/death",
        "svc/letters",
        "setlock/lock/held-by-child",
        "multilog/processor/umask",
        "multilog/term/finishes-the-line",
        "supervise/restart/pause",
        "svscan/child/environment",
        "svscan/scan/not-before-five-seconds",
        "svscan/log/own-restart",
        "svscan/usage/unreadable-directory",
        "svstat/answer/closed",
        "tree/names",
        "envdir/block/duplicates",
        "process/variables/locale",
        "tai64n/input/constant-memory",
        "process/files/deep-working-directory",
    ]
    words = [word for clause in clauses for word in ("--clause", clause)]
    more = ["--implementation=reference", "--report", str(report), "-n", "2"]
    run = without_linux(*open_suite, *more, *words, nobody=nobody)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    cells = results.read(report).clauses
    untested = [cell for cell in cells.values() if cell["outcome"] == "UNTESTED"]
    assert 0 < len(untested) < 0.3 * len(cells)
    assert {"needs strace", "needs Linux's /proc"} <= {cell["detail"] for cell in untested}
    # Supervises of interpreters are found, and a user is refused closed files.
    for clause in ("svscan/log/own-restart", "svstat/answer/closed-ok"):
        assert cells[clause]["outcome"] == "PASS"


def test_supervises_that_cannot_be_told_apart_are_not_judged(tmp_path: Path) -> None:
    """An svscan that forks its supervises, and cannot give them names of their own."""
    forks = Patch("programs/svscan.py", "    if not fits(words):\n", "    if False:\n")
    mine, report = patched(tmp_path / "mine", [forks]), tmp_path / "report"
    words = ["--report", str(report), "--clause", "svscan/log/own-restart"]
    run = without_linux(*SUITE, f"--implementation=reference={mine}", *words)
    cell = results.read(report).clauses["svscan/log/own-restart"]
    assert (cell["outcome"], cell["detail"]) == ("UNTESTED", NEEDS_NAMES), run.stdout


@pytest.mark.parametrize(("attack", "outcome"), [("(sleep 1000 &)", "PASS"), ("exec yes", "CRASH")])
def test_a_single_test_ends_what_a_program_leaves(
    tmp_path: Path, attack: str, outcome: str
) -> None:
    svok = f'#!/bin/sh\n{attack}\nexec {{true}}/svok "$@"\n'
    mine = with_programs(tmp_path / "mine", patched(tmp_path / "honest"), {"svok": svok})
    clause, report = "svok/exit/never-supervised", tmp_path / "report"
    words = ["--implementation", str(mine), "--report", str(report), "--clause", clause]
    assert without_linux(*SUITE, *words).stderr == ""
    assert results.read(report).clauses[clause]["outcome"] == outcome
