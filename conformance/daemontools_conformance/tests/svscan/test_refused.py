"""svscan: a call in a new process that nothing but strace can make fail."""

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc
from daemontools_conformance.tests.svscan.scanning import CANARY, scans, services


@clause("svscan/child/no-pipe-end")
@needs("strace", "linux")
def test_the_end_of_the_pipe_cannot_be_put_in_place(sandbox: Sandbox) -> None:
    """strace comes when svscan runs: an interpreter needs the same calls to start.

    Some C libraries need fcntl to read a directory; such an svscan sees no new service.
    """
    folder = services(sandbox)
    (folder / CANARY).symlink_to("nowhere")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: scans(svscan))
    copying = "inject=?dup2,dup3,fcntl:error=EMFILE"  # 0.76 copies by fcntl
    strace = ["strace", "-f", "-o", "/dev/null", "-e", copying, "-p", str(svscan.pid)]
    attached = sandbox.start_command(strace)
    about = proc(svscan.pid, "status")
    eventually(lambda: "TracerPid:\t0\n" not in about.read_text() or attached.has_ended())
    if attached.has_ended():
        raise Unavailable("strace may not attach to a process here")
    (sandbox.path / "a/log").mkdir(parents=True)
    (sandbox.path / "a").rename(folder / "a")
    warning = b"svscan: warning: unable to set up descriptors for "
    reason = b": process cannot open more files\n"
    unread = b"svscan: warning: unable to read directory"
    eventually(lambda: warning + b"a" + reason in svscan.err or unread in svscan.err)
    if unread in svscan.err:
        raise Unavailable("it reads its directory with the calls that are refused")
    eventually(lambda: warning + b"a/log" + reason in svscan.err)
    assert not svscan.has_ended()
