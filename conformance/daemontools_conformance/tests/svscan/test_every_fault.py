"""svscan: every call of a scan fails, for every reason, and the next scan makes up for it."""

import pytest

from daemontools_conformance.faults.supervisors import NTH, SVSCAN, Refusal, endure
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import services, telling_supervise

# the clause's last word -> the calls; only those for files of this name, if there is one
FAULTS = {
    "pipe": ("pipe,pipe2", None),
    "fork": ("clone,clone3,fork,vfork", None),
    "read-directory": ("getdents64", ""),
    "stat": ("stat,newfstatat,statx", "a"),
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
@needs("strace")
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=clause(f"svscan/survives/{name}")) for name in FAULTS]
)
def test_a_call_of_the_first_scan_fails_once(sandbox: Sandbox, fault: str, error: str) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a/log")
    calls, name = FAULTS[fault]
    words = sandbox.words("svscan", "service")
    strace = ["strace", "-o", "/dev/null", "-e", f"inject={calls}:error={error}:when=1"]
    if name is not None:
        strace += ["-P", name or str(folder.resolve()), "-P", str(folder.resolve() / name)]
    sandbox.start_command([*strace, *words])
    eventually(lambda: {"a", "log"} <= set(told.read_text().split()), within=60)
