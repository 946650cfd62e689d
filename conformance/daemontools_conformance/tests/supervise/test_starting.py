"""supervise: the letters that start a service: up and once."""

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import (
    number_of_starts,
    wait_until_down,
    wait_until_obeyed,
    wait_until_ready,
    wait_until_restarted,
    witnessed,
)


@clause("supervise/command/up")
def test_up_starts_it_and_then_whenever_it_ends(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM", down=True)
    sandbox.control("s", b"u")
    first = wait_until_ready(sandbox)
    sandbox.control("s", b"t")
    wait_until_restarted(sandbox, first)


@clause("supervise/command/up-again")
def test_up_while_it_is_up_starts_nothing(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    pid = wait_until_ready(sandbox)
    sandbox.control("s", b"uuuuu")
    wait_until_obeyed(sandbox)
    assert sandbox.status("s").pid == pid
    assert number_of_starts(sandbox) == 1


@clause("supervise/command/once")
def test_once_starts_a_service_that_is_down_only_once(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, "TERM", down=True)
    sandbox.control("s", b"o")
    wait_until_ready(sandbox)
    sandbox.control("s", b"t")
    wait_until_down(sandbox)
    sandbox.control("s", b"x")
    assert supervise.wait().code == 0  # with another ./run it would not end
    assert number_of_starts(sandbox) == 1


@clause("supervise/command/once")
def test_once_lets_a_service_that_is_up_end_for_good(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox, "TERM")
    sandbox.control("s", b"ot")
    wait_until_down(sandbox)
    sandbox.control("s", b"x")
    assert supervise.wait().code == 0
    assert number_of_starts(sandbox) == 1
