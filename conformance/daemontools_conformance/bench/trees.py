"""One life of a tree: it starts, is quiet, is looked at, loses services, and ends.

`live` measures what such a life costs, for any supervisor. All its figures are of one run,
so they can be compared with each other.
"""

import os
import subprocess
import time
from pathlib import Path

from daemontools_conformance.bench.supervisors import Supervisor, Tree, tree
from daemontools_conformance.running.table import below, comm_of

PAUSE = 1.2  # supervise does nothing for a second after a start, and others do much the same
SCAN = 5.0  # seconds between two scans of svscan; runsvdir and s6-svscan -t 5000 have the same
LOGGERS = (b"multilog", b"svlogd", b"s6-log")
RESTARTS = 5

Costs = dict[str, list[float]]  # what was measured -> its values


def live(supervisor: Supervisor, folder: Path, count: int, *, quiet: float = SCAN) -> Costs:
    """What a tree of `count` services with logs costs.

    start          seconds until the first line of each service is in its log
    start, CPU     seconds of processor time of all processes, until all are at rest
    memory         MB (PSS) of all processes but the services; and its parts: scanner,
                   supervises, loggers
    private        MB that no two processes share
    rescan         milliseconds of the scanner's processor time in `quiet` seconds
    status         seconds that the command takes which shows the state of all services
    restart        milliseconds from a service's death to the next one's line in the log
    """
    begin = time.monotonic()
    with tree(supervisor, folder, count) as running:
        running.wait_until_logged()
        costs = {"start": [time.monotonic() - begin]}
        time.sleep(PAUSE)
        if quiet:
            before = processor_seconds(running.root)
            time.sleep(quiet)
            costs["rescan"] = [1000 * (processor_seconds(running.root) - before)]
        processes = [running.root, *below(running.root)]
        costs["start, CPU"] = [sum(map(processor_seconds, processes))]
        costs |= memory(running.root, processes)
        costs["status"] = [status_seconds(running) for _ in range(3)]
        costs["restart"] = restarts(running)
    return costs


def processor_seconds(pid: int) -> float:
    """The processor time that a process has used, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def memory(root: int, processes: list[int]) -> Costs:
    """The megabytes of these processes and of their kinds; services (sleep) do not count."""
    parts = {"scanner": 0, "supervises": 0, "loggers": 0}
    private = 0
    for pid in processes:
        name = comm_of(pid)
        if name == b"sleep":
            continue
        kind = "loggers" if name in LOGGERS else "scanner" if pid == root else "supervises"
        size = kilobytes(pid)
        parts[kind] += size["Pss"]
        private += size["Private_Clean"] + size["Private_Dirty"]
    sizes = {"memory": sum(parts.values()), "private": private}
    sizes |= {f"memory, {kind}": size for kind, size in parts.items()}
    return {name: [size / 1024] for name, size in sizes.items()}


def kilobytes(pid: int) -> dict[str, int]:
    """The sizes in /proc/PID/smaps_rollup."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def status_seconds(running: Tree) -> float:
    """How long the command takes that shows the state of all services."""
    begin = time.perf_counter()
    environment = {"PATH": running.supervisor.path}
    subprocess.run(running.status(), stdout=subprocess.DEVNULL, env=environment, check=True)
    return time.perf_counter() - begin


def restarts(running: Tree) -> list[float]:
    """Milliseconds from the death of a service to the first line of the next, for some of them."""
    taken = []
    for service in running.services[:RESTARTS]:
        log = service / "log/main/current"
        size = log.stat().st_size
        pid = int(log.read_bytes().split()[-1])
        begin = time.perf_counter()
        os.kill(pid, 9)
        while log.stat().st_size == size:
            time.sleep(0)
        taken.append(1000 * (time.perf_counter() - begin))
    return taken
