"""What the tests of svscan share: a directory of services, a cheap supervise, and counting scans.

svscan runs whatever `supervise` it finds along PATH. Where a test is about
svscan alone, a stand-in comes first there: it costs little, does nothing by
itself, and can be looked at.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.samples import TRUE
from daemontools_conformance.running.patience import deadline, eventually
from daemontools_conformance.running.probe import need_probe, probe
from daemontools_conformance.running.processes import Running, argv_of, children
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import HAS_PROC, proc

SCAN_SECONDS = 5

# One line for each scan, in whatever words: an entry that can never be started.
MARKS = ("2001", "2002")  # services that tests add, to see that a scan has passed
CANARY = "canary"
CANARY_WARNING = b"svscan: warning: unable to stat canary: file does not exist\n"


def services(sandbox: Sandbox, *names: str) -> Path:
    """The directory `service` with an empty directory for each name."""
    folder = sandbox.path / "service"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).mkdir(parents=True)
    return folder


def stand_in(sandbox: Sandbox, target: str) -> None:
    """Let `supervise` be the program `target`: from now on it comes first on PATH."""
    folder = sandbox.path / "bin"
    folder.mkdir()
    (folder / "supervise").symlink_to(target)
    sandbox.environment["PATH"] = f"{folder}:{sandbox.search_path}"


def pipes_of(pid: int) -> dict[int, str]:
    """The descriptors of a process that are ends of pipes, and which pipe each belongs to."""
    descriptors = record(pid).descriptors
    return {fd: target for fd, target in descriptors.items() if target.startswith("pipe:")}


def waiting_supervise(sandbox: Sandbox) -> None:
    """A `supervise 1000` that only waits: it is the probe, so the service's name is a number."""
    need_probe()
    stand_in(sandbox, probe()[0])


def ending_supervise(sandbox: Sandbox) -> None:
    """A `supervise` that ends at once."""
    stand_in(sandbox, TRUE)


def telling_supervise(sandbox: Sandbox) -> Path:
    """A `supervise` that writes its directory and its argument to a file, a line each, and ends."""
    told = sandbox.path / "told"
    told.touch()
    script = sandbox.script("telling", f'cd -P .; echo "$PWD $*" >>"{told}"')
    stand_in(sandbox, str(script))
    return told


def shell_supervise(sandbox: Sandbox, service: str, log: str) -> None:
    """A service `a` with a log, and a `supervise` that is a script for each of the two."""
    services(sandbox, "a", "a/log")
    body = f'case "$1" in\na) {service} ;;\nlog) {log} ;;\nesac'
    stand_in(sandbox, str(sandbox.script("scripted", body)))


def supervises(svscan: Running) -> dict[str, int]:
    """The live children of svscan that are a `supervise NAME`: NAME -> process id."""
    pids = children(svscan.pid)
    if not HAS_PROC:
        need_names(svscan.pid, pids)
    return supervises_among(pids)


def supervises_among(pids: Iterable[int]) -> dict[str, int]:
    """Those of these processes that are a `supervise NAME`: NAME -> process id.

    The words of an interpreter may come first: `python /command/supervise NAME`. Whether
    supervise shows its words alone is the matter of other clauses.
    """
    shown = {pid: argv_of(pid)[-2:] for pid in pids}
    return {
        os.fsdecode(words[-1]): pid
        for pid, words in shown.items()
        if len(words) == 2 and os.path.basename(words[0]) == b"supervise"
    }


def need_names(svscan: int, pids: Iterable[int]) -> None:
    """Raise Unavailable if svscan forks its supervises, and they go on showing its own words.

    Only Linux lets a process of any language write its own arguments.
    """
    argv = argv_of(svscan)
    for pid in pids:
        end = time.monotonic() + deadline(2)
        while argv and argv_of(pid) == argv:
            if time.monotonic() > end:
                raise Unavailable("needs Linux's /proc to tell one supervise from another")


def supervise_of(svscan: Running, name: str) -> int:
    """The process id of the child `supervise NAME`; 0 if there is none."""
    return supervises(svscan).get(name, 0)


def start_with_canary(sandbox: Sandbox, **options: object) -> Running:
    """Start `svscan service`, with an entry that makes one line for each scan."""
    (sandbox.path / "service" / CANARY).symlink_to("nowhere")
    svscan = sandbox.start("svscan", "service", **options)  # type: ignore[arg-type]
    eventually(lambda: scans(svscan) > 0)
    return svscan


def scans(svscan: Running) -> int:
    """How many scans have come as far as the canary."""
    return sum(CANARY.encode() in line for line in svscan.said.splitlines())


def wait_until_scanned(svscan: Running, count: int) -> None:
    """Wait until `count` whole scans have begun and ended after this call."""
    wanted = scans(svscan) + count + 1
    eventually(lambda: scans(svscan) >= wanted, within=60, what=f"{count} more scans")


def wait_until_scanned_again(
    sandbox: Sandbox, has_started: Callable[[str], object], names: Sequence[str] = MARKS
) -> None:
    """Wait until a whole scan has begun and ended after this call, whatever svscan says.

    Two services are added, one after the other: the scan that finds the second is not the
    one that found the first. `has_started`: has svscan started the supervise of this name?
    """
    for name in names:
        (sandbox.path / "service" / name).mkdir()
        eventually(partial(has_started, name), within=40, what=f"svscan finds {name}")


def fork_seconds(pid: int) -> float:
    """When the kernel made this process: seconds since the machine started, in hundredths."""
    fields = proc(pid, "stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
