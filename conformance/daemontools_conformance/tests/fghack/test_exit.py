"""fghack: its exit code."""

import signal

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.runners import answer_of
from daemontools_conformance.running.sandbox import Sandbox

GREATEST_SIGNAL = str(int(max(signal.valid_signals())))


@clause("fghack/exit/code")
@pytest.mark.parametrize("code", [0, 1, 100, 111, 255])
def test_exit_code_of_the_child_is_passed_on(sandbox: Sandbox, code: int) -> None:
    assert sandbox.run("fghack", "sh", "-c", f"exit {code}").code == code


@clause("fghack/exit/crashed")
@pytest.mark.parametrize("name", ["HUP", "PIPE", "TERM", "KILL", "SEGV", GREATEST_SIGNAL])
def test_killed_child_gives_111(sandbox: Sandbox, name: str) -> None:
    answer = sandbox.run("fghack", "sh", "-c", f"kill -{name} $$")
    assert answer_of(answer) == (111, b"", b"fghack: fatal: child crashed\n")


@clause("fghack/exit/code-of-child")
def test_exit_code_is_not_that_of_the_daemon(sandbox: Sandbox) -> None:
    answer = sandbox.run("fghack", "sh", "-c", "(sleep 0.1; exit 3) & exit 5")
    assert answer_of(answer) == (5, b"", b"")


@clause("fghack/exit/children-ignored")
def test_ignored_sigchld_makes_waiting_fail(sandbox: Sandbox) -> None:
    answer = sandbox.run("fghack", "true", prepare=["--ignore", "CHLD"])
    assert answer_of(answer) == (111, b"", b"fghack: fatal: wait failed: no child processes\n")
