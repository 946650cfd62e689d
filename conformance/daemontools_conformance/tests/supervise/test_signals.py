"""supervise: the letters that send one signal."""

import pytest

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_stopped
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import (
    noted,
    number_of_starts,
    wait_until_down,
    wait_until_ready,
    wait_until_received,
    wait_until_restarted,
    wait_until_wanted,
    witnessed,
)


@clause("supervise/command/signals")
@pytest.mark.parametrize(
    ("letter", "name"), [(b"h", "HUP"), (b"a", "ALRM"), (b"i", "INT"), (b"t", "TERM")]
)
def test_each_of_these_letters_sends_its_signal(sandbox: Sandbox, letter: bytes, name: str) -> None:
    witnessed(sandbox)
    sandbox.control("s", letter)
    wait_until_received(sandbox, name)


@clause("supervise/command/kill")
def test_kill_ends_it_and_it_is_started_again(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    first = wait_until_ready(sandbox)
    sandbox.control("s", b"k")
    wait_until_restarted(sandbox, first)
    assert history.signals(noted(sandbox)) == []


@clause("supervise/command/term-restarts")
def test_term_ends_it_and_it_is_started_again(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    first = wait_until_ready(sandbox)
    sandbox.control("s", b"t")
    wait_until_restarted(sandbox, first)


@clause("supervise/command/term-sends-no-continue")
def test_term_does_not_continue_a_paused_service(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    pid = wait_until_ready(sandbox)
    sandbox.control("s", b"pt" + b"o")
    wait_until_wanted(sandbox, b"\0")  # so t has been obeyed
    eventually(lambda: is_stopped(pid))
    sandbox.control("s", b"c")
    wait_until_down(sandbox)


@clause("supervise/command/repeated")
def test_a_second_kill_counts_as_much_as_the_first(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"k")
    eventually(lambda: number_of_starts(sandbox) == 2)
    sandbox.control("s", b"k")
    eventually(lambda: number_of_starts(sandbox) == 3)


@clause("supervise/command/repeated")
def test_a_second_hangup_counts_as_much_as_the_first(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"h")
    wait_until_received(sandbox, "HUP")
    sandbox.control("s", b"h")
    wait_until_received(sandbox, "HUP", "HUP")
