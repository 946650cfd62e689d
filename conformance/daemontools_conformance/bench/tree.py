"""Measure what a tree of services costs: memory, start, crash loops, latency.

    python -I -m daemontools_conformance.bench.tree [--only memory] [--services 60] [--rounds 5]

memory   kilobytes of one supervise, one supervise of a log and one logger (medians), and of the
         whole tree: proportional (PSS) and private; beside them a bare interpreter that sleeps
start    seconds until each service and each logger runs, and processor time until then
loop     processor time of twenty services that end at once: percent of one processor, and
         milliseconds for each run, with setuidgid as the first program of the chain and as the last
latency  milliseconds from a death to the next ./run, from a command to the signal's arrival,
         and from the write of a line to the file: median and 99th percentile. The letter is
         written by the benchmark itself; `svc -t` starts a program that writes it.

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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from daemontools_conformance.bench import contestants
from daemontools_conformance.bench.latency import latencies
from daemontools_conformance.bench.supervisors import Tree, daemontools, process_id, tree
from daemontools_conformance.bench.trees import PAUSE, kilobytes
from daemontools_conformance.running import orphans
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.processes import children
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC

Result = dict[str, float]  # what was measured -> its value

RUN = "echo up\nexec sleep 1000\n"
LOOPS, LOOP_SECONDS = 20, 10.0
# With setuidgid last the reference starts one interpreter. Two of 219 lines in use go on after it.
CHAINS = {
    "setuidgid last": "envdir ./env softlimit -o 100 setuidgid nobody",
    "setuidgid first": "setuidgid nobody envdir ./env softlimit -o 100",
}
# Says when it is there, and then each time TERM arrives.
CATCH = f"""\
exec {sys.executable} -ISc '
import _signal, os
_signal.pthread_sigmask(_signal.SIG_BLOCK, [_signal.SIGTERM])
os.write(1, b"up\\n")
while _signal.sigwait([_signal.SIGTERM]):
    os.write(1, b"caught\\n")'
"""


def memory(found: Implementation, folder: Path, count: int) -> Result:
    """Kilobytes of each kind of process: the median of all of them."""
    with tree(daemontools("it", found), folder, count, RUN) as running:
        running.wait_until_up(log=True)
        time.sleep(2 * PAUSE)  # all pauses are over: nothing changes any more
        supervises = children(running.root)
        of_logs = {pid for pid in supervises if os.readlink(f"/proc/{pid}/cwd").endswith("/log")}
        kinds = {
            "supervise": supervises - of_logs,
            "supervise of a log": of_logs,
            "logger": {child for pid in of_logs for child in children(pid)},
        }
        result: Result = {}
        total = kilobytes(running.root)["Pss"]
        for kind, pids in kinds.items():
            sizes = [kilobytes(pid) for pid in pids]
            total += sum(size["Pss"] for size in sizes)
            for name in ("Private_Dirty", "Pss"):
                result[f"{kind}, {name} kB"] = statistics.median(size[name] for size in sizes)
        result["tree, Pss MB"] = total / 1024
    return result


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
    with tree(daemontools("it", found), folder, count, RUN) as running:
        running.wait_until_up(log=True)
        seconds = time.monotonic() - begin
    return {"seconds": seconds, "processor seconds": processor_seconds() - before}


def loop(
    found: Implementation,
    folder: Path,
    _count: int,
    orders: Iterable[str] = CHAINS,
    seconds: float = LOOP_SECONDS,
) -> Result:
    """The processor time of twenty services that end at once, for each order of the chain.

    In percent of one processor, and in milliseconds for each run: a busy machine makes fewer runs.
    """
    result: Result = {}
    for order in orders:
        script = f"echo up\nexec {CHAINS[order]} false\n"
        before, begin = processor_seconds(), time.monotonic()
        with tree(daemontools("it", found), folder, LOOPS, script, log=False) as running:
            time.sleep(seconds)
            lasted = time.monotonic() - begin
            runs = os.read(running.output, 65536).count(b"up\n")
        used = processor_seconds() - before
        result[f"{order}, percent"] = 100 * used / lasted
        result[f"{order}, ms for a run"] = 1000 * used / runs
    return result


def processor_seconds() -> float:
    """The processor time of all processes that this one, and its children, have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def latency(found: Implementation, folder: Path, _count: int) -> Result:
    """Milliseconds, median and 99th percentile, from a cause to its effect."""
    file, words = found.command("svc")
    with tree(daemontools("it", found), folder, LOOPS, RUN, log=False) as running:
        for _ in range(LOOPS):
            running.wait_for(b"up")
        restarts = [time_of(kill, running, b"up", status) for status in rounds_of(running)]
    with tree(daemontools("it", found), folder, 1, CATCH, log=False) as running:
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


MEASUREMENTS: dict[str, Callable[[Implementation, Path, int], Result]] = {
    "memory": memory,
    "start": start,
    "loop": loop,
    "latency": latency,
}


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
    scratch.chmod(0o755)  # setuidgid's user must find the launchers below
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
