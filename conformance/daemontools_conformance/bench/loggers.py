"""Measure the loggers of the reference and of every other implementation on this machine.

    python -I -m daemontools_conformance.bench.loggers [--only multilog] [--megabytes 100]

All of them work on the same generated input, in turns, round by round, so that
other load on the machine affects all alike. Ratios are to djb's programs within
each round. The table shows the median and, in brackets, the extremes, for the
elapsed time and for CPU time. Run this on a machine with nothing else to do, and
quote its command line. On a busy machine the second ratio is the better one.
"""

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from daemontools_conformance.bench import contestants, inputs
from daemontools_conformance.bench.contestants import Contestant, Task
from daemontools_conformance.bench.latency import latencies
from daemontools_conformance.bench.measure import Measurement, run
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC

Results = dict[str, list[Measurement]]


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -I -m daemontools_conformance.bench.loggers")
    parser.add_argument("--only", default="", help="run the tasks whose names contain this")
    parser.add_argument("--rounds", type=int, default=5, help="the number of rounds (5)")
    parser.add_argument("--megabytes", type=int, default=100, help="the size of the input (100)")
    parser.add_argument("--lines", type=int, default=500, help="the lines for latency (500)")
    folder = "the folder to work in, on a real disk (default: TMPDIR)"
    parser.add_argument("--folder", help=folder)
    contestants.add_option(parser)
    arguments = parser.parse_args()
    if not HAS_PROC:
        parser.error(NEEDS_PROC)
    scratch = Path(tempfile.mkdtemp(prefix="daemontools-bench-", dir=arguments.folder))
    try:
        bench(arguments, scratch)
    finally:
        shutil.rmtree(scratch)


def bench(arguments: argparse.Namespace, scratch: Path) -> None:
    """Make the input, run all tasks, print the tables."""
    (scratch / "implementations").mkdir()
    names = ["reference", "djb", *arguments.implementation]
    found = contestants.implementations(names, scratch / "implementations")
    chosen = [task for task in contestants.tasks(found) if arguments.only in task.name]
    sources = {name: scratch / name for name in ("plain", "stamped")}
    inputs.make_plain(sources["plain"], arguments.megabytes * 1_000_000)
    inputs.make_stamped(sources["stamped"], sources["plain"])
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"input: {arguments.megabytes} MB in {_lines(sources['plain'])} lines; ", end="")
    print(f"{arguments.rounds} rounds; load at the start: {os.getloadavg()[0]:.2f}")
    for task in chosen:
        for through in ("file", "pipe"):
            results = race(task, sources[task.input], scratch, through, arguments.rounds)
            show(task, through, sources[task.input].stat().st_size, results)
    print("\nA single line, from the write to the output: median (95 %)")
    for task in chosen:
        for contestant in task.contestants:
            show_latency(task, contestant, scratch, arguments.lines)


def race(task: Task, source: Path, scratch: Path, through: str, rounds: int) -> Results:
    """Run each contestant once a round, in an order that rotates from round to round."""
    results: Results = {contestant.name: [] for contestant in task.contestants}
    folder = scratch / "run"
    for number in range(rounds):
        turn = number % len(task.contestants)
        for contestant in task.contestants[turn:] + task.contestants[:turn]:
            results[contestant.name].append(run(task, contestant, source, folder, through))
            shutil.rmtree(folder)
    return results


def show(task: Task, through: str, size: int, results: Results) -> None:
    """Print one table."""
    print(f"\n{task.name}, from a {through}, {size / 1e6:.0f} MB")
    print(f"  {'':16}{'MB/s':>6}   {'x djb':22}{'x djb, CPU time':22}{'peak memory':>11}")
    notes = {contestant.name: contestant.note for contestant in task.contestants}
    for name, measurements in results.items():
        speed = statistics.median(size / 1e6 / m.seconds for m in measurements)
        memory = max(m.kilobytes for m in measurements)
        by_clock = _ratio(results, name, lambda m: m.seconds)
        by_cpu = _ratio(results, name, lambda m: m.cpu_seconds)
        line = f"  {name:16}{speed:6.0f}   {by_clock:22}{by_cpu:22}{memory:8} kB  {notes[name]}"
        print(line.rstrip())
    logged = {results[name][0].output_bytes for name in ("reference", "djb") if name in results}
    if len(logged) > 1:
        sys.exit(f"the reference and djb's logged different amounts: {logged}")


def _ratio(results: Results, name: str, time_of: Callable[[Measurement], float]) -> str:
    if "djb" not in results:
        return "djb's not here"
    pairs = zip(results["djb"], results[name], strict=True)
    ratios = [time_of(djb) / time_of(other) for djb, other in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def show_latency(task: Task, contestant: Contestant, scratch: Path, count: int) -> None:
    """Print one line of the last table."""
    folder = scratch / "run"
    taken = sorted(latencies(task, contestant, folder, count))
    shutil.rmtree(folder)
    median, late = statistics.median(taken) * 1e6, taken[int(len(taken) * 0.95)] * 1e6
    print(f"  {task.name:28}{contestant.name:18}{median:7.0f} us ({late:.0f})")


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


if __name__ == "__main__":
    main()
