"""Measure start-up: from the exec of a chain program to the exec of its child.

    python -I -m daemontools_conformance.bench.startup [--rounds 50] [--check]

Each line of a run script pays this once per program. All commands run in turns,
round by round, so that other load on the machine affects all alike:

* the reference's launchers, djb's programs, and pip's scripts if they are installed;
* /bin/true by itself, which is the child of all calls, so its time is subtracted;
* `python3 -IS -c pass`, the bare interpreter: nothing in Python starts faster.

The table shows milliseconds of wall clock, the median and in brackets the extremes.
It also shows what the launchers need above the bare interpreter, in wall-clock time
and in processor time, which a busy machine distorts less. `--check` fails if the
median of that exceeds its target (TARGETS).
"""

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from daemontools_conformance.bench import contestants
from daemontools_conformance.running.implementation import Implementation

CHILD = "/bin/true"
BARE = "bare interpreter"

# Calls before the child; DIR is an empty folder, USER an account that setuidgid may use.
CALLS = {
    "pgrphack": ["pgrphack"],
    "envdir": ["envdir", "DIR"],
    "envuidgid": ["envuidgid", "USER"],
    "setlock": ["setlock", "DIR.lock"],
    "setuidgid": ["setuidgid", "USER"],
    "softlimit": ["softlimit", "-o", "100"],
    "fghack": ["fghack"],
    "chain of four": [
        *("softlimit", "-m", "4000000", "envdir", "DIR", "pgrphack", "setuidgid", "USER"),
    ],
}
ROOT_ONLY = ("setuidgid", "chain of four")

# Milliseconds above the bare interpreter.
TARGETS = {name: 5.0 if name == "chain of four" else 3.0 for name in CALLS}

Times = dict[str, list[float]]


class Measured(NamedTuple):
    """Milliseconds of each round, by command: of wall clock, and of processor time."""

    clock: Times
    processor: Times


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -I -m daemontools_conformance.bench.startup")
    parser.add_argument("--rounds", type=int, default=50, help="the number of rounds (50)")
    parser.add_argument("--check", action="store_true", help="fail if a call misses its target")
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="daemontools-startup-"))
    scratch.chmod(0o755)
    try:
        missed = measure_and_show(scratch, arguments.rounds)
    finally:
        shutil.rmtree(scratch)
    if missed:
        print("above the target: " + ", ".join(missed))
    sys.exit(1 if arguments.check and missed else 0)


def measure_and_show(scratch: Path, rounds: int) -> list[str]:
    """Measure all calls and print the table; the reference's calls that miss their target."""
    (scratch / "empty").mkdir()
    found = contestants.implementations(["reference", "djb"], scratch)
    folders = {name: implementation.folder for name, implementation in found}
    python = _interpreter(dict(found)["reference"])
    scripts = Path(sys.prefix) / "bin"
    if (scripts / "softlimit").exists():
        folders["pip"] = scripts
    calls = {
        name: words for name, words in CALLS.items() if os.geteuid() == 0 or name not in ROOT_ONLY
    }
    commands: dict[str, tuple[list[str], Path]] = {
        CHILD: ([CHILD], scratch),
        BARE: ([python, "-IS", "-c", "pass"], scratch),
    }
    for who, folder in folders.items():
        for name, words in calls.items():
            commands[f"{who}: {name}"] = (_command(words, folder, scratch), folder)
    measured = measure(commands, rounds)
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, {python}; {rounds} rounds")
    _show(measured, list(calls), list(folders))
    return _missed(measured, list(calls))


def _interpreter(reference: Implementation) -> str:
    """The interpreter that the reference's launchers name in their first line."""
    first_line = (reference.folder / "pgrphack").read_text().partition("\n")[0]
    return first_line.removeprefix("#!").split()[0]


def _command(words: list[str], folder: Path, scratch: Path) -> list[str]:
    meanings = {
        "DIR": str(scratch / "empty"),
        "DIR.lock": str(scratch / "lock"),
        "USER": "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody"),
    }
    return [str(folder / words[0]), *(meanings.get(word, word) for word in words[1:]), CHILD]


def measure(commands: dict[str, tuple[list[str], Path]], rounds: int) -> Measured:
    """Run each command `rounds` times, after one round to warm up."""
    measured = Measured({name: [] for name in commands}, {name: [] for name in commands})
    for number in range(rounds + 1):
        for name, (argv, folder) in commands.items():
            environment = {"PATH": f"{folder}:/usr/bin:/bin"}
            start = time.perf_counter()
            pid = os.posix_spawn(argv[0], argv, environment)
            _, status, used = os.wait4(pid, 0)
            taken = time.perf_counter() - start
            if status != 0:
                sys.exit(f"{' '.join(argv)} failed: {os.waitstatus_to_exitcode(status)}")
            if number:
                measured.clock[name].append(1000 * taken)
                measured.processor[name].append(1000 * (used.ru_utime + used.ru_stime))
    return measured


def _show(measured: Measured, calls: list[str], names: list[str]) -> None:
    times = measured.clock
    base = statistics.median(times[CHILD])
    print(f"{CHILD} {_spread(times[CHILD])} ms, subtracted below")
    processor = _middle(measured.processor, BARE)
    print(f"{BARE} {_spread(times[BARE])} ms, {processor:.2f} of them processor time")
    heads = [*names, "above bare", "processor", "target"]
    widths = [*(24 for _ in names), 12, 11, 8]
    print(f"{'':14}" + "".join(f"{h:>{w}}" for h, w in zip(heads, widths, strict=True)))
    for call in calls:
        cells = [_spread(times[f"{name}: {call}"], base) for name in names]
        cells += [f"{_above_bare(table, call):.2f}" for table in measured]
        cells += [f"{TARGETS[call]:.1f}"]
        print(f"{call:14}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)))
    if "djb" in names:
        for table, what in zip(measured, Measured._fields, strict=True):
            ratios = [f"{call} {_times_djbs(table, call):.0f}" for call in calls]
            print(f"times djb's ({what}): " + ", ".join(ratios))


def _middle(times: Times, name: str) -> float:
    return statistics.median(times[name])


def _above_bare(times: Times, call: str) -> float:
    """What the reference needs above the bare interpreter, without the child."""
    return _middle(times, f"reference: {call}") - _middle(times, CHILD) - _middle(times, BARE)


def _times_djbs(times: Times, call: str) -> float:
    reference, djb = (_middle(times, f"{who}: {call}") for who in ("reference", "djb"))
    base = _middle(times, CHILD)
    return (reference - base) / max(djb - base, 0.01)


def _spread(values: list[float], less: float = 0.0) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle - less:.2f} [{low - less:.2f}, {high - less:.2f}]"


def _missed(measured: Measured, calls: list[str]) -> list[str]:
    return [call for call in calls if _above_bare(measured.processor, call) > TARGETS[call]]


if __name__ == "__main__":
    main()
