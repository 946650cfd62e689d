"""Services whose every line is accounted for.

Each service writes numbered lines into a multilog. A line names its writer, by
process id and moment of birth; each writer notes how far it came. So at the end
it is known what should have arrived.
"""

import os
import re
import sys
from pathlib import Path

from daemontools_conformance.helpers.logdirs import contents
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox

WRITER = """\
import os, signal, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
with open("/proc/self/stat") as file:
    me = f"{os.getpid()}.{file.read().rpartition(')')[2].split()[19]}"
note = os.open(f"written.{me}", os.O_WRONLY | os.O_CREAT, 0o644)
number = 0
while True:
    number += 1
    os.write(1, f"{me} {number}\\n".encode())
    os.pwrite(note, b"%010d" % number, 0)
    time.sleep(0.02)
"""
LOGGER = "exec multilog s16384 n9999 ./main"


def build(sandbox: Sandbox, name: str) -> None:
    """Make a service directory that writes, and its log."""
    interpreter = f"{os.path.realpath(sys.executable)} -ISXutf8"
    sandbox.script(f"{name}/run", WRITER, interpreter)
    sandbox.script(f"{name}/log/run", LOGGER)


def noted(folder: Path) -> dict[str, int]:
    """How far each writer came."""
    notes = {p.name.partition(".")[2]: p.read_bytes() for p in folder.glob("written.*")}
    return {writer: int(note or 0) for writer, note in notes.items()}


def lines_of_writers(folder: Path) -> dict[str, list[int]]:
    """The numbers of the lines of each writer in the log; torn lines under ""."""
    found: dict[str, list[int]] = {}
    for line in contents(folder / "log/main").decode().splitlines():
        match = re.fullmatch(r"(\d+\.\d+) (\d+)", line)
        writer, number = match.groups() if match else ("", 0)
        found.setdefault(writer, []).append(int(number))
    return found


def wait_until_all_arrived(folder: Path) -> None:
    """Wait until the log does not grow any more: the pipe is empty."""
    seen = [-1]

    def is_quiet() -> bool:
        seen.append(len(contents(folder / "log/main")))
        return len(seen) > 30 and len(set(seen[-30:])) == 1

    eventually(is_quiet, within=60, what="all lines arrive")


def wait_until_lines_arrive(folder: Path) -> None:
    """Wait until there is a line in the log."""
    eventually(lambda: lines_of_writers(folder), within=60, what=f"lines of {folder.name} arrive")
