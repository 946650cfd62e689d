"""The command line: what is wrong with it is said in one line, before anything runs."""

import os
import re
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import daemontools
from daemontools_conformance import __version__
from daemontools_conformance.commands import verbs
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.reports import results


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


def test_a_folder_behind_an_option_is_refused_and_not_left_aside(tmp_path: Path) -> None:
    finished = command("--clause", "svok/exit/running", str(tmp_path))
    assert (finished.returncode, finished.stdout.strip()) == (4, "")
    assert f"{tmp_path} holds no tests: did you mean --implementation?" in finished.stderr


@pytest.mark.parametrize("option", ["-n", "--sample", "--repeat"])
@pytest.mark.parametrize("word", ["x", "-1", "1.5"])
def test_what_is_not_a_number_is_refused(option: str, word: str) -> None:
    finished = command("--program", "svok", option, word)
    assert finished.returncode == 4
    assert f"{word!r} is not a whole number" in finished.stderr


@pytest.mark.parametrize(
    ("option", "word", "why"),
    [
        ("--repeat", "0", "it must be 1 or more"),
        ("--patience", "0", "'0' is not a number greater than 0"),
        ("--patience", "-1", "'-1' is not a number greater than 0"),
        ("--patience", "nan", "'nan' is not a number greater than 0"),
    ],
)
def test_a_number_that_would_make_no_run_is_refused(option: str, word: str, why: str) -> None:
    finished = command("--clause", "svok/usage/no-operand", "-n0", option, word)
    assert finished.returncode == 4
    assert why in finished.stderr


@cache
def overview() -> str:
    return " ".join(command("--help").stdout.split())


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_the_help_of_a_verb_says_what_it_does(verb: str) -> None:
    about = " ".join(command(verb, "--help").stdout.split("\n\n")[1].split())
    assert f" {verb} {about[:1].lower()}{about[1:].rstrip('.')}" in overview()


def test_the_help_says_that_a_differential_session_has_its_own_options() -> None:
    assert "see --differential --help" in " ".join(command("--help").stdout.split())
    assert "--cases" in command("--differential", "--help").stdout


def test_it_says_its_version() -> None:
    assert command("--version").stdout == f"daemontools-conformance {__version__}\n"


def test_suite_programs_and_the_reference_profile_have_one_version() -> None:
    assert {daemontools.__version__, find("reference").version} == {__version__}


def test_one_test_is_cheap() -> None:
    """It starts no workers. Some 0.8 seconds of processor time on an idle machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = command("--program", "svok", "-k", "no_operand")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3


SUITE = f"{sys.executable} -I -m daemontools_conformance"
ONE_TEST = "--program svok -k no_operand -n 0"


def in_shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("call", ["list", "--help"])
@pytest.mark.parametrize(
    "script",
    ["ulimit -n 255; {}", "mkdir gone; cd gone; rmdir ../gone; {}", "PYTHONOPTIMIZE=1 {}"],
    ids=["descriptors", "working-directory", "optimized"],
)
def test_what_hinders_a_run_hinders_every_call(tmp_path: Path, script: str, call: str) -> None:
    suite = SUITE.replace(" -I ", " ")  # it would leave out the variable
    finished = in_shell(script.format(f"{suite} {call}"), tmp_path)
    assert (finished.returncode, finished.stdout) == (4, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_verdict(tmp_path: Path, closed: str) -> None:
    finished = in_shell(f"exec {SUITE} {ONE_TEST} {closed}", tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("ulimit -n 255; exec {}", "descriptors: raise the limit"),
        ("mkdir gone; cd gone; rmdir ../gone; exec {}", "the working directory: No such file"),
        pytest.param(
            "exec {} >/dev/full", "No space left on device",
            marks=pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full"),
        ),
    ],
    ids=["descriptors", "working-directory", "full"],
)  # fmt: skip
def test_what_is_missing_is_said_in_one_line(tmp_path: Path, script: str, says: str) -> None:
    finished = in_shell(script.format(f"{SUITE} {ONE_TEST}"), tmp_path)
    assert finished.returncode == 4
    assert says in finished.stderr
    assert "Traceback" not in finished.stderr


INTERRUPTED_IN_A_FORK = """
import os, signal, sys
from daemontools_conformance import commands, workers

def interrupt():
    if "session" in sys._getframe(1).f_locals and not told:  # the fork of a worker
        told.append(os.kill(os.getpid(), signal.SIGINT))

told = []
os.register_at_fork({when}=interrupt)
commands.main()
"""


@pytest.mark.parametrize("when", ["before", "after_in_parent"])
def test_an_interrupt_while_a_worker_is_made_is_not_lost(tmp_path: Path, when: str) -> None:
    finished = subprocess.run(
        [
            *(sys.executable, "-I", "-c", INTERRUPTED_IN_A_FORK.format(when=when)),
            *("--implementation", "reference", "--program", "svok", "--report", "report", "-n2"),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (2, "")
    assert results.read(tmp_path / "report").footer["exit_status"] == 2


def test_a_profile_that_is_a_fifo_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "profile.toml")
    finished = command("--implementation", str(tmp_path / "profile.toml"))
    assert finished.returncode == 4
    assert "it is not a file" in finished.stderr


@pytest.mark.parametrize(
    ("clause", "test"),
    [
        ("svok/effect/creates-nothing", "test_who_asks_or_commands_creates_nothing"),
        ("tai64n/effect/creates-nothing", "test_who_changes_something_else_creates_nothing"),
        ("exec/child/same-process", "test_child_runs_in_the_same_process"),
        ("multilog/restart/huge-current", "test_a_huge_current_is_put_away_before_the_next_line"),
    ],
)
def test_explain_names_the_tests_whose_parameters_carry_the_clause(clause: str, test: str) -> None:
    finished = command("explain", clause)
    assert re.findall(r"::(\w+) \(line", finished.stdout) == [test]
    assert finished.stderr == ""


def test_explain_says_which_suite_had_the_clause_first() -> None:
    for clause, since in [
        ("svok/exit/running", "0.1.0"),
        ("setlock/options/long-options", "0.2.0"),
    ]:
        assert f"\nsince\n  suite {since}\n" in command("explain", clause).stdout


def test_explain_says_where_alone_a_profile_deviates() -> None:
    shown = command("explain", "readproctitle/screen/shifts-in-from-the-right").stdout
    assert "\nreference deviates: known-bug; only without linux\n" in shown


def test_each_clause_has_a_test_whose_parameters_carry_it() -> None:
    assert "## Clauses without a test\n\nNone.\n" in command("untested").stdout
