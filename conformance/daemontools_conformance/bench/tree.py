"""Measure what a tree of services costs: memory, start, crash loops, latency.

    python -I -m daemontools_conformance.bench.tree [--only memory] [--services 60] [--rounds 5]

memory   kilobytes of one supervise, one supervise of a log and one logger (medians), and of the
         whole tree: proportional (PSS) and private; beside them a bare interpreter that sleeps
start    seconds until each service and each logger runs, and processor time until then
loop     processor time of twenty services that end at once: percent of one processor, and
         milliseconds for each run
latency  milliseconds from a death to the next ./run, from a command to the signal's arrival,
         and from the write of a line to the file: median and 99th percentile

All implementations work in turns, round by round; ratios are to djb's programs within each
round. Processor time is that of all processes of the tree. Other load changes seconds and
latency, memory hardly. The services themselves are not counted as memory.
"""

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from daemontools_conformance.bench import contestants
from daemontools_conformance.bench.latency import latencies
from daemontools_conformance.running import orphans
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.processes import children
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC

Result = dict[str, float]  # what was measured -> its value

RUN = "echo up\nexec sleep 1000\n"
LOG = "exec multilog t ./main\n"
LOOP = "echo up\nexec setuidgid nobody envdir ./env softlimit -o 100 false\n"
LOOPS, LOOP_SECONDS = 20, 20.0
# Says when it is there, and then each time TERM arrives.
CATCH = f"""\
exec {sys.executable} -ISc '
import _signal, os
_signal.pthread_sigmask(_signal.SIG_BLOCK, [_signal.SIGTERM])
os.write(1, b"up\\n")
while _signal.sigwait([_signal.SIGTERM]):
    os.write(1, b"caught\\n")'
"""
PAUSE = 1.1  # after each start supervise does nothing for a second
DEADLINE = 120.0


class Tree:
    """A running svscan with services `s0`, `s1`, ..., whose standard output is `output`."""

    def __init__(self, folder: Path, svscan: "subprocess.Popen[bytes]", output: int) -> None:
        self.folder, self.svscan, self.output = folder, svscan, output

    def wait_until_up(self, count: int, *, log: bool) -> None:
        """Wait until `count` services, and their loggers, run. Raises TimeoutError."""
        parts = ["supervise/status", "log/supervise/status"][: 1 + log]
        left = [self.folder / f"s{number}" / part for number in range(count) for part in parts]
        end = time.monotonic() + DEADLINE
        while left := [status for status in left if not process_id(status)]:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(left)} of {count * len(parts)} do not run")
            time.sleep(0.005)

    def wait_for(self, word: bytes) -> None:
        """Wait until a service writes this line; others may come before."""
        seen = b""
        while not seen.endswith(word + b"\n"):
            seen += os.read(self.output, 1)


def process_id(status: Path) -> int:
    """The process id in a status file; 0 if there is none yet."""
    try:
        return int.from_bytes(status.read_bytes()[12:16], "little")
    except FileNotFoundError:
        return 0


@contextmanager
def tree(
    found: Implementation, folder: Path, count: int, run: str, log: str = ""
) -> Iterator[Tree]:
    """Start svscan on `count` services with these run scripts; end all processes afterwards."""
    for number in range(count):
        for part, text in (("", run), ("log", log)):
            if text:
                file = folder / f"s{number}" / part / "run"
                file.parent.mkdir(parents=True)
                file.write_text("#!/bin/sh\n" + text)
                file.chmod(0o755)
        (folder / f"s{number}" / "env").mkdir()
    spared = children()
    program, words = found.command("svscan")
    command, environment = [*words, str(folder)], {"PATH": found.path}
    reader, writer = os.pipe()
    svscan = subprocess.Popen(command, executable=program, stdout=writer, env=environment)
    os.close(writer)
    try:
        yield Tree(folder, svscan, reader)
    finally:
        os.close(reader)
        orphans.end_all_but(spared)
        shutil.rmtree(folder)


def memory(found: Implementation, folder: Path, count: int) -> Result:
    """Kilobytes of each kind of process: the median of all of them."""
    with tree(found, folder, count, RUN, LOG) as running:
        running.wait_until_up(count, log=True)
        time.sleep(2 * PAUSE)  # all pauses are over: nothing changes any more
        supervises = children(running.svscan.pid)
        of_logs = {pid for pid in supervises if os.readlink(f"/proc/{pid}/cwd").endswith("/log")}
        kinds = {
            "supervise": supervises - of_logs,
            "supervise of a log": of_logs,
            "logger": {child for pid in of_logs for child in children(pid)},
        }
        result: Result = {}
        total = kilobytes(running.svscan.pid)["Pss"]
        for kind, pids in kinds.items():
            sizes = [kilobytes(pid) for pid in pids]
            total += sum(size["Pss"] for size in sizes)
            for name in ("Private_Dirty", "Pss"):
                result[f"{kind}, {name} kB"] = statistics.median(size[name] for size in sizes)
        result["tree, Pss MB"] = total / 1024
    return result


