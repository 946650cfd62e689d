"""The verbs that show clauses: `list` all of them, `explain` some."""

import argparse
import sys
import textwrap
from collections.abc import Mapping

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import Demand, demands
from daemontools_conformance.contract.near import did_you_mean
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.plain import plain
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.reports.lines import most_its_own
from daemontools_conformance.selection.choice import check_asked
from daemontools_conformance.selection.options import Asked
from daemontools_conformance.selection.tests import Test, by_clause, exactly, is_wanted, of_suite


def list_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run that select clauses."""
    program = "only the clauses of this program (may be repeated)"
    parser.add_argument("--program", action="append", default=[], help=program)
    clause = "only the clauses whose ids begin so (may be repeated)"
    parser.add_argument("--clause", action="append", default=[], help=clause)
    parser.add_argument("--level", default="", help="only the clauses of this level")


def list_clauses(given: argparse.Namespace) -> int:
    """Print the clauses, one a line. Raises CannotRun if an option names what is not there."""
    known = clauses.load()
    check_asked(Asked(given.program, given.clause, given.level), known)
    tests = by_clause(of_suite(), known)
    shown = [
        clause
        for clause in known.values()
        if is_wanted(clause.id, given.program, given.clause)
        and (not given.level or clause.level == given.level.upper())
    ]
    for clause in shown:
        print(f"{clause.level:9} {clause.id}{'' if tests[clause.id] else '   (no test)'}")
    print(f"{len(shown)} clauses", file=sys.stderr)
    return 0 if shown else 1


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the clauses to explain."""
    parser.add_argument("clause", nargs="+", help="the id of a clause, or its beginning")


def explain(given: argparse.Namespace) -> int:
    """Print everything known about some clauses."""
    known = clauses.load()
    tests = by_clause(exactly(of_suite()), known)
    shipped = [find(file.stem) for file in sorted(folder("profiles").glob("*.toml"))]
    by_profile = {profile.name: demands(profile, known) for profile in shipped}
    for asked in given.clause:
        found = [known[asked]] if asked in known else []
        found = found or [c for c in known.values() if c.id.startswith(asked)]
        if not found:
            meant = did_you_mean(asked, known) or "; see: daemontools-conformance list"
            print(f"there is no clause {plain(asked)}{meant}")
            return 1
        for clause in found:
            of_profiles = {name: demanded[clause.id] for name, demanded in by_profile.items()}
            print("\n".join(_explained(clause, tests[clause.id], of_profiles)))
    return 0


def _explained(
    clause: clauses.Clause, tests: list[Test], by_profile: Mapping[str, Demand]
) -> list[str]:
    lines = [clause.id, _paragraph(clause.text)]
    if clause.why:
        lines += ["why", _paragraph(clause.why)]
    lines += ["level", _paragraph(f"{clause.level}: {clauses.LEVELS[clause.level]}")]
    lines += ["source", _paragraph(f"{clause.source} ({clause.file.name}:{clause.line})")]
    lines += ["since", _paragraph(f"suite {clause.since}")]
    if clause.by_hand:
        lines += ["by hand", *(f"  {clauses.typed(line)}" for line in clause.by_hand)]
    for name, text in clause.variants.items():
        lines += [f"variant {name}", _paragraph(text)]
    lines += ["tests", *(f"  {test.id} (line {test.line})" for test in tests if not test.heavy)]
    heavy = [test for test in tests if test.heavy]
    lines += [f"  --heavy {test.heavy}: {test.id} (line {test.line})" for test in heavy]
    for name, demand in by_profile.items():
        if entry := demand.expectation:
            seen = f"; seen: {entry.seen}" if entry.seen else ""
            where = f"; only without {entry.without_need}" if entry.without_need else ""
            lines += [f"{name} deviates: {entry.kind}{seen}{where}", _paragraph(entry.reason)]
    if code := most_its_own(clause.id):
        lines += ["lines of the reference that few other clauses run", *(f"  {c}" for c in code)]
    return [*lines, ""]


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 92, initial_indent="  ", subsequent_indent="  ")
