"""The suite on a system without /proc, prctl, strace and namespaces: it judges, and is not red."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemontools_conformance.reports import results
from daemontools_conformance.running.needs import closed_to_others, missing
from selftest.builds import patched, with_programs

WITHOUT_LINUX = Path(__file__).parents[1] / "upkeep/without-linux"
SUITE = (sys.executable, "-I", "-m", "daemontools_conformance")

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


@pytest.mark.parametrize("nobody", [False, True])
def test_a_slice_of_the_suite_is_judged_and_leaves_no_process(
    open_folder: Path, nobody: bool
) -> None:
    if nobody and (why := closed_to_others(sys.executable)):
        pytest.skip(why)
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
        "tai64n/input/constant-memory",
        "process/files/deep-working-directory",
    ]
    words = [word for clause in clauses for word in ("--clause", clause)]
    more = ["--implementation=reference", "--report", str(report), "-n", "2"]
    run = without_linux(*SUITE, *more, *words, nobody=nobody)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    cells = results.read(report).clauses.values()
    untested = [cell for cell in cells if cell["outcome"] == "UNTESTED"]
    assert 0 < len(untested) < 0.3 * len(cells)
    assert {"needs strace", "needs Linux's /proc"} <= {cell["detail"] for cell in untested}


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