def kilobytes(pid: int) -> dict[str, int]:
    """The sizes in /proc/PID/smaps_rollup."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def bare_interpreter() -> dict[str, int]:
    """The memory of an interpreter that has imported nothing and sleeps."""
    flags = ["-BISXutf8", "-c", "import time; print(flush=True); time.sleep(1000)"]
    with subprocess.Popen([sys.executable, *flags], stdout=subprocess.PIPE) as bare:
        assert bare.stdout is not None
        bare.stdout.readline()
        sizes = kilobytes(bare.pid)
        bare.kill()
    return sizes


def start(found: Implementation, folder: Path, count: int) -> Result:
    """The seconds, and the processor time, until all services and loggers run."""
    before, begin = processor_seconds(), time.monotonic()
    with tree(found, folder, count, RUN, LOG) as running:
        running.wait_until_up(count, log=True)
        seconds = time.monotonic() - begin
    return {"seconds": seconds, "processor seconds": processor_seconds() - before}


def loop(found: Implementation, folder: Path, _count: int) -> Result:
    """The processor time of twenty services that end at once.

    In percent of one processor, and in milliseconds for each run: a busy machine makes fewer runs.
    """
    before, begin = processor_seconds(), time.monotonic()
    with tree(found, folder, LOOPS, LOOP) as running:
        time.sleep(LOOP_SECONDS)
        seconds = time.monotonic() - begin
        runs = os.read(running.output, 65536).count(b"up\n")
    used = processor_seconds() - before
    return {"percent": 100 * used / seconds, "ms for a run": 1000 * used / runs}


def processor_seconds() -> float:
    """The processor time of all processes that this one, and its children, have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def latency(found: Implementation, folder: Path, _count: int) -> Result:
    """Milliseconds, median and 99th percentile, from a cause to its effect."""
    file, words = found.command("svc")
    with tree(found, folder, LOOPS, RUN) as running:
        for _ in range(LOOPS):
            running.wait_for(b"up")
        restarts = [time_of(kill, running, b"up", status) for status in rounds_of(running)]
    with tree(found, folder, 1, CATCH) as running:
        running.wait_for(b"up")
        time.sleep(PAUSE)
        service = str(running.folder / "s0")
        control = os.open(running.folder / "s0/supervise/control", os.O_WRONLY)
        times = range(200)
        letters = [time_of(os.write, running, b"caught", control, b"t") for _ in times]
        svc = (file, [*words, "-t", service], {"PATH": found.path})
        commands = [time_of(os.posix_spawn, running, b"caught", *svc) for _ in times]
        os.close(control)
    task = next(t for t in contestants.tasks([("it", found)]) if t.name == "multilog t")
    lines = latencies(task, task.contestants[0], folder, 500)
    shutil.rmtree(folder)
    measured = {"death": restarts, "letter": letters, "svc -t": commands, "line": lines}
    return {
        f"{name}, {which} ms": 1000 * sorted(taken)[int(len(taken) * share)]
        for name, taken in measured.items()
        for which, share in (("median", 0.5), ("99 %", 0.99))
    }


def rounds_of(running: Tree) -> Iterator[Path]:
    """The status files of all services, ten times; each time after the pauses are over."""
    for _ in range(10):
        time.sleep(PAUSE)
        for number in range(LOOPS):
            yield running.folder / f"s{number}" / "supervise/status"


def kill(status: Path) -> None:
    """Kill the service."""
    os.kill(process_id(status), 9)


def time_of(
    cause: Callable[..., object], running: Tree, effect: bytes, *arguments: object
) -> float:
    """The seconds from the call `cause(*arguments)` until a service writes the line `effect`."""
    begin = time.perf_counter()
    cause(*arguments)
    running.wait_for(effect)
    return time.perf_counter() - begin


MEASUREMENTS = {"memory": memory, "start": start, "loop": loop, "latency": latency}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -I -m daemontools_conformance.bench.tree")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="measure this")
    parser.add_argument("--services", type=int, default=60, help="for memory and start (60)")
    parser.add_argument("--rounds", type=int, default=5, help="the number of rounds (5)")
    contestants.add_option(parser)
    arguments = parser.parse_args()
    if not HAS_PROC:
        parser.error(NEEDS_PROC)
    orphans.prepare(is_worker=False)
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"{arguments.services} services with logs; load at the start: {os.getloadavg()[0]:.2f}")
    bare = bare_interpreter()
    print(f"a bare interpreter: {bare['Private_Dirty']} kB private, {bare['Pss']} kB PSS")
    scratch = Path(tempfile.mkdtemp(prefix="daemontools-tree-"))
    try:
        names = ["djb", "reference", *arguments.implementation]
        found = contestants.implementations(names, scratch)
        for name in arguments.only or MEASUREMENTS:
            results = race(name, found, scratch / "service", arguments)
            show(name, results)
    finally:
        shutil.rmtree(scratch)


def race(
    name: str,
    found: list[tuple[str, Implementation]],
    folder: Path,
    arguments: argparse.Namespace,
) -> dict[str, list[Result]]:
    """Let each implementation work once a round."""
    results: dict[str, list[Result]] = {implementation: [] for implementation, _ in found}
    for _ in range(arguments.rounds):
        for implementation, its in found:
            results[implementation].append(MEASUREMENTS[name](its, folder, arguments.services))
    return results


def show(name: str, results: dict[str, list[Result]]) -> None:
    """Print one table: medians, and the ratios to djb's in each round with their extremes."""
    print(f"\n{name}")
    for implementation, measured in results.items():
        for what in measured[0]:
            values = [result[what] for result in measured]
            djbs = [result[what] for result in results.get("djb", measured)]
            ratios = sorted(value / djb for value, djb in zip(values, djbs, strict=True))
            spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            row = f"  {implementation:12}{what:34}{statistics.median(values):10.2f}"
            print(f"{row}   x djb {spread}")


if __name__ == "__main__":
    main()
