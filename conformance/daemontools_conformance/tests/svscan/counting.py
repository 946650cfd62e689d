"""A service that writes numbered lines and a logger that keeps them: what went in, what came out.

Each writer begins its lines with its process id and numbers them from 1; it
notes in a file of its own how far it came. Two writers, or two loggers, may live
at once (a supervise that is killed leaves its ./run behind, and the next one
starts another). So a line is one write, and the logger moves what one read gave
it in one write: lines are never torn.

Both can be told to end: at the next safe moment, between two lines, the process
kills itself by SIGKILL. Killed at any other moment a logger could lose what it
had read, whatever carried the pipe.
"""

import os
import re
import sys
from pathlib import Path

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox

WRITER = """\
import os, signal, time
pid = os.getpid()
record = os.open(f"written.{pid}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
number = 0
while True:
    number += 1
    os.write(1, b"%d %d\\n" % (pid, number))
    os.write(record, b"%d\\n" % number)
    if os.path.exists(f"end.{pid}") or os.path.exists("end.all"):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.002)
"""

LOGGER = """\
import os, signal
pid = os.getpid()
out = os.open("../log.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
open(f"here.{pid}", "w").close()
while True:
    os.write(out, os.read(0, 65536))
    if os.path.exists(f"end.{pid}"):
        os.kill(pid, signal.SIGKILL)
"""


def counting_service(sandbox: Sandbox) -> Path:
    """Create `service/a` with its log; return its directory."""
    interpreter = f"{os.path.realpath(sys.executable)} -ISXutf8"
    sandbox.script("service/a/run", WRITER, interpreter)
    sandbox.script("service/a/log/run", LOGGER, interpreter)
    return sandbox.path / "service/a"


def writers(service: Path) -> dict[int, int]:
    """Process id -> the number of the last line it noted."""
    notes = {int(p.suffix[1:]): p.read_bytes().split() for p in service.glob("written.*")}
    return {pid: int(numbers[-1]) for pid, numbers in notes.items() if numbers}


def loggers(service: Path) -> set[int]:
    """The process ids of all loggers that there have been."""
    return {int(path.suffix[1:]) for path in (service / "log").glob("here.*")}


def logged(service: Path) -> dict[int, list[int]]:
    """Process id of the writer -> the numbers of its lines that came through, in order.

    Raises AssertionError for a line that no writer wrote.
    """
    came: dict[int, list[int]] = {}
    for line in (service / "log.out").read_text().splitlines():
        match = re.fullmatch(r"(\d+) (\d+)", line)
        assert match, f"a torn line: {line!r}"
        came.setdefault(int(match[1]), []).append(int(match[2]))
    return came


def wait_until_flowing(service: Path) -> None:
    """Wait until lines come out that were not yet written at the time of the call."""
    before = writers(service)

    def has_passed() -> bool:
        return any(max(n) > before.get(pid, 0) for pid, n in logged(service).items())

    eventually(has_passed, within=60, what="new lines arrive in the log")


def check_nothing_lost(sandbox: Sandbox, service: Path) -> None:
    """End all writers; every line that any of them wrote must arrive, once, in order."""
    sandbox.run("svc", "-d", service)
    (service / "end.all").touch()

    def all_arrived() -> bool:
        written, came = writers(service), logged(service)
        return all(came.get(pid, [0])[-1] >= last for pid, last in written.items())

    eventually(all_arrived, within=60, what="the last line of each writer arrives")
    for pid, numbers in logged(service).items():
        assert numbers == list(range(1, len(numbers) + 1)), f"lines of writer {pid}"
