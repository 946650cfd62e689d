"""Measure what trees, loggers and chains cost, side by side, over their size.

    python -I -m daemontools_conformance.bench [--only trees] [--small] [--write FILE]
    python -I -m daemontools_conformance.bench --guard FILE

trees    start, memory, rescan, status of all and restart of 1, 10, 100 and 1000 services with
         logs: the reference's, djb's, the reference's with djb's multilog (mixture), runit's,
         s6's and supervisord's
logs     megabytes a second of each logger, over lines, their length, patterns, directories, sizes
chains   start-up over the number of programs in a chain
ratios   what the reference costs, divided by what djb's programs cost, in five rounds

Everything together takes about ten minutes of an idle machine. --write makes the file that
docs/build.py draws. --guard measures the ratios alone (a minute), and fails if one of them is
more than twice as bad as in the file, twice in a row. What is not installed is left out, and named.
"""

import argparse
import json
import os
import platform
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from daemontools_conformance.bench import contestants, costs
from daemontools_conformance.running import orphans
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC

PARTS = ("ratios", "chains", "logs", "trees")
PACKAGES = {"djb": "daemontools", "runit": "runit", "s6": "s6"}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -I -m daemontools_conformance.bench")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this")
    parser.add_argument("--small", action="store_true", help="one round of the smallest sizes")
    parser.add_argument("--most", type=int, default=1000, help="services of a tree (1000)")
    parser.add_argument("--write", type=Path, help="the file to write")
    parser.add_argument("--guard", type=Path, help="compare the ratios with those of this file")
    arguments = parser.parse_args()
    if not HAS_PROC:
        parser.error(NEEDS_PROC)
    orphans.prepare(is_worker=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the trees end too
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a tree of 1000 has 2000 pipe ends
    scratch = Path(tempfile.mkdtemp(prefix="daemontools-bench-"))
    scratch.chmod(0o755)
    try:
        costs.SERVICES[:] = [count for count in costs.SERVICES if count <= arguments.most]
        found = dict(contestants.implementations(["djb", "reference"], scratch))
        if arguments.guard:
            sys.exit(guard(found, scratch, arguments.guard))
        data = measured(found, scratch, arguments.only or PARTS, is_small=arguments.small)
    finally:
        shutil.rmtree(scratch)
    if arguments.write:
        arguments.write.write_text(as_text(data))


def guard(found: costs.Found, scratch: Path, file: Path) -> int:
    """Measure the ratios, and say which are worse than the committed ones; the exit code.

    What is worse is measured a second time: the clock of a restart also measures other load.
    """
    committed = json.loads(file.read_text())
    allowed = {what: row[0] for what, row in committed["ratios"].items()}
    for _ in range(2):
        now = costs.ratios(found, scratch, 5)
        show_ratios(now)
        lines = costs.worse(now, allowed)
        if not lines:
            return 0
        print(f"worse than {file} of {committed['date']} ({committed['machine']['system']}):")
        print("\n".join(lines))
    return 1


def measured(
    found: costs.Found, scratch: Path, parts: list[str] | tuple[str, ...], *, is_small: bool
) -> dict[str, Any]:
    """All that the file holds."""
    load = round(os.getloadavg()[0], 2)
    points, rounds = (slice(2), 1) if is_small else (slice(None), 3)
    samples: costs.Samples = {}
    ratios: dict[str, list[float]] = {}
    begin = time.monotonic()
    for part in parts:
        if part == "trees":
            samples |= costs.trees(found, scratch, costs.SERVICES[points], rounds)
        elif part == "logs":
            samples |= costs.logs(found, scratch, points, rounds)
        elif part == "chains":
            samples |= costs.chains(found, scratch, points, 10 * rounds)
        elif "djb" in found:
            ratios = costs.ratios(found, scratch, 1 if is_small else 5)
        print(f"{part}: {time.monotonic() - begin:.0f} s since the start", file=sys.stderr)
    curves = as_curves(samples)
    show_curves(curves)
    show_ratios(ratios)
    machine = {"system": platform.platform(), "processors": os.cpu_count(), "load": load}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine,
        "versions": versions(found),
        "ratios": {what: spread(values) for what, values in ratios.items()},
        "curves": curves,
    }


def spread(values: list[float]) -> list[float]:
    """Median, least, greatest, and how many there are."""
    rounded = [float(f"{v:.4g}") for v in (statistics.median(values), min(values), max(values))]
    return [*rounded, len(values)]


def as_curves(samples: costs.Samples) -> dict[str, Any]:
    """Curve -> its axes, and for each contestant its points: x and the spread of y."""
    curves: dict[str, Any] = {}
    for (name, contestant, x), values in samples.items():
        by, unit = costs.CURVES[name]
        curve = curves.setdefault(name, {"by": by, "unit": unit, "lines": {}})
        curve["lines"].setdefault(contestant, []).append([x, *spread(values)])
    return curves


def versions(found: costs.Found) -> dict[str, str]:
    """Contestant -> its version, as Debian's packages or the programs themselves say."""
    known = {"reference": f"CPython {platform.python_version()}"} if "reference" in found else {}
    for name, package in PACKAGES.items():
        known[name] = _said("dpkg-query", "-W", "-f", "${Version}", package)
    known["supervisord"] = _said(f"{sys.prefix}/bin/supervisord", "--version")
    return {name: version for name, version in known.items() if version}


def _said(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def show_curves(curves: dict[str, Any]) -> None:
    """Print a line for each curve and contestant: the medians."""
    for name, curve in curves.items():
        print(f"\n{name} ({curve['unit']}) over {curve['by']}")
        for contestant, points in curve["lines"].items():
            cells = "".join(f"{x:>9}: {median:<9.4g}" for x, median, *_ in points)
            print(f"  {contestant:12}{cells}")


def show_ratios(ratios: dict[str, list[float]]) -> None:
    """Print a line for each ratio."""
    print("\nthe reference, divided by djb's: median (least to greatest)")
    for what, values in ratios.items():
        median, least, most, _ = spread(values)
        print(f"  {what:24}{median:6.2f} ({least:.2f} to {most:.2f})")


def as_text(data: dict[str, Any]) -> str:
    """JSON with each list of numbers on a line of its own, so that a change can be read."""
    text = json.dumps(data, indent=1)
    lists = re.compile(r"\[\s*([^][]*?)\s*\]")
    return lists.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text) + "\n"


if __name__ == "__main__":
    main()
