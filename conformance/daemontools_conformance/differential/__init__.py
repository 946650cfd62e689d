"""Differential mode: run the same generated cases with two implementations, side by side.

    daemontools-conformance --differential A B [--program NAME]... [--cases N] [--seed N]
    daemontools-conformance --differential A B --case JSON|FILE
    daemontools-conformance --differential A B --masks

A and B are values of `--implementation`. Everything observable is compared (`run.py`),
except for what one list (`masks.py`) excludes, with reasons. A difference is printed
with a script that runs the case again without the suite, and with the clause that one
of the two fails. If there is no such clause, it has yet to be written (`unwritten.py`).

Run `tox -e differential` after a change that users can see, and before a release. A
difference means that the reference deviates, or that a mask or a clause is missing. If
nobody maintains this, delete the package, selftest/test_differential.py, the option
`--differential` and the tox environment: no clause depends on them.
"""

import argparse
import multiprocessing
import os
import shlex
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

from daemontools_conformance.contract.profiles import ProfileError, find
from daemontools_conformance.differential import masks
from daemontools_conformance.differential.case import Case, from_json, shell
from daemontools_conformance.differential.compare import SLOW, Findings, differences_once, explore
from daemontools_conformance.differential.generate import CASES
from daemontools_conformance.differential.unwritten import Judge
from daemontools_conformance.running import orphans
from daemontools_conformance.running.implementation import Implementation, locate
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC

SLICE = 60  # cases that one worker takes at a time
SLOW_SLICE = 4


def main(arguments: Sequence[str]) -> int:
    """Run with the arguments after `--differential`; 0 if nothing differs."""
    parser = argparse.ArgumentParser(prog="daemontools-conformance --differential")
    parser.add_argument("first", metavar="A", help="one implementation")
    parser.add_argument("second", metavar="B", help="the other implementation")
    program = "run the cases of this program (default: all programs)"
    parser.add_argument("--program", action="append", choices=sorted(CASES), help=program)
    cases = "the number of cases for each program (760)"
    parser.add_argument("--cases", type=int, default=760, help=cases)
    slow = "the number of cases for each program whose cases hold pauses (200)"
    parser.add_argument("--slow-cases", type=int, default=200, help=slow)
    seed = "random seed (1); the same seed gives the same cases"
    parser.add_argument("--seed", type=int, default=1, help=seed)
    unsteady = "show the cases that differed only at the first look"
    parser.add_argument("--unsteady", action="store_true", help=unsteady)
    case = "run one case again, from the JSON of a report or from a file"
    parser.add_argument("--case", help=case)
    parser.add_argument("--masks", action="store_true", help="print what is not compared, and why")
    options = parser.parse_args(arguments)
    if options.masks:
        print(masks.told())
        return 0
    if not HAS_PROC:
        parser.error(NEEDS_PROC)
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="differential-") as scratch:
        os.chmod(scratch, 0o755)
        try:
            both = [_located(name, Path(scratch)) for name in (options.first, options.second)]
            again = _case(options.case) if options.case else None
            asked = [again.program] if again else options.program or list(CASES)
            options.program = _in_both(asked, both)
        except ProfileError as error:
            parser.error(str(error))
        if again:
            return _again(both[0], both[1], again, scratch)
        began = time.monotonic()
        found = _explore_all(both[0], both[1], options)
        print(f"{time.monotonic() - began:.0f} s, seed {options.seed}")
        return 1 if found else 0


def _in_both(programs: list[str], both: list[Implementation]) -> list[str]:
    """Those of the programs that both have. Raises ProfileError if there is none."""
    missing = {program for one in both for program in one.absent}
    for program in (p for p in programs if p in missing):
        print(f"{program} is not compared: one of the two does not have it")
    if missing.issuperset(programs):
        raise ProfileError("there is no program to compare")
    return [program for program in programs if program not in missing]


def _located(name: str, scratch: Path) -> Implementation:
    profile = find(name)
    folder = scratch / profile.name
    folder.mkdir(mode=0o755, exist_ok=True)
    return locate(profile, folder)


def _case(text: str) -> Case:
    """A case as JSON, or in a file."""
    return from_json(text if text.startswith("{") else Path(text).read_text())


def _again(first: Implementation, second: Implementation, case: Case, scratch: str) -> int:
    """Run one case again, in its own process, because it ends all children that it finds."""
    covered = masks.excluded(case)
    if covered:
        print(f"covered by the deviation {covered}")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=orphans.prepare) as pool:
        found = pool.submit(differences_once, first, second, case, scratch).result()
    print("\n".join(map(str, found)) or "no difference")
    return 1 if found else 0


