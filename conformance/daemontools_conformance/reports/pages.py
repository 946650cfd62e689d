"""Pages generated from clauses, tests and committed results, so that they stay true."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.places import folder
from daemontools_conformance.reports.results import Report
from daemontools_conformance.selection.tests import Test, by_clause, exactly

_MOST_CLAUSES = 12  # shown for one line of djb's list
_NEEDS = (
    "[Write a test](../implementers/write-a-test.md#what-a-test-needs) explains these needs.\n"
    "A clause that has several lines has several such tests; other tests of it may need nothing.\n"
    "Most tests that need gcc shift the clock with a library that is loaded first. They are\n"
    "UNTESTED for a program that is not linked dynamically, whatever the machine has."
)


def djb_items(file: Path | None = None) -> list[dict[str, object]]:
    """What djb's own tests leave out: {"what": text, "clauses": [prefix, ...]} in his order."""
    source = file or folder("spec") / "not-in-rts.toml"
    items: list[dict[str, object]] = tomllib.loads(source.read_text())["item"]
    return items


def djb_list(clauses: Mapping[str, Clause], reports: Sequence[Report]) -> str:
    """The page that shows, for each thing on djb's list, what tests it and who satisfies it."""
    rows = []
    tested = 0
    for number, item in enumerate(djb_items(), 1):
        prefixes = item["clauses"]
        assert isinstance(prefixes, list)
        found = [c for c in clauses if c in prefixes or any(map(c.startswith, _folders(prefixes)))]
        tested += bool(found)
        asked = [clause for clause in found if clauses[clause].level != "BEYOND"]
        shown = ", ".join(f"`{clause}`" for clause in found[:_MOST_CLAUSES])
        more = f" and {len(found) - _MOST_CLAUSES} more" if len(found) > _MOST_CLAUSES else ""
        by = _satisfied_by(asked, reports)
        rows.append(f"| {number} | {item['what']} | {shown or 'none yet'}{more} | {by} |")
    head = f"""\
# What djb's own tests leave out

daemontools 0.76 comes with a test script, `rts.tests`. The script begins with a list of
{len(rows)} things that it does not test. This page lists them in djb's order and in our
words, with the clauses by which this suite tests {tested} of the {len(rows)}.
`daemontools-conformance djb` generates this page.
The last column counts the implementations that have a committed result and offer a program of the
row, and names those that satisfy all its clauses, as far as their run could test them. A clause
that is NOT-OFFERED is not satisfied; BEYOND clauses do not count.

| | what | clauses | satisfied by |
|---|---|---|---|
"""
    return head + "\n".join(rows) + "\n"


def _satisfied_by(asked: Sequence[str], reports: Sequence[Report]) -> str:
    """Who satisfies these clauses, as far as they could be tested, and which never could."""
    judged = [report for report in reports if any(_was_judged(report, c) for c in asked)]
    if not judged:
        return "not judged"
    passed = [r.name for r in judged if all(_holds(r, c) for c in asked if _was_tested(r, c))]
    by = f"{len(passed)} of {len(judged)}: {', '.join(passed) or 'none'}"
    by = f"all {len(judged)}" if len(passed) == len(judged) else by
    never = [f"`{c}`" for c in asked if not any(_was_judged(report, c) for report in judged)]
    return f"{by}, but no run could test {', '.join(never)}" if never else by


def _folders(words: Sequence[str]) -> list[str]:
    """The words that mean all clauses below them."""
    return [word for word in words if word.endswith("/")]


def _holds(report: Report, clause: str) -> bool:
    """Does the implementation do what the clause, or a named variant of it, says?"""
    return Outcome.PASS <= report.outcome(clause) <= Outcome.VARIANT


def _was_tested(report: Report, clause: str) -> bool:
    return report.outcome(clause) not in (Outcome.NOT_RUN, Outcome.UNTESTED)


def _was_judged(report: Report, clause: str) -> bool:
    return _was_tested(report, clause) and report.outcome(clause) != Outcome.NOT_OFFERED


def untested(
    clauses: Mapping[str, Clause], tests: Iterable[Test], reports: Sequence[Report]
) -> str:
    """The page that lists what the suite does not test, as far as the suite can know."""
    tested = by_clause(exactly(tests), clauses)
    orphans = [clause for clause in clauses if not tested[clause]]
    nowhere = [
        clause
        for clause in clauses
        if clause not in orphans and not any(_was_judged(report, clause) for report in reports)
    ]
    needing = {
        f"`{clause}`: {', '.join(test.needs)}"
        for clause, found in tested.items()
        for test in found
        if test.needs
    }
    deliberate = folder("spec") / "not-tested.txt"
    lines = [
        "# What this suite does not test",
        "",
        "`daemontools-conformance untested` generates this page.",
    ]
    lines += _section("Left out on purpose", deliberate.read_text().splitlines())
    lines += _section("Clauses without a test", _as_code(orphans))
    lines += _section("Clauses that no committed result has judged", _as_code(nowhere))
    lines += _section("Variants that no committed result shows", _unseen_variants(clauses, reports))
    lines += _section("Tests that not every machine or user can run", sorted(needing), _NEEDS)
    return "\n".join(lines) + "\n"


def _unseen_variants(clauses: Mapping[str, Clause], reports: Sequence[Report]) -> list[str]:
    seen = {
        (cell["clause"], cell["seen"])
        for report in reports
        for cell in report.clauses.values()
        if cell["outcome"] == "VARIANT"
    }
    return [
        f"`{clause.id}`, variant {name}"
        for clause in clauses.values()
        for name in clause.variants
        if (clause.id, name) not in seen
    ]


def _as_code(ids: Sequence[str]) -> list[str]:
    return [f"`{id_}`" for id_ in ids]


def _section(title: str, items: Sequence[str], about: str = "") -> list[str]:
    head = ["", f"## {title}", "", *([about, ""] if about else [])]
    return [*head, *([f"- {item}" for item in items] or ["None."])]
