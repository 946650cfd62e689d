"""fghack: what it waits for.

A daemon of these tests lives until somebody opens the gate, a FIFO that it reads.
"""

import os
import signal
import sys
from pathlib import Path

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running, children, is_alive
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import is_stopped

PYTHON = str(Path(sys.executable).resolve())


def _gate(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "gate")


def _open_gate(sandbox: Sandbox) -> None:
    """End whoever reads the gate."""
    way = os.O_WRONLY | os.O_NONBLOCK
    os.close(eventually(lambda: os.open(sandbox.path / "gate", way), what="the daemon reads"))


def _script(sandbox: Sandbox, daemon: str) -> Running:
    """Start `fghack python3` on a script that may use os and `wait`, which waits at the gate."""
    sandbox.write(
        "daemon.py",
        "import os\n"
        "def wait():\n"
        "    open('here', 'w').close()\n"
        "    open('gate').read()\n"
        f"{daemon}\n",
    )
    _gate(sandbox)
    return sandbox.start("fghack", PYTHON, "-IS", "daemon.py")


def _is_in_place(sandbox: Sandbox) -> bool:
    return (sandbox.path / "here").exists()


@clause("fghack/wait/background")
def test_waits_for_a_daemon_in_the_background(sandbox: Sandbox) -> None:
    _gate(sandbox)
    running = sandbox.start("fghack", "sh", "-c", "echo $$ >pid; cat gate & exit 0")
    child = int(eventually((sandbox.path / "pid").read_text))
    eventually(lambda: not is_alive(child), what="the child ends")
    never(running.has_ended, during=0.3)
    _open_gate(sandbox)
    running.wait()


@clause("fghack/wait/new-session")
def test_waits_for_a_daemon_that_does_all_that_daemons_do(sandbox: Sandbox) -> None:
    running = _script(
        sandbox,
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "for fd in 0, 1, 2: os.close(fd)\n"
        "wait()",
    )
    eventually(lambda: _is_in_place(sandbox))
    never(running.has_ended, during=0.3)
    _open_gate(sandbox)
    running.wait()


@clause("fghack/wait/low-descriptors-closed")
def test_waits_for_a_daemon_that_closes_descriptors_below_20(sandbox: Sandbox) -> None:
    running = _script(sandbox, "if os.fork(): os._exit(0)\nos.closerange(0, 20)\nwait()")
    eventually(lambda: _is_in_place(sandbox))
    never(running.has_ended, during=0.3)
    _open_gate(sandbox)
    running.wait()


@clause("fghack/wait/last-copy")
def test_waits_for_a_daemon_that_leaves_the_last_copy(sandbox: Sandbox) -> None:
    running = _script(sandbox, "if os.fork(): os._exit(0)\nos.closerange(0, 33)\nwait()")
    eventually(lambda: _is_in_place(sandbox))
    never(running.has_ended, during=0.3)
    _open_gate(sandbox)
    running.wait()


@clause("fghack/wait/last-copy")
def test_does_not_wait_for_a_daemon_that_closes_the_last_copy_too(sandbox: Sandbox) -> None:
    running = _script(sandbox, "if os.fork(): os._exit(0)\nos.closerange(0, 34)\nwait()")
    running.wait()
    eventually(lambda: _is_in_place(sandbox))


@clause("fghack/wait/all-closed")
def test_does_not_wait_for_a_daemon_that_closes_all(sandbox: Sandbox) -> None:
    running = _script(sandbox, "if os.fork(): os._exit(0)\nos.closerange(0, 100)\nwait()")
    running.wait()
    eventually(lambda: _is_in_place(sandbox))


@clause("fghack/wait/child-without-pipe")
def test_waits_for_the_child_itself(sandbox: Sandbox) -> None:
    running = _script(sandbox, "os.closerange(3, 100)\nwait()")
    eventually(lambda: _is_in_place(sandbox))
    never(running.has_ended, during=0.3)
    _open_gate(sandbox)
    running.wait()


@clause("fghack/wait/output-ignored")
def test_pipe_never_fills(sandbox: Sandbox) -> None:
    answer = sandbox.run("fghack", "sh", "-c", "head -c 300000 /dev/zero >&9")
    assert (answer.out, answer.err) == (b"", b"")


@clause("fghack/wait/stopped-child")
def test_stopped_child_is_waited_for(sandbox: Sandbox) -> None:
    running = sandbox.start("fghack", "sh", "-c", "echo $$ >pid; kill -STOP $$")
    child = int(eventually((sandbox.path / "pid").read_text))
    eventually(lambda: is_stopped(child))
    never(running.has_ended, during=0.3)
    os.kill(child, signal.SIGCONT)
    running.wait()


@clause("fghack/signal/not-forwarded")
def test_signal_reaches_fghack_alone(sandbox: Sandbox) -> None:
    running = sandbox.start("fghack", "sh", "-c", "echo $$ >pid; exec sleep 1000")
    child = int(eventually((sandbox.path / "pid").read_text))
    assert children(running.pid) == {child}
    running.signal(signal.SIGTERM)
    assert running.wait().code == -signal.SIGTERM
    never(lambda: not is_alive(child), during=0.2)


@clause("fghack/signal/default")
def test_signals_kill_fghack(sandbox: Sandbox) -> None:
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1)
    codes = {}
    for number in numbers:
        running = sandbox.start("fghack", "sleep", "1000")
        eventually(lambda pid=running.pid: children(pid))  # type: ignore[misc]
        running.signal(number)
        codes[number] = running.wait().code
    assert codes == {number: -number for number in numbers}
