"""fghack: an error where it waits, which nothing but strace can bring about."""

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_asleep
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc


@clause("fghack/error/read")
@needs("strace", "linux")
def test_an_error_of_the_pipe_is_its_end(sandbox: Sandbox) -> None:
    """The child's own child holds the pipe open: without the error fghack would wait for it.

    It also writes into the pipe, for a fghack that reads only if there is something to read.
    """
    writer = "until [ -e go ]; do sleep 0.1; done; echo >&9; exec sleep 1000"
    fghack = sandbox.start("fghack", "/bin/sh", "-c", f"({writer}) & echo begun; exit 7")
    fghack.wait_until_out(b"begun\n")
    eventually(lambda: is_asleep(fghack.pid))
    strace = ["strace", "-o", "/dev/null", "-e", "inject=read:error=EIO", "-p", str(fghack.pid)]
    attached = sandbox.start_command(strace)
    about = proc(fghack.pid, "status")
    eventually(lambda: "TracerPid:\t0\n" not in about.read_text() or attached.has_ended())
    sandbox.write("go")
    eventually(lambda: fghack.has_ended() or attached.has_ended())
    if not fghack.has_ended():
        raise Unavailable("strace may not attach to a process here")
    answer = fghack.wait()
    assert (answer.code, answer.err) == (7, b"")
