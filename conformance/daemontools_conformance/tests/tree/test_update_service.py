"""Debian's update-service, of its daemontools-run or its runit, and the layout that it makes."""

import os
import shlex
import shutil
from pathlib import Path

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import read_status
from daemontools_conformance.running.table import proc

# In a mount namespace /var/lib and /run are new. For what lies in /etc, by the letters of its
# path, update-service makes links into /var/lib/supervise, and runit's into /run.
ADD = """\
mount -t tmpfs none /var/lib
mount -t tmpfs none /run
mkdir -p /var/lib/supervise /run/runit/supervise
SVDIR={here}/service {update_service} --add /etc/../{here}/clock
exec {svscan} {here}/service
"""


@clause("tree/clients/update-service")
@needs("root", "namespaces", "update-service")
def test_a_service_that_update_service_adds(sandbox: Sandbox, variant: str) -> None:
    sandbox.service("clock", "exec sleep 1000")
    sandbox.service("clock/log", "exec sleep 1000")
    (sandbox.path / "service").mkdir()
    file = sandbox.file("svscan")
    here = shlex.quote(str(sandbox.path.resolve()))
    update_service = shlex.quote(shutil.which("update-service") or "")
    sandbox.environment["PATH"] += ":/usr/sbin:/sbin"
    script = ADD.format(here=here, svscan=shlex.quote(file), update_service=update_service)
    tree = sandbox.start_command(["unshare", "-m", "sh", "-ec", script])

    def made(service: str) -> Path:
        return proc(tree.pid, f"root{os.readlink(sandbox.path / service / 'supervise')}")

    def both_are_up() -> bool:
        statuses = [made(service) / "status" for service in ("clock", "clock/log")]
        return all(read_status(status).pid for status in statuses)

    if variant == "plain":
        eventually(lambda: b"unable to acquire clock/supervise/lock" in tree.err)
        never(made("clock").exists, during=1)
        return
    eventually(both_are_up, within=40)
