"""softlimit: limits that cannot be read or set, which nothing but strace can bring about."""

import re

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.strace import messages, run_refused
from daemontools_conformance.running.sandbox import Sandbox

CALLS = "prlimit64,?getrlimit,?setrlimit"
WORDS = ("-o", "50", "/bin/echo", "ran")


@clause("softlimit/error/get")
@needs("strace")
def test_a_limit_cannot_be_read(sandbox: Sandbox) -> None:
    answer = run_refused(sandbox, CALLS, "EIO", "softlimit", *WORDS)
    assert (answer.code, answer.out) == (111, b"")
    assert messages(answer.err) == b"softlimit: fatal: getrlimit failed: input/output error\n"


@clause("softlimit/error/set")
@needs("strace")
def test_a_limit_cannot_be_set(sandbox: Sandbox) -> None:
    """The call that sets it is the first that names its new value."""
    trace = sandbox.path / "trace"
    call = [sandbox.file("softlimit"), *WORDS]
    tracing = ["strace", "-o", str(trace), "-e"]
    answer = sandbox.start_command([*tracing, f"trace={CALLS}", *call]).wait()
    assert (answer.code, answer.out) == (0, b"ran\n")
    calls = re.findall(r"^(\w+)\((.*)", trace.read_text(), flags=re.MULTILINE)
    setting = [n for n, (_, arguments) in enumerate(calls) if "{rlim_cur=50," in arguments]
    if not setting:
        raise Unavailable(f"the program sets its limit by other calls than {CALLS}")
    name, _ = calls[setting[0]]
    when = [other for other, _ in calls[: setting[0] + 1]].count(name)
    refusal = f"inject={name}:error=EIO:when={when}"
    answer = sandbox.start_command([*tracing, refusal, *call]).wait()
    assert (answer.code, answer.out) == (111, b"")
    assert messages(answer.err) == b"softlimit: fatal: setrlimit failed: input/output error\n"