def _explore_all(first: Implementation, second: Implementation, options: argparse.Namespace) -> int:
    """Run all slices of all programs in parallel, and print a table and each difference.

    Returns the number of cases that differed or did not end.
    """
    table: dict[str, list[Findings]] = {program: [] for program in options.program}
    cores = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    judge = Judge((options.first, options.second), (first.absent, second.absent))
    with (
        ProcessPoolExecutor(3 * cores, context, initializer=orphans.prepare) as quick,
        ProcessPoolExecutor(12 * cores, context, initializer=orphans.prepare) as waiting,
    ):
        jobs: list[Future[Findings]] = []
        left: Counter[str] = Counter()
        for program in sorted(table, key=lambda name: name not in SLOW):
            cases, most, pool = options.cases, SLICE, quick
            if program in SLOW:
                cases, most, pool = options.slow_cases, SLOW_SLICE, waiting
            for size, number in _slices(program, cases, most, options.seed):
                jobs.append(pool.submit(explore, first, second, program, size, number))
                left[program] += 1
        for job in as_completed(jobs):
            findings = job.result()
            table[findings.program].append(findings)
            _report(findings, first, second, judge)
            for case, differs in findings.unsteady if options.unsteady else []:
                print("\nonly once:", case, *differs, sep="\n")
            for what in findings.trouble:
                print(f"\ndid not end: {what}")
            left[findings.program] -= 1
            if not left[findings.program]:
                print("done:", _row(findings.program, _counts(table[findings.program])), flush=True)
    return _summary(table)


def _slices(program: str, cases: int, size: int, seed: int) -> Iterator[tuple[int, int]]:
    """Sizes and seeds of the slices: the same for the same seed, on every machine."""
    for start in range(0, cases, size):
        name = f"{program} {seed} {start}"
        yield min(size, cases - start), zlib.crc32(name.encode())


def _report(
    findings: Findings, first: Implementation, second: Implementation, judge: Judge
) -> None:
    for text, differs in findings.differences:
        if text in judge.told:
            continue
        judge.told.add(text)
        case = from_json(text)
        names = f"{judge.names[0]} (above) and {judge.names[1]} (below)"
        print(f"\nDIFFERENCE in {findings.program}: {names}")
        print("\n".join(map(str, differs)))
        print("\n".join(f"--- {line}" for line in judge.verdict(case, differs)))
        one, two = (both.command(findings.program)[0] for both in (first, second))
        print(f"--- by hand (repeat it with {two})")
        print(shell(case, one))
        command = ["daemontools-conformance", "--differential", *judge.names, "--case", text]
        print(f"--- again: {shlex.join(command)}", flush=True)


def _summary(table: dict[str, list[Findings]]) -> int:
    """Print the counts; the number of cases that differed or did not end."""
    print("\n" + " " * 14 + "".join(f"{name:>10}" for name in _COLUMNS))
    total: Counter[str] = Counter()
    excluded: Counter[tuple[str, str]] = Counter()  # deviation, program
    for program, all_findings in table.items():
        counts = _counts(all_findings)
        total.update(counts)
        for findings in all_findings:
            excluded.update({(n, program): count for n, count in findings.excluded.items()})
        print(_row(program, counts))
    print(_row("together", total))
    reasons = {deviation.name: deviation.reason for deviation in masks.DEVIATIONS}
    for program, all_findings in table.items():
        for why in {findings.unavailable for findings in all_findings} - {""}:
            print(f"{program} is not compared here: {why}")
    for name in sorted({name for name, _ in excluded}):
        of_it = {program: count for (one, program), count in excluded.items() if one == name}
        where = ", ".join(f"{program} {count}" for program, count in of_it.items())
        print(f"excluded {sum(of_it.values()):>6} x {name}: {reasons[name]} ({where})")
    print(f"{len(masks.MASKS)} things are masked, see --masks")
    return total["different"] + total["trouble"]


def _row(program: str, counts: Counter[str]) -> str:
    share = counts["excluded"] / max(1, counts["excluded"] + counts["compared"])
    row = f"{program:14}" + "".join(f"{counts[name]:>10}" for name in _COLUMNS)
    return f"{row}  {share:.1%} excluded" if counts["excluded"] else row


_COLUMNS = ("compared", "distinct", "excluded", "unsteady", "trouble", "different")


def _counts(all_findings: Iterable[Findings]) -> Counter[str]:
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    for findings in all_findings:
        counts["compared"] += findings.compared
        counts["excluded"] += findings.excluded.total()
        counts["unsteady"] += len(findings.unsteady)
        counts["trouble"] += len(findings.trouble)
        counts["different"] += len(findings.differences)
        seen |= findings.distinct
    counts["distinct"] = len(seen)
    return counts
