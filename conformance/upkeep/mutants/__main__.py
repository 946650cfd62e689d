"""Mutants: the reference with one line changed, which the suite must catch.

    python conformance/upkeep/mutants [NAME ...] [--jobs N]

Each entry of `catalogue.toml` is a change that a user could suffer from, and
the beginnings of the clauses that must notice it. Only their tests are run, on
a copy of the reference, until the first of them falls short. A mutant that
survives is a clause that is missing or a test that is too weak; one that cannot
be told from the original from outside says so (`equivalent`, with the reason)
and is not run. A mutant whose line is no longer there is an error, and so is a
clause that is no longer there: the catalogue moves with the reference.
"""

import argparse
import os
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
CAUGHT, SURVIVED, UNTESTED, BROKEN = "caught", "SURVIVED", "untested", "BROKEN"
# What is said of an implementation; a failure of the suite itself catches nothing.
SHORT = (Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH)


def fate(mutant: Mapping[str, Any]) -> tuple[str, str]:
    """What became of a mutant, and by which clause or why."""
    patch = Patch(mutant["file"], mutant["old"], mutant["new"])
    with tempfile.TemporaryDirectory(prefix="mutant") as scratch:
        Path(scratch).chmod(0o755)  # other users run the programs too
        programs = patched(Path(scratch) / "mutant", [patch])
        # With what the reference itself declares: that kills no mutant.
        profile = f"reference={programs}"
        options = [word for clause in mutant["clauses"] for word in ("--clause", clause)]
        try:
            _, report = judged(profile, Path(scratch) / "report", "-x", *options, within=900)
        except AssertionError as error:  # there is no report
            return BROKEN, str(error)
    return _judgement(report, mutant)


def _judgement(report: Report, mutant: Mapping[str, Any]) -> tuple[str, str]:
    """Caught by any clause; else untested if one of them could not run here."""
    outcomes = {clause: report.outcome(clause) for clause in report.clauses}
    if short := [clause for clause, outcome in outcomes.items() if outcome in SHORT]:
        return CAUGHT, f"{short[0]}: {outcomes[short[0]]}"
    if Outcome.HARNESS_ERROR in outcomes.values() or report.footer["lost"]:
        return BROKEN, "the suite itself failed"
    missing = [c for c, o in outcomes.items() if o in (Outcome.UNTESTED, Outcome.PARTIAL)]
    return (UNTESTED, missing[0]) if missing else (SURVIVED, ", ".join(mutant["clauses"]))


def _mistakes(mutants: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the catalogue."""
    known = clauses.load()
    names = [mutant["name"] for mutant in mutants]
    found = [f"{name}: the name is there twice" for name in set(names) if names.count(name) > 1]
    for mutant in mutants:
        text = (REFERENCE / "daemontools" / mutant["file"]).read_text()
        if (times := text.count(mutant["old"])) != 1:
            found.append(f"{mutant['name']}: {times} x {mutant['old']!r} in {mutant['file']}")
        if not mutant.get("equivalent") and not mutant.get("clauses"):
            found.append(f"{mutant['name']}: neither clauses nor a reason why it is equivalent")
        found += [
            f"{mutant['name']}: no clause begins with {start}"
            for start in mutant.get("clauses", [])
            if not any(clause.startswith(start) for clause in known)
        ]
    return found


def main() -> int:
    """Judge the mutants; 1 if any survives, 2 if the catalogue itself is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    # Most tests only wait: more mutants at a time than there are processors.
    parser.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1))
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
