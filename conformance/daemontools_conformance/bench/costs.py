"""What things cost, over the size of things: every figure that docs/data/costs.json holds.

A sample is a list of values of one curve, one contestant and one place on the x axis. All
contestants work in turns, so that other load on the machine affects all alike.
"""

import os
import shutil
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

from daemontools_conformance.bench import inputs
from daemontools_conformance.bench.contestants import SIZE, Task, logging
from daemontools_conformance.bench.measure import run
from daemontools_conformance.bench.startup import CHILD, measure
from daemontools_conformance.bench.supervisors import daemontools, supervisors
from daemontools_conformance.bench.tree import loop
from daemontools_conformance.bench.trees import SCAN, live
from daemontools_conformance.running.implementation import SYSTEM_PATH, Implementation

Found = Mapping[str, Implementation]
Samples = dict[tuple[str, str, int], list[float]]  # (curve, contestant, x) -> values

# curve -> what grows along its x axis, and the unit of its y axis
CURVES = {
    "start": ("services", "s"),
    "start, CPU": ("services", "s"),
    "memory": ("services", "MB"),
    "memory, scanner": ("services", "MB"),
    "memory, supervises": ("services", "MB"),
    "memory, loggers": ("services", "MB"),
    "private": ("services", "MB"),
    "rescan": ("services", "ms"),
    "status": ("services", "s"),
    "restart": ("services", "ms"),
    "log, lines": ("lines", "MB/s"),
    "log, line length": ("bytes of a line", "MB/s"),
    "log, patterns": ("patterns", "MB/s"),
    "log, directories": ("directories", "MB/s"),
    "log, size": ("bytes of a file", "MB/s"),
    "chain": ("programs of a chain", "ms"),
}

SERVICES = [1, 10, 100, 1000]
LINES, LENGTHS = [100, 1_000, 10_000, 100_000, 1_000_000], [10, 100, 1_000, 10_000]
PATTERNS, DIRECTORIES = [1, 10, 100], [1, 2, 4, 8]
SIZES = [16_384, 131_072, 1_048_576, int(SIZE[1:])]
CHAINS = [1, 2, 4, 8, 16]
INPUT = 4_000_000  # bytes, where neither the number of lines nor their length is in question
LENGTH = 100
GUARDED_SERVICES = 20
TOLERANCE = 2.0


def trees(found: Found, scratch: Path, sizes: Iterable[int], rounds: int) -> Samples:
    """Trees under every supervisor here. The largest lives once; rescans are measured once."""
    samples: Samples = {}
    contestants = supervisors(found, scratch)
    for count in sizes:
        for number in range(rounds if count < 1000 else 1):
            for supervisor in (each for each in contestants if count <= each.most):
                quiet = 0 if number else SCAN
                try:
                    costs = live(supervisor, scratch / "service", count, quiet=quiet)
                except TimeoutError as error:
                    print(f"left out: {supervisor.name} with {count} services: {error}")
                    continue
                for what, values in costs.items():
                    samples.setdefault((what, supervisor.name, count), []).extend(values)
    return samples


