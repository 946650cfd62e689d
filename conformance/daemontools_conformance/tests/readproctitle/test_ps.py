"""readproctitle: what ps, pidof and pgrep show."""

from daemontools_conformance.helpers.listing import output
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.readproctitle.screens import reading


@clause("readproctitle/ps/args")
@needs("ps")
def test_ps_shows_the_screen(sandbox: Sandbox) -> None:
    program = reading(sandbox, "service", "errors:", "." * 30)
    program.write(b"supervise: warning: no run")

    def line() -> str:
        return "".join(output("ps", "-ww", "-o", "args=", "-p", str(program.pid))).rstrip()

    wanted = "readproctitle service errors: ....supervise: warning: no run"
    eventually(lambda: line() == wanted, what=f"ps shows {wanted!r}")


@clause("readproctitle/ps/name")
@needs("ps")
def test_ps_shows_the_name(sandbox: Sandbox) -> None:
    program = reading(sandbox, ".....")
    assert output("ps", "-o", "comm=", "-p", str(program.pid)) == ["readproctitle"]


@clause("readproctitle/ps/pidof")
@needs("pidof", "pgrep")
def test_pidof_and_pgrep_find_it(sandbox: Sandbox) -> None:
    program = reading(sandbox, ".....")
    wanted = str(program.pid)
    assert wanted in " ".join(output("pidof", "readproctitle")).split()
    assert wanted in output("pgrep", "-x", "readproctitle")
