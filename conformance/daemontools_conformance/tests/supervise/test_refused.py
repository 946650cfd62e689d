"""supervise: the system refuses to send a signal, as to a program of another user."""

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox


@clause("supervise/command/signal-refused")
@needs("strace")
def test_a_signal_that_cannot_be_sent(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    trace = sandbox.path / "trace"
    strace = ["strace", "-o", str(trace), "-e", "trace=kill", "-e", "inject=kill:error=EPERM"]
    supervise = sandbox.start_command([*strace, *sandbox.words("supervise", "s")])
    pid = eventually(lambda: sandbox.is_supervised("s") and sandbox.status("s").pid)
    sandbox.control("s", b"td")
    eventually(lambda: sandbox.status("s").want == b"d")
    eventually(lambda: trace.read_text().count("INJECTED") == 3)  # TERM, TERM, CONT
    assert sandbox.status("s").pid == pid
    assert (supervise.out, supervise.err) == (b"", b"")
