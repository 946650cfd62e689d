"""multilog under strace, which kills it at a chosen call."""

from pathlib import Path

from daemontools_conformance.helpers.logdirs import contents, lines
from daemontools_conformance.helpers.strace import CHANGES, fed, files_of_log, under_strace
from daemontools_conformance.running.sandbox import PIPE, Sandbox

TEXT = lines(80)  # 4800 bytes: a rotation
KILLED = (-9, 128 + 9)  # strace dies in the way its program died


def written(log: Path) -> bytes:
    """What the log holds; nothing if it is not there yet."""
    return contents(log) if log.exists() else b""


def run(sandbox: Sandbox, script: list[str], tampering: list[str]) -> int:
    """Run multilog under strace on TEXT: its exit code."""
    options = ["-e", f"trace={CHANGES}", *tampering]
    multilog = under_strace(sandbox, files_of_log(sandbox), options, script, stdin=PIPE)
    return fed(multilog, TEXT).code
