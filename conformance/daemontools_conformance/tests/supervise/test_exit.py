"""supervise: the letter that ends supervise."""

import os
import signal

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import (
    number_of_starts,
    wait_until_obeyed,
    wait_until_ready,
    wait_until_received,
    witnessed,
)


@clause("supervise/command/exit-down")
def test_exit_ends_supervise_while_the_service_is_down(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, down=True)
    sandbox.control("s", b"x")
    assert supervise.wait().code == 0


@clause("supervise/command/exit-up")
def test_exit_waits_for_the_end_of_a_service_that_is_up(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, "ALRM")
    sandbox.control("s", b"x")
    wait_until_obeyed(sandbox)
    assert not supervise.has_ended()
    sandbox.control("s", b"a")
    assert supervise.wait().code == 0
    assert number_of_starts(sandbox) == 1


@clause("supervise/command/exit-up")
def test_exit_ends_supervise_when_run_ends_by_itself(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, "USR1")
    sandbox.control("s", b"x")
    wait_until_obeyed(sandbox)
    os.kill(wait_until_ready(sandbox), signal.SIGUSR1)
    assert supervise.wait().code == 0
    assert number_of_starts(sandbox) == 1


@clause("supervise/command/exit-sends-nothing")
def test_exit_sends_no_signal(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"xxa")
    wait_until_received(sandbox, "ALRM")


@clause("supervise/command/exit-is-for-ever")
@pytest.mark.parametrize("letters", [b"xut", b"xot", b"xduct", b"oxut", b"xxt"])
def test_nothing_takes_exit_back(sandbox: Sandbox, letters: bytes) -> None:
    supervise = witnessed(sandbox, "TERM")
    sandbox.control("s", letters)
    assert supervise.wait().code == 0
    assert number_of_starts(sandbox) == 1


@clause("supervise/command/exit-then-others")
@pytest.mark.parametrize(("letters", "last"), [(b"xd", b"d"), (b"xot", b"\0"), (b"xuk", b"u")])
def test_commands_after_exit_count_until_then(
    sandbox: Sandbox, letters: bytes, last: bytes
) -> None:
    supervise = witnessed(sandbox, "TERM")
    sandbox.control("s", letters)
    assert supervise.wait().code == 0
    assert sandbox.status("s").want == last


@clause("supervise/command/nothing-after-exit")
@pytest.mark.parametrize("letters", [b"xu", b"xo", b"xxuo"])
def test_no_command_is_obeyed_after_the_end(sandbox: Sandbox, letters: bytes) -> None:
    supervise = witnessed(sandbox, down=True)
    sandbox.control("s", letters)
    assert supervise.wait().code == 0
    assert sandbox.status("s").want == b"d"
    assert number_of_starts(sandbox) == 0
