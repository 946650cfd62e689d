"""One fault tried on one implementation: multilog's messages, and whether lines were lost."""

import time
from dataclasses import dataclass

from daemontools_conformance.helpers.logdirs import contents, lines
from daemontools_conformance.helpers.strace import Fault, messages, paths_of, refuse, under_strace
from daemontools_conformance.running.sandbox import PIPE, Sandbox

TEXT = lines(150)  # 9000 bytes: two rotations if the script asks for small files
REASONS = {
    "EIO": "input/output error",
    "ENOSPC": "out of disk space",
    "EINTR": "interrupted system call",
    "EAGAIN": "temporary failure",
    "ENOMEM": "out of memory",
    "ECHILD": "no child processes",
}


@dataclass(frozen=True)
class Trial:
    """What multilog did."""

    code: int  # exit code
    said: bytes  # on standard error; labels as @LABEL
    kept: bool  # is every line in the log, once and in order?
    seconds: float  # how long it ran

    def warned(self, fault: Fault, error: str) -> bool:
        """Did multilog say what 0.76 says, once, and nothing else?"""
        said = [
            f"{fault.warning}, pausing: {REASONS[error]}",
            *([fault.then] if fault.then else []),
        ]
        return self.said == "".join(f"multilog: warning: {text}\n" for text in said).encode()


def attempt(sandbox: Sandbox, fault: Fault, error: str) -> Trial:
    """Run multilog on TEXT with this fault; the log is ./log in the sandbox. Raises Hung."""
    paths, tampering = paths_of(fault, sandbox), refuse(fault, error)
    began = time.monotonic()
    multilog = under_strace(sandbox, paths, tampering, fault.script, stdin=PIPE)
    multilog.write(TEXT)
    multilog.end_input()
    ended = multilog.wait(within=40)
    seconds = time.monotonic() - began
    return Trial(ended.code, messages(ended.err), contents(sandbox.path / "log") == TEXT, seconds)
