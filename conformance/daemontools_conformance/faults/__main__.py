"""Try all faults on several implementations, and write the table of what they survived.

    python -I -m daemontools_conformance.faults docs/reference/faults.md djb reference

This takes about two minutes for each implementation, most of it pauses.
"""

import argparse
import os
import signal
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from daemontools_conformance.contract.outcomes import Hung
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.faults.power import SCENARIOS, Scenario, cut_everywhere
from daemontools_conformance.faults.supervisors import FOR_A_WHILE, ONCE, TABLES, Refusal, endure
from daemontools_conformance.faults.table import FAULTS
from daemontools_conformance.faults.trial import attempt
from daemontools_conformance.helpers.strace import Fault
from daemontools_conformance.running.implementation import Implementation, locate
from daemontools_conformance.running.processes import children
from daemontools_conformance.running.sandbox import Sandbox

HEADING = """\
# Faults survived

`python -I -m daemontools_conformance.faults FILE djb reference` generates this page.
The suite tests the same faults
(`multilog/fault/...`, `supervise/survives/...`, `svscan/survives/...`), each with its first error.
`./check -e faults` tries every error.

## multilog: one call that fails once

Each row is one system call that strace makes fail once while 150 lines go into a log.
`survived`: multilog warned in 0.76's words, tried again after five seconds (`wait`: ten), and
exited 0, and every line was in the log once and in order.
`in silence`: the same without a warning, because the call was only interrupted and was simply
made again.
"""
POWER = """
## A cut of power

The suite records a whole run and cuts it after each of its calls.
As on a journaling file system, names, modes, and sizes set by opening reach the disk in order, up
to the cut, and before any data written after them.
The data of a file are certain up to its last fsync.
Later data are there, or lost, or cut short (to one byte, to half, by one byte), independently for
each file.
A restart is tried once on each directory that can result.
`nothing lost`: each line that had been synced is in the log, once and in order; a file with
code s is complete, and so is a current that is used again.
A program that makes more calls of write for the same lines has more states.

Not tried: a file system that brings new data of a finished current to the disk before the mode
0644 that was set earlier.
A restart would mistake such a current for a finished one, in 0.76 and here.
"""
OTHERS = """
## multilog: other faults

This table is not from the same run.
It shows what the profiles declare, and every run of the suite checks that.

```{{other-faults}}
{}
```
"""
SUPERVISORS = """
## supervise and svscan: calls that fail once, or for a while

strace attaches to the running program and refuses the call once, or for some seconds.
Meanwhile ./run dies and commands come, or supervises die, one service comes and another goes.
Afterwards the program must live, have exactly the children that it should have, and obey.
`survived`: it did, and said what was wrong.
`in silence`: it did, and said nothing (there is nothing to say about a signal that cannot be sent,
and warnings are lost where writing is refused).
`spins`: it did, but made the call more than 20 times a second while the call failed.
"""


def outcome(implementation: Implementation, fault: Fault, error: str, scratch: Path) -> str:
    """One cell of the table."""
    parent = scratch / f"{implementation.profile.name}.{fault.name}.{error}"
    parent.mkdir()
    sandbox = Sandbox(implementation, parent / "box")
    try:
        trial = attempt(sandbox, fault, error)
    except Hung:
        return "hung"
    finally:
        for running in sandbox.started:
            running.popen.kill()
            running.popen.wait()
    if not trial.kept:
        return "LINES LOST"
    if trial.code != 0:
        return f"exit {trial.code}"
    if not trial.said:
        return "in silence"
    return "survived" if trial.warned(fault, error) else "other words"


def after_cuts(implementation: Implementation, scenario: Scenario, scratch: Path) -> str:
    """One cell of the table of power cuts."""
    sandbox = Sandbox(implementation, scratch / f"power.{scenario.name}")
    seen = cut_everywhere(sandbox, scenario)
    return f"{seen.states} states: {'; '.join(seen.broken) or 'nothing lost'}"


def endured(
    implementation: Implementation, program: str, refusal: Refusal, error: str, when: str, at: Path
) -> str:
    """One cell of the table of supervisors."""
    parent = at / f"{implementation.profile.name}.{program}.{refusal.name}.{error}.{when}"
    parent.mkdir()
    sandbox = Sandbox(implementation, parent / "box")
    try:
        return endure(sandbox, program, refusal, error, when).verdict()
    finally:
        for running in sandbox.started:
            end_tree(running.pid)
            running.popen.wait()


def end_tree(pid: int) -> None:
    """Kill a process and all below it. The parent dies first, or it would start them again."""
    below = children(pid)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for child in below:
        end_tree(child)


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[Sequence[Future[str]]]
) -> list[str]:
    """The lines of a table: the head, and for each row its words and its cells."""
    cells = zip(rows, *([cell.result() for cell in column] for column in columns), strict=True)
    lines = [f"| {' | '.join(head)} |", "| --" * len(head) + " |"]
    return lines + [f"| {' | '.join([*row, *answers])} |" for row, *answers in cells]


def main() -> None:
    """Write the tables. Each trial has its own folder, and several run at a time."""
    parser = argparse.ArgumentParser(prog="python -I -m daemontools_conformance.faults")
    parser.add_argument("file", type=Path, help="the Markdown file to write")
    parser.add_argument("implementation", nargs="+", help="the name of a profile")
    arguments = parser.parse_args()
    calls = [(fault, error) for fault in FAULTS for error in fault.errors]
    refusals = [
        (program, refusal, error, when)
        for program, its in TABLES.items()
        for refusal in its
        for error in refusal.errors
        for when in (ONCE, FOR_A_WHILE)
    ]
    tried, cuts, endured_by = [], [], []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(8) as pool:
        for name in arguments.implementation:
            scratch = Path(folder) / name
            scratch.mkdir()
            found = locate(find(name), scratch)
            tried.append([pool.submit(outcome, found, *row, scratch) for row in calls])
            cuts.append([pool.submit(after_cuts, found, one, scratch) for one in SCENARIOS])
            endured_by.append([pool.submit(endured, found, *row, scratch) for row in refusals])
        words = [(f.name.replace("-", " "), error, f"`{f.warning}`") for f, error in calls]
        names = arguments.implementation
        lines = [HEADING, *table(["call that fails", "error", "warning", *names], words, tried)]
        lines += [POWER, *table(["what is cut", *names], [(s.what,) for s in SCENARIOS], cuts)]
        lines += [OTHERS.format(" ".join(names)).rstrip()]
        spelled = [
            (program, refusal.name.replace("-", " "), error, "once" if when == ONCE else "longer")
            for program, refusal, error, when in refusals
        ]
        head = ["program", "call that fails", "error", "how long", *names]
        lines += [SUPERVISORS, *table(head, spelled, endured_by)]
    arguments.file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
