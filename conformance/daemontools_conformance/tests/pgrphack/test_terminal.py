"""pgrphack: at a terminal."""

import signal

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import is_alive
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.pgrphack.terminal import Terminal

# Two programs in the foreground of one terminal; each notes its process id.
PLAIN_AND_PGRPHACK = (
    "sh -c 'echo $$ >plain; exec sleep 1000'"
    " | pgrphack sh -c 'echo $$ >apart; exec sleep 1000 </dev/null'"
)


def _wait_until_noted(sandbox: Sandbox, name: str) -> int:
    pid = int(eventually((sandbox.path / name).read_text))
    sandbox.leaders.add(pid)
    return pid


@clause("pgrphack/terminal/none")
@needs("linux")
def test_child_has_no_terminal(sandbox: Sandbox) -> None:
    with Terminal(sandbox, "sh", "-c", PLAIN_AND_PGRPHACK):
        assert record(_wait_until_noted(sandbox, "plain")).terminal != 0
        assert record(_wait_until_noted(sandbox, "apart")).terminal == 0


@clause("pgrphack/terminal/interrupt")
def test_interrupt_does_not_reach_the_child(sandbox: Sandbox) -> None:
    with Terminal(sandbox, "sh", "-c", PLAIN_AND_PGRPHACK) as terminal:
        plain, apart = _wait_until_noted(sandbox, "plain"), _wait_until_noted(sandbox, "apart")
        terminal.press_interrupt()
        eventually(lambda: not is_alive(plain), what="the plain program ends")
        never(lambda: not is_alive(apart), during=0.3)


@clause("pgrphack/terminal/interrupt-of-leader")
def test_interrupt_reaches_the_child_of_a_leader(sandbox: Sandbox) -> None:
    with Terminal(sandbox, "pgrphack", "sh", "-c", "echo ready; exec sleep 1000") as terminal:
        terminal.expect(b"ready")
        terminal.press_interrupt()
        assert terminal.wait() == -signal.SIGINT


@clause("pgrphack/terminal/hangup")
def test_hangup_does_not_reach_the_child(sandbox: Sandbox) -> None:
    with Terminal(sandbox, "sh", "-c", PLAIN_AND_PGRPHACK) as terminal:
        plain, apart = _wait_until_noted(sandbox, "plain"), _wait_until_noted(sandbox, "apart")
        terminal.hang_up()
        eventually(lambda: not is_alive(plain), what="the plain program ends")
        never(lambda: not is_alive(apart), during=0.3)
