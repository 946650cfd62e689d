"""svscan as process 1, as in a container."""

import os

from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, below
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscanboot.booting import find


def first(sandbox: Sandbox) -> Running:
    """An svscan that is process 1 of its namespace; the Running is that of unshare."""
    file, argv = sandbox.argv("svscan", "service")
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    apart = ["unshare", *user, "-p", "-f", "--kill-child", "--mount-proc"]
    return sandbox.start_command([*apart, file, *argv[1:]])


@clause("svscan/first/runs")
@needs("namespaces")
def test_it_can_be_process_1(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo $PPID >number; echo line; exec sleep 1000")
    sandbox.service("service/a/log", "exec cat >caught")
    unshare = first(sandbox)
    caught = sandbox.path / "service/a/log/caught"
    eventually(lambda: caught.read_bytes() == b"line\n", what="the line is logged")
    run = eventually(lambda: find(unshare, "sleep", "1000"), what="./run becomes sleep")
    assert 1 < int((sandbox.path / "service/a/number").read_text()) < 100  # a namespace's number
    os.kill(run, 9)
    eventually(lambda: find(unshare, "sleep", "1000") not in (0, run), what="it runs again")


@slow
@clause("svscan/first/reaps")
@needs("namespaces")
def test_as_process_1_it_reaps_orphans(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "(sleep 999 &); exec sleep 1000")
    unshare = first(sandbox)
    orphan = eventually(lambda: find(unshare, "sleep", "999"))
    os.kill(orphan, 9)
    eventually(lambda: orphan not in below(unshare.pid), within=40, what="it is reaped")
