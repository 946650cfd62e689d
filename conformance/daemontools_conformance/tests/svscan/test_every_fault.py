"""svscan: every call of a scan fails, for every reason, and the next scan makes up for it."""

import pytest

from daemontools_conformance.faults.supervisors import NTH, SVSCAN, Refusal, endure
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.helpers.strace import messages
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import services, telling_supervise

# calls -> are they restricted to files of this name; what svscan says
FAULTS = {
    "pipe,pipe2": (None, b"unable to create pipe for a: "),
    "clone,clone3,fork,vfork": (None, b"unable to fork for a: "),
    "getdents64": ("", b"unable to read directory: "),
    "stat,newfstatat,statx": ("a", b"unable to stat a: "),
}
ERRORS = ("EIO", "EACCES", "EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "EINTR")


EACH_CALL = [
    pytest.param(refusal, id=refusal.name, marks=clause(f"svscan/survives/{refusal.name}"))
    for refusal in SVSCAN
]


@heavy("faults")
@needs("attach")
@pytest.mark.parametrize("when", NTH)
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("refusal", EACH_CALL)
def test_the_nth_call_of_the_loop_fails(
    sandbox: Sandbox, refusal: Refusal, error: str, when: str
) -> None:
    seen = endure(sandbox, "svscan", refusal, error, when)
    assert seen.is_alive
    assert not seen.trouble


@heavy("faults")
@clause("svscan/limit/scans-go-on")
@needs("strace")
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("calls", FAULTS)
def test_every_call_of_a_scan_fails_once(sandbox: Sandbox, calls: str, error: str) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a/log")
    name, warning = FAULTS[calls]
    words = sandbox.words("svscan", "service")
    strace = ["strace", "-o", "/dev/null", "-e", f"inject={calls}:error={error}:when=1"]
    if name is not None:
        strace += ["-P", name or str(folder.resolve()), "-P", str(folder.resolve() / name)]
    svscan = sandbox.start_command([*strace, *words])
    eventually(lambda: {"a", "log"} <= set(told.read_text().split()), within=60)
    said = messages(svscan.err)
    assert said == b"" or said.startswith(b"svscan: warning: " + warning)
    assert said.count(b"\n") <= 1
    assert said or error == "EINTR"
