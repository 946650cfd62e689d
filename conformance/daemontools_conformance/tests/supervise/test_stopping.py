"""supervise: the letters that stop a service: down, pause and continue."""

import os
import re
import signal

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_stopped
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import (
    SLEEP,
    number_of_starts,
    wait_until_down,
    wait_until_ready,
    wait_until_received,
    wait_until_up,
    wait_until_wanted,
    witnessed,
)


@clause("supervise/command/down")
def test_down_sends_term_and_cont_and_starts_nothing_after_the_end(sandbox: Sandbox) -> None:
    witnessed(sandbox)  # it notes TERM and goes on
    sandbox.control("s", b"d")
    wait_until_received(sandbox, "TERM", "CONT")
    os.kill(wait_until_ready(sandbox), signal.SIGKILL)
    wait_until_down(sandbox)
    sandbox.control("s", b"u")  # only after this one does it start again
    wait_until_ready(sandbox)
    assert number_of_starts(sandbox) == 2


@clause("supervise/command/down-order")
@needs("strace")
def test_down_sends_term_before_continue(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    trace = sandbox.path / "trace"
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=kill,?pidfd_send_signal"]
    sandbox.start_command([*strace, *sandbox.words("supervise", "s")])
    wait_until_up(sandbox)
    sandbox.control("s", b"d")
    wait_until_down(sandbox)
    # strace breaks a line in two if another process is seen in between.
    sent = re.findall(r"(?:kill|signal)\(\d+, SIG(\w+)", trace.read_text())
    assert sent == ["TERM", "CONT"]


@clause("supervise/command/down-paused")
def test_down_ends_a_paused_service(sandbox: Sandbox) -> None:
    witnessed(sandbox, "TERM")
    sandbox.control("s", b"p")
    eventually(lambda: sandbox.status("s").paused)
    sandbox.control("s", b"d")
    wait_until_down(sandbox)


@clause("supervise/command/pause")
def test_pause_stops_it(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    pid = wait_until_ready(sandbox)
    sandbox.control("s", b"p")
    eventually(lambda: is_stopped(pid))
    assert sandbox.status("s").pid == pid


@clause("supervise/command/continue")
def test_continue_lets_a_paused_service_go_on(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    pid = wait_until_ready(sandbox)
    sandbox.control("s", b"p")
    eventually(lambda: is_stopped(pid))
    sandbox.control("s", b"c")
    wait_until_received(sandbox, "CONT")
    assert not is_stopped(pid)


@clause("supervise/command/continue")
def test_continue_is_sent_to_a_service_that_is_not_paused(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"c")
    wait_until_received(sandbox, "CONT")


@clause("supervise/command/pause-while-down")
def test_pause_while_down_does_not_pause_the_next_run(sandbox: Sandbox) -> None:
    witnessed(sandbox, down=True)
    sandbox.control("s", b"po")
    wait_until_wanted(sandbox, b"\0")
    pid = wait_until_ready(sandbox)
    assert sandbox.status("s").paused == 0
    assert not is_stopped(pid)


@clause("supervise/command/pause-while-down")
def test_pause_while_down_is_not_shown(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    supervise = sandbox.supervise("s")
    sandbox.control("s", b"px")
    supervise.wait()
    assert sandbox.status("s").paused == 0
