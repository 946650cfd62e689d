"""softlimit: limits that cannot be read or set, which nothing but strace can bring about."""

import re

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.strace import messages
from daemontools_conformance.running.sandbox import Sandbox

CALLS = "prlimit64,?getrlimit,?setrlimit"


def softlimit_under(sandbox: Sandbox, *options: str) -> tuple[int, bytes, bytes]:
    """Exit code, output and messages of `softlimit -o 50 echo ran` with these options of strace."""
    call = ["strace", *options, "softlimit", "-o", "50", "/bin/echo", "ran"]
    answer = sandbox.start_command(call).wait()
    return answer.code, answer.out, messages(answer.err)


@clause("softlimit/error/get")
@needs("strace")
def test_a_limit_cannot_be_read(sandbox: Sandbox) -> None:
    inject = f"inject={CALLS}:error=EIO"
    expected = b"softlimit: fatal: getrlimit failed: input/output error\n"
    assert softlimit_under(sandbox, "-o", "/dev/null", "-e", inject) == (111, b"", expected)


@clause("softlimit/error/set")
@needs("strace")
def test_a_limit_cannot_be_set(sandbox: Sandbox) -> None:
    """The call that sets it is the last one before the child is executed."""
    trace = sandbox.path / "trace"
    traced = ["-o", str(trace), "-e", f"trace=execve,{CALLS}"]
    assert softlimit_under(sandbox, *traced) == (0, b"ran\n", b"")
    *_, own, _child = re.split(r"^execve\(.*\n", trace.read_text(), flags=re.MULTILINE)
    name = own.splitlines()[-1].partition("(")[0]
    inject = f"inject={name}:error=EIO:when={own.count(name)}"
    expected = b"softlimit: fatal: setrlimit failed: input/output error\n"
    assert softlimit_under(sandbox, "-o", "/dev/null", "-e", inject) == (111, b"", expected)
