"""Mutants: the reference with one line changed, which the suite must catch.

    python conformance/upkeep/mutants [NAME ...] [--jobs N]

Run the mutants of a program (`tox -e mutants -- NAME`) after a change to it or to its
tests, and all of them before a release. A mutant that survives means that a clause is
missing or that a test is too weak; `old` or a clause that is gone means that the
catalogue must follow the reference. If nobody maintains this, delete the folder, the
tox environment, the puzzles of docs/, and what else names the catalogue (git grep catalogue).

Each entry of `catalogue.toml` is a change that could hurt a user, and the beginnings of
the clauses that must notice it, each by itself. For each beginning, its tests run on a copy
of the reference until the first one falls short. A mutant that behaves like the original says
so (`equivalent`, with the reason) and is not run.
"""

import argparse
import os
import posix
import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.reports.results import Report
from selftest.builds import REFERENCE, Patch, judged, patched

CATALOGUE = Path(__file__).parent / "catalogue.toml"
# From the best to the worst.
FATES = CAUGHT, UNTESTED, SURVIVED, BROKEN = "caught", "untested", "SURVIVED", "BROKEN"
# The outcomes that catch a mutant; a failure of the suite itself catches nothing.
SHORT = (Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH)


def fate(mutant: Mapping[str, Any]) -> tuple[str, str]:
    """The fate of a mutant, and the clauses or the reason: each beginning must catch it."""
    patch = Patch(mutant["file"], mutant["old"], mutant["new"])
    with tempfile.TemporaryDirectory(prefix="mutant") as scratch:
        Path(scratch).chmod(0o755)  # other users run the programs too
        programs = patched(Path(scratch) / "mutant", [patch])
        # Keep what the reference itself declares: that catches no mutant.
        profile = f"reference={programs}"
        found = [_judged_by(start, profile, Path(scratch)) for start in mutant["clauses"]]
    worst = max((what for what, _ in found), key=FATES.index)
    return worst, ", ".join(why for what, why in found if what == worst)


def _judged_by(start: str, profile: str, scratch: Path) -> tuple[str, str]:
    """What the clauses that begin with `start` make of a mutant."""
    try:
        _, report = judged(profile, scratch / "report", "-x", "--clause", start, within=900)
    except AssertionError as error:  # the run wrote no report
        return BROKEN, str(error)
    return _judgement(report, start)


def _judgement(report: Report, start: str) -> tuple[str, str]:
    """Caught by any clause, else untested if one of them could not run here."""
    outcomes = {clause: report.outcome(clause) for clause in report.clauses}
    if short := [clause for clause, outcome in outcomes.items() if outcome in SHORT]:
        return CAUGHT, f"{short[0]}: {outcomes[short[0]]}"
    if Outcome.HARNESS_ERROR in outcomes.values() or report.footer["lost"]:
        return BROKEN, "the suite itself failed"
    missing = [c for c, o in outcomes.items() if o in (Outcome.UNTESTED, Outcome.PARTIAL)]
    return (UNTESTED, missing[0]) if missing else (SURVIVED, start)


def _mistakes(mutants: list[dict[str, Any]]) -> list[str]:
    """The mistakes in the catalogue."""
    known = clauses.load()
    names = [mutant["name"] for mutant in mutants]
    found = [f"{name}: the name occurs twice" for name in set(names) if names.count(name) > 1]
    for mutant in mutants:
        text = (REFERENCE / "daemontools" / mutant["file"]).read_text()
        if (times := text.count(mutant["old"])) != 1:
            found.append(f"{mutant['name']}: {times} x {mutant['old']!r} in {mutant['file']}")
        if "import posix as os" in text:
            used = re.findall(r"\bos\.(\w+)", mutant["new"])
            found += [f"{mutant['name']}: no {n} in posix" for n in used if not hasattr(posix, n)]
        if not mutant.get("equivalent") and not mutant.get("clauses"):
            found.append(f"{mutant['name']}: has neither clauses nor a reason to be equivalent")
        found += [
            f"{mutant['name']}: no clause begins with {start}"
            for start in mutant.get("clauses", [])
            if not any(clause.startswith(start) for clause in known)
        ]
    return found


def main() -> int:
    """Judge the mutants; 1 if any survives, 2 if the catalogue itself is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names_help = "the mutants to try (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names_help)
    # Most tests only wait, so try more mutants at a time than there are processors.
    jobs = 3 * (os.cpu_count() or 1)
    parser.add_argument("--jobs", type=int, default=jobs, help=f"mutants at a time ({jobs})")
    arguments = parser.parse_args()
    mutants = tomllib.loads(CATALOGUE.read_text())["mutant"]
    mistakes = _mistakes(mutants)
    names = {mutant["name"] for mutant in mutants}
    mistakes += [f"{name}: no such mutant" for name in arguments.names if name not in names]
    if mistakes:
        print("\n".join(mistakes), file=sys.stderr)
        return 2
    chosen = [
        mutant
        for mutant in mutants
        if not mutant.get("equivalent")
        and (not arguments.names or mutant["name"] in arguments.names)
    ]
    fates = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for mutant, (what, why) in zip(chosen, pool.map(fate, chosen), strict=True):
            fates.append(what)
            print(f"{what:9} {mutant['name']}: {why}", flush=True)
    wrong = fates.count(SURVIVED) + fates.count(BROKEN)
    print(
        f"{fates.count(CAUGHT)} of {len(chosen)} mutants caught, {wrong} not,"
        f" {fates.count(UNTESTED)} untested here;"
        f" {sum(1 for mutant in mutants if mutant.get('equivalent'))} more are equivalent"
    )
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
