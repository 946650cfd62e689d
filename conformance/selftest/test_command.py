"""The command line: what is wrong with it is said in one line, before anything runs."""

import resource
import subprocess
import sys


def command(*words: str, optimize: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            *(["-O"] if optimize else []),
            "-I",
            "-m",
            "daemontools_conformance",
            *words,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_assertions_the_suite_refuses_to_run() -> None:
    finished = command("--program", "svok", optimize=True)
    assert (finished.returncode, finished.stdout) == (4, "")
    assert "unset PYTHONOPTIMIZE" in finished.stderr


def test_explain_suggests_clauses_with_similar_ids() -> None:
    finished = command("explain", "svok/exit/runing")
    assert finished.returncode == 1
    assert "did you mean svok/exit/running" in finished.stdout


def test_list_suggests_programs_with_similar_names() -> None:
    finished = command("list", "--program", "svk")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "there is no program svk; did you mean " in finished.stderr


def test_the_help_says_that_a_differential_session_has_its_own_options() -> None:
    assert "see --differential --help" in " ".join(command("--help").stdout.split())
    assert "--cases" in command("--differential", "--help").stdout


def test_one_test_is_cheap() -> None:
    """It starts no workers. Some 0.8 seconds of processor time on an idle machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = command("--program", "svok", "-k", "no_operand")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3
