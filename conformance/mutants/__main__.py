"""Mutants: the reference with one line changed, which the suite must catch.

    python conformance/mutants [NAME ...] [--jobs N]

Each entry of `catalogue.toml` is a change that a user could suffer from, and
the beginnings of the clauses that must notice it. A mutant that survives is a
clause that is missing or a test that is too weak; one that cannot be told from
the original at all says so (`equivalent`, with the reason) and is not run.
A mutant whose line is no longer there is an error: the catalogue moves with the
reference.
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from daemontools_conformance.places import folder
from selftest.builds import Patch, judged, patched

CATALOGUE = Path(__file__).parent / "catalogue.toml"
CAUGHT, SURVIVED, BROKEN = "caught", "SURVIVED", "does not apply"


def fate(mutant: Mapping[str, Any], seed: int = 0) -> tuple[str, str]:
    """What became of a mutant, and by which clause or why."""
    patch = Patch(mutant["file"], mutant["old"], mutant["new"])
    with tempfile.TemporaryDirectory(prefix=f"mutant{seed or ''}") as scratch:
        Path(scratch).chmod(0o755)
        try:
            programs = patched(Path(scratch) / "mutant", [patch])
        except ValueError as error:
            return BROKEN, str(error)
        profile = Path(scratch) / "mutant.toml"
        profile.write_text(_with_expectations_of_the_reference(programs))
        options = [word for clause in mutant["clauses"] for word in ("--clause", clause)]
        _, report = judged(
            profile, Path(scratch) / "report", "-x", "--quick", *options, workers=4, within=900
        )
    short = [clause for clause in report.clauses if report.outcome(clause).fell_short]
    return (CAUGHT, short[0]) if short else (SURVIVED, ", ".join(mutant["clauses"]))


def _with_expectations_of_the_reference(programs: Path) -> str:
    """Its profile with these programs: what the reference itself declares kills no mutant."""
    lines = (folder("profiles") / "reference.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("setup = ")]
    return "".join(f"{line}\n" for line in [f'folder = "{programs}"', *kept])


def main() -> int:
    """Judge the mutants; 1 if any survives or no longer applies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    mutants = tomllib.loads(CATALOGUE.read_text())["mutant"]
    chosen = [
        mutant
        for mutant in mutants
        if not mutant.get("equivalent")
        and (not arguments.names or mutant["name"] in arguments.names)
    ]
    wrong = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for mutant, (what, why) in zip(chosen, pool.map(fate, chosen), strict=True):
            wrong += what != CAUGHT
            print(f"{what:15} {mutant['name']}: {why}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} mutants caught")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
