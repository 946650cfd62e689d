"""The summary on the terminal: the table program x outcome, and what needs attention.

No part of it grows with the number of states, clauses or programs: it shows the first few,
and says how many there are more. The reports have all.
"""

import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from daemontools_conformance.contract.outcomes import MEANING, Outcome
from daemontools_conformance.contract.profiles import FILL_IN
from daemontools_conformance.judging.cause import Short, by_cause, entry, title
from daemontools_conformance.judging.run import Run
from daemontools_conformance.selection.tests import by_clause, of_suite

_WIDTH = 100
_MOST_CLAUSES, _MOST_GROUPS = 10, 15  # shown for one cause, and causes
_MOST_LINES = 15  # of one kind
_MOST_ALIKE, _MOST_FAILURES = 3, 12  # shown in full: of one clause or cause, and of all
_ABSENT = re.compile(r"(?<=does not offer )\w+$|(?<=^needs )\w+(?=, which)")


def told(run: Run, evidence: Path | None) -> Iterator[str]:
    """The summary, line by line."""
    yield from table(run)
    yield from _first(_reasons(run, Outcome.UNTESTED))
    yield from _first(_reasons(run, Outcome.NOT_OFFERED))
    for outcome in (Outcome.VARIANT, Outcome.NEW, Outcome.BEYOND, Outcome.KNOWN_BUG):
        yield from _first(
            _clip(f"{outcome} {cell.clause}: {cell.detail}")
            for _, cell in sorted(run.cells.items())
            if cell.outcome == outcome
        )
    if run.is_partial and run.implementation.profile.expect:
        yield "partial run: expectations are checked only where all tests of the clause ran"
    if not run.is_partial:
        tests = by_clause(of_suite(), run.demands)
        yield from _first(f"no test: {clause}" for clause in tests if not tests[clause])
    open_reasons = {
        entry(clause, expectation.kind, expectation.seen)
        for clause, expectation in run.implementation.profile.expect.items()
        if FILL_IN in (expectation.reason, expectation.link)
    }
    if open_reasons:
        yield f"{len(open_reasons)} reasons in the profile still have to be filled in"
    if not run.selected:
        yield "no test was selected: that is not a success"
    if run.lost:
        yield f"cut short: {len(run.lost)} tests never reported, such as {run.lost[0]}"
    elif len(run.tests) < run.selected:
        yield f"cut short: {len(run.tests)} of {run.selected} tests have reported"
    short = by_cause(run.shorts)
    fell = {f"{one.clause}: {one.outcome}" for group in short for one in group}
    yield from _first(f"unexpected: {surprise}" for surprise in sorted(set(run.surprises) - fell))
    for group in short[:_MOST_GROUPS]:
        yield from _group(group)
    if others := short[_MOST_GROUPS:]:
        clauses = sum(map(len, others))
        yield f"unexpected: {clauses} more clauses, for {len(others)} other causes"
        yield "  --report DIR writes all of them to DIR/matrix.html and DIR/junit.xml"
    if evidence:
        yield f"evidence: {evidence}"


def _first(lines: Iterable[str]) -> Iterator[str]:
    """The first lines of a kind, and how many more there are."""
    found = list(lines)
    yield from found[:_MOST_LINES]
    if len(found) > _MOST_LINES:
        yield f"  and {len(found) - _MOST_LINES} more"


def in_full(failures: Sequence[tuple[str, str]]) -> list[int]:
    """The numbers of the failures to show in full, given the clause and the cause of each."""
    alike: Counter[str] = Counter()
    chosen: list[int] = []
    for number, failure in enumerate(failures):
        names = {*failure} - {""}
        if len(chosen) < _MOST_FAILURES and all(alike[name] < _MOST_ALIKE for name in names):
            alike.update(names)
            chosen.append(number)
    clauses = [clause for clause, _ in failures]
    return sorted(chosen, key=lambda number: clauses.index(clauses[number]))


def left_out(clause: str, number: int, states: str, evidence: Path) -> str:
    """The lines for so many failures of a clause that are not shown in full."""
    held = f" ({states})" if states else ""
    return (
        f"and {number} more like this{held}: daemontools-conformance explain {clause}\n"
        f"  what each of them ran and saw: {evidence}/*/failure.txt"
    )


def _group(group: list[Short]) -> Iterator[str]:
    """What fell short for one cause: its name, an example, and each clause."""
    yield _clip(f"unexpected: {title(group)}")
    first = group[0]
    if first.cause and first.difference:
        yield f"  {_clip(f'such as: {first.difference}')}"
    words = [f"{one.level} {one.clause}: {one.outcome}" for one in group]
    counted = [
        f"{w} ({one.states})" if one.states else w for w, one in zip(words, group, strict=True)
    ]
    yield from (f"  {line}" for line in counted[:_MOST_CLAUSES])
    if len(counted) > _MOST_CLAUSES:
        yield f"  and {len(counted) - _MOST_CLAUSES} more"


def table(run: Run) -> Iterator[str]:
    """A row for each program, a column for each outcome, and counts of clauses."""
    shown = sorted({cell.outcome for cell in run.cells.values()}, key=_order)
    if not shown:
        return
    widths = [max(len(str(outcome)), 5) + 2 for outcome in shown]
    counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for cell in run.cells.values():
        counts[run.demands[cell.clause].clause.program][cell.outcome] += 1
        counts["together"][cell.outcome] += 1
    total = counts.pop("together")
    yield f"{'':14}" + "".join(
        f"{outcome!s:>{w}}" for outcome, w in zip(shown, widths, strict=True)
    )
    for program, row in [
        *sorted(counts.items()),
        *([("together", total)] if len(counts) > 1 else []),
    ]:
        yield f"{program:14}" + "".join(
            f"{row.get(outcome, '') or '':>{w}}" for outcome, w in zip(shown, widths, strict=True)
        )


def _order(outcome: Outcome) -> int:
    """From best to worst; outcomes outside the order come last."""
    return int(outcome) if outcome >= Outcome.PASS else 100 - int(outcome)


def _reasons(run: Run, outcome: Outcome) -> Iterator[str]:
    """Each reason why tests did not run, with their number; absent programs share a line."""
    alike: dict[str, Counter[str]] = defaultdict(Counter)
    for test in run.tests:
        if test.outcome == outcome:
            reason = _clip(test.detail or MEANING[outcome])
            named = _ABSENT.search(reason)
            alike[_ABSENT.sub("{}", reason)][named[0] if named else ""] += 1
    for reason, programs in sorted(alike.items(), key=lambda pair: -pair[1].total()):
        shown = reason.replace("{}", ", ".join(name for name, _ in programs.most_common()))
        text = f"{outcome} {programs.total()} x: {shown}"
        yield from textwrap.wrap(text, _WIDTH, subsequent_indent="  ")


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."
