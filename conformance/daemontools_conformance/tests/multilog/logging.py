"""A multilog at work on ./log, and its rotations."""

import shlex
import signal
from typing import Unpack

from daemontools_conformance.helpers.logdirs import old_files
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import probe
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Options, Sandbox
from daemontools_conformance.running.signals import interrupt

PROBING = f"exec {shlex.join(probe())}"  # a processor that only waits, and has a record


def running(sandbox: Sandbox, *script: str, **options: Unpack[Options]) -> Running:
    """A multilog with this script and ./log, which has logged one line and waits for input."""
    given: Options = {**options, "stdin": PIPE}
    multilog = sandbox.start("multilog", *script, "./log", **given)
    multilog.write(b"begun\n")
    log = sandbox.path / "log"
    eventually(lambda: (log / "current").read_bytes().endswith(b"begun\n"))
    return multilog


def put_away(sandbox: Sandbox, multilog: Running, number: int) -> None:
    """Send ALRM; wait until there are so many old files, a new current, and nothing else to do."""
    interrupt(multilog, signal.SIGALRM)
    log = sandbox.path / "log"
    eventually(
        lambda: (
            (log / "current").read_bytes() == b""  # in the order of multilog's steps
            and not (log / "previous").exists()
            and not (log / "processed").exists()
            and len(old_files(log)) == number
        ),
        within=30,
        what=f"{number} old files",
    )
