"""The supervisors on this machine, and trees of services under each of them.

All of them get the same `./run`, and a logger of their own kind; each first line is in
`sN/log/main/current` in the end. supervisord writes that file itself.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.running import orphans
from daemontools_conformance.running.implementation import SYSTEM_PATH, Implementation
from daemontools_conformance.running.table import children

RUN = "echo $$\nexec sleep 1000\n"
DEADLINE = 120.0


@dataclass(frozen=True)
class Supervisor:
    """A program that keeps services up: how to start it on a folder, and how to ask it."""

    name: str
    scan: list[str]  # the command; FOLDER is the folder with the services
    status: list[str]  # the command that shows the state of all services, before their folders
    log: str = ""  # the logger's run script; empty: the supervisor writes the logs itself
    path: str = SYSTEM_PATH
    most: int = 1000  # services


class Tree:
    """A running supervisor with services `s0`, `s1`, ..., whose standard output is `output`."""

    def __init__(
        self, supervisor: Supervisor, folder: Path, count: int, root: int, output: int
    ) -> None:
        self.supervisor, self.folder, self.root, self.output = supervisor, folder, root, output
        self.services = [folder / f"s{number}" for number in range(count)]

    def wait_until_logged(self) -> None:
        """Wait until the first line of each service is in its log. Raises TimeoutError."""
        logs = [service / "log/main/current" for service in self.services]
        wait_until_all(lambda log: log.exists() and log.stat().st_size > 0, logs)

    def wait_until_up(self, *, log: bool) -> None:
        """Wait until supervise has noted a process for each service, and for each logger."""
        parts = ["supervise/status", "log/supervise/status"][: 1 + log]
        statuses = [service / part for service in self.services for part in parts]
        wait_until_all(lambda status: process_id(status) > 0, statuses)

    def wait_for(self, word: bytes) -> None:
        """Wait until a service writes this line; others may come before."""
        seen = b""
        while not seen.endswith(word + b"\n"):
            seen += os.read(self.output, 1)

    def status(self) -> list[str]:
        """The command that shows the state of all services."""
        folders = [str(service) for service in self.services] if self.supervisor.log else []
        return [*_filled(self.supervisor.status, self.folder), *folders]


def wait_until_all(question: Callable[[Path], bool], left: list[Path]) -> None:
    """Wait until the answer is yes for each of these files. Raises TimeoutError."""
    end = time.monotonic() + DEADLINE
    while left:
        if question(left[-1]):
            left.pop()
        elif time.monotonic() > end:
            raise TimeoutError(f"{len(left)} are missing, such as {left[-1]}")
        else:
            time.sleep(0.002)


def process_id(status: Path) -> int:
    """The process id in a status file of supervise; 0 if there is none yet."""
    try:
        return int.from_bytes(status.read_bytes()[12:16], "little")
    except FileNotFoundError:
        return 0


@contextmanager
def tree(
    supervisor: Supervisor, folder: Path, count: int, run: str = RUN, *, log: bool = True
) -> Iterator[Tree]:
    """Start a supervisor on `count` services with this run script; end all of it afterwards."""
    for number in range(count):
        service = folder / f"s{number}"
        _script(service / "run", run)
        (service / "env").mkdir()
        if log:
            (service / "log/main").mkdir(parents=True)
        if log and supervisor.log:
            _script(service / "log/run", supervisor.log)
    if supervisor.name == "supervisord":
        _configure(folder, count)
    spared = children()
    reader, writer = os.pipe()
    command = _filled(supervisor.scan, folder)
    root = subprocess.Popen(command, stdout=writer, env={"PATH": supervisor.path})
    os.close(writer)
    try:
        yield Tree(supervisor, folder, count, root.pid, reader)
    finally:
        os.close(reader)
        orphans.end_all_but(spared)
        shutil.rmtree(folder)


def _filled(command: list[str], folder: Path) -> list[str]:
    return [word.replace("FOLDER", str(folder)) for word in command]


def _script(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(0o755)


# supervisord restarts what has run for a second, as supervise does. It needs three descriptors
# for each service, and each child closes as many as `minfds` allows: so it is no larger than that.
_CONFIGURATION = """\
[supervisord]
nodaemon=true
minfds=DESCRIPTORS
logfile=/dev/null
logfile_maxbytes=0
pidfile=FOLDER/pid
[unix_http_server]
file=FOLDER/socket
[supervisorctl]
serverurl=unix://FOLDER/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
_PROGRAM = """\
[program:sNUMBER]
command=FOLDER/sNUMBER/run
directory=FOLDER/sNUMBER
stdout_logfile=FOLDER/sNUMBER/log/main/current
redirect_stderr=true
autorestart=true
"""


def _configure(folder: Path, count: int) -> None:
    programs = (_PROGRAM.replace("NUMBER", str(number)) for number in range(count))
    descriptors = str(max(1024, 4 * count + 100))  # 1024 is supervisord's own value
    text = _CONFIGURATION.replace("DESCRIPTORS", descriptors) + "".join(programs)
    (folder / "supervisord.conf").write_text(text.replace("FOLDER", str(folder)))


_CONFIG = ["-c", "FOLDER/supervisord.conf"]
_PATH = f"{sys.prefix}/bin:{SYSTEM_PATH}"  # supervisord may be in this virtual environment
_EACH = ["sh", "-c", 'for service; do s6-svstat "$service"; done', "sh"]
OTHERS = [
    Supervisor("runit", ["runsvdir", "FOLDER"], ["sv", "status"], "exec svlogd -tt ./main\n"),
    Supervisor(
        "s6", ["s6-svscan", "-t", "5000", "-c", "2000", "FOLDER"], _EACH, "exec s6-log t ./main\n"
    ),
    Supervisor(
        "supervisord",
        ["supervisord", *_CONFIG],
        ["supervisorctl", *_CONFIG, "status"],
        path=_PATH,
        most=100,  # of 1000 services, two had not written a line after ninety seconds
    ),
]


def daemontools(name: str, found: Implementation, before: str = "") -> Supervisor:
    """svscan and supervise of an implementation; programs in the folder `before` win."""
    svscan, svstat = (_line(found, program) for program in ("svscan", "svstat"))
    path = f"{before}:{found.path}" if before else found.path
    return Supervisor(name, [*svscan, "FOLDER"], svstat, "exec multilog t ./main\n", path)


def _line(found: Implementation, program: str) -> list[str]:
    """The command line that runs a program by a file of its name."""
    file, words = found.command(program)
    return [file, *words[1:]]


def supervisors(found: Mapping[str, Implementation], scratch: Path) -> list[Supervisor]:
    """All supervisors on this machine; a line of output names each one that is not here."""
    here = [daemontools(name, implementation) for name, implementation in found.items()]
    if {"reference", "djb"} <= found.keys():
        multilog = scratch / "mixture/multilog"
        multilog.parent.mkdir()
        multilog.symlink_to(found["djb"].command("multilog")[0])
        here.append(daemontools("mixture", found["reference"], str(multilog.parent)))
    for other in OTHERS:
        if shutil.which(other.scan[0], path=other.path):
            here.append(other)
        else:
            print(f"left out: {other.name}, which is not installed here")
    return here