def logs(found: Found, scratch: Path, points: slice, rounds: int) -> Samples:
    """Megabytes a second, from the start of a logger to its end, over what its work depends on."""
    source = scratch / "lines"
    pairs = list(found.items())
    samples: Samples = {}

    def measured(curve: str, x: int, count: int, length: int, task: Task) -> None:
        inputs.make_lines(source, count, length)
        for _ in range(rounds):
            for contestant in task.contestants:
                seconds = run(task, contestant, source, scratch / "run", "file").seconds
                shutil.rmtree(scratch / "run")
                speed = count * length / 1e6 / seconds
                samples.setdefault((curve, contestant.name, x), []).append(speed)

    count = INPUT // LENGTH
    for x in LINES[points]:
        measured("log, lines", x, x, LENGTH, logging(pairs, "lines"))
    for x in LENGTHS[points]:
        measured("log, line length", x, INPUT // x, x, logging(pairs, "line length"))
    for x in PATTERNS[points]:
        patterns = [f"-* * p{number}: *" for number in range(x)]
        measured("log, patterns", x, count, LENGTH, logging(pairs, "patterns", patterns=patterns))
    for x in DIRECTORIES[points]:
        directories = ["./main", *(f"./main{number}" for number in range(1, x))]
        task = logging(pairs, "directories", directories=directories)
        measured("log, directories", x, count, LENGTH, task)
    for x in SIZES[points]:
        measured("log, size", x, count, LENGTH, logging(pairs, "size", size=f"s{x}"))
    return samples


# The links of a chain, again and again; as root, the last one of a chain is its last program.
# DIR is an empty folder, USER an account.
DJB = [["softlimit", "-o", "100"], ["envdir", "DIR"], ["envuidgid", "USER"], ["setuidgid", "USER"]]
DIALECTS = {
    "runit": [
        ["chpst", *option]
        for option in (["-o", "100"], ["-e", "DIR"], ["-U", "USER"], ["-u", "USER"])
    ],
    "s6": [[f"s6-{program}", *arguments] for program, *arguments in DJB],
}


def chains(found: Found, scratch: Path, points: slice, rounds: int) -> Samples:
    """Milliseconds from the exec of the first program of a chain to the end of /bin/true."""
    (scratch / "empty").mkdir(exist_ok=True)
    words = {"DIR": str(scratch / "empty"), "USER": "root" if os.geteuid() == 0 else "nobody"}
    contestants = [(name, its.path, DJB) for name, its in found.items()]
    contestants += [(name, SYSTEM_PATH, links) for name, links in DIALECTS.items()]
    commands: dict[str, tuple[list[str], Path]] = {}
    places: dict[str, tuple[str, int]] = {}
    for name, path, links in contestants:
        first = shutil.which(links[0][0], path=path)
        if not first:
            continue
        for length in CHAINS[points]:
            line = [words.get(word, word) for word in _chain(links, length)]
            file = shutil.which(line[0], path=path)
            commands[f"{name} {length}"] = ([str(file), *line[1:], CHILD], Path(first).parent)
            places[f"{name} {length}"] = (name, length)
    clock = measure(commands, rounds).clock
    return {("chain", *place): clock[command] for command, place in places.items()}


def _chain(links: list[list[str]], length: int) -> list[str]:
    """The words of a chain of so many programs."""
    *others, last = links
    ends = [last] if os.geteuid() == 0 else []
    return [word for link in [*islice(cycle(others), length - len(ends)), *ends] for word in link]


def ratios(found: Found, scratch: Path, rounds: int) -> dict[str, list[float]]:
    """What the reference costs, divided by what djb's programs cost, in each round.

    Where the clock would also measure the machine's other work, it is processor time.
    """
    measured: dict[str, list[float]] = {}
    for _ in range(rounds):
        ours, djbs = (_costs(found, name, scratch) for name in ("reference", "djb"))
        for what, value in ours.items():
            measured.setdefault(what, []).append(value / djbs[what])
    return measured


def _costs(found: Found, name: str, scratch: Path) -> dict[str, float]:
    """One value for each guard, of one implementation."""
    its = found[name]
    life = live(daemontools(name, its), scratch / "service", GUARDED_SERVICES, quiet=0)
    values = {what: statistics.median(life[what]) for what in ("memory", "start, CPU", "restart")}
    looped = loop(its, scratch / "service", 0, orders=["setuidgid last"], seconds=1.5)
    values["loop, CPU"] = looped["setuidgid last, ms for a run"]
    inputs.make_lines(scratch / "lines", INPUT // LENGTH, LENGTH)
    task = logging([(name, its)], "log")
    logged = run(task, task.contestants[0], scratch / "lines", scratch / "run", "file")
    shutil.rmtree(scratch / "run")
    values["log, CPU"] = logged.cpu_seconds
    (scratch / "empty").mkdir(exist_ok=True)
    command = [str(its.file("envdir")), str(scratch / "empty"), CHILD]
    started = measure({name: (command, its.folder)}, 10).processor[name]
    return values | {"start-up, CPU": statistics.median(started)}


def worse(now: Mapping[str, Sequence[float]], committed: Mapping[str, float]) -> list[str]:
    """The guards: which ratios have a median of more than TOLERANCE times the committed one.

    A ratio that only one of the two has is a line too: a guard must not be lost.
    """
    lines = [f"{what}: not in both" for what in sorted(now.keys() ^ committed.keys())]
    for what in sorted(now.keys() & committed.keys()):
        ratio = statistics.median(now[what])
        if ratio > TOLERANCE * committed[what]:
            lines.append(f"{what}: {ratio:.2f} x djb's; {committed[what]:.2f} is committed")
    return lines
