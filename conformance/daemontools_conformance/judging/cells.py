"""From tests to cells: one outcome for each clause, and everything unexpected.

A cell (clause x implementation) is as bad as its worst test. PARTIAL means that
a test passed but another could not run here. Pure: no pytest, no files.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from daemontools_conformance.contract.demands import Demand
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.judging.cause import Short


@dataclass(frozen=True)
class TestResult:
    """The outcome of one test; before `settled`, that of one phase or repetition."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    test: str
    clause: str
    outcome: Outcome
    seconds: float = 0.0
    detail: str = ""
    evidence: str = ""  # folder, below the report's
    repetition: int = 0
    cause: str = ""  # the name of the deviation that made it fall short, if it has one
    difference: str = ""  # then also: "expected X, seen Y"


@dataclass(frozen=True)
class Cell:
    """The outcome of one clause."""

    clause: str
    outcome: Outcome
    tests: tuple[TestResult, ...]

    @property
    def detail(self) -> str:
        """Why the cell is not PASS: the text of the test that decided it."""
        return next((t.detail for t in self.tests if t.outcome == self.outcome and t.detail), "")

    def short(self, level: str) -> Short:
        """The cell as one that fell short, whose clause has this level."""
        decided = next((t for t in self.tests if t.outcome == self.outcome), None)
        return Short(
            clause=self.clause,
            level=level,
            outcome=self.outcome,
            cause=decided.cause if decided else "",
            difference=decided.difference if decided else "",
            holding=sum(Outcome.PASS <= t.outcome <= Outcome.VARIANT for t in self.tests),
            tests=sum(t.outcome >= Outcome.PASS for t in self.tests),
        )


def packed(result: TestResult) -> dict[str, Any]:
    """The result in plain types, for a worker to send to the controller."""
    return {**asdict(result), "outcome": int(result.outcome)}


def unpacked(facts: Mapping[str, Any]) -> TestResult:
    """The result that was packed."""
    return TestResult(**{**facts, "outcome": Outcome(facts["outcome"])})


def settled(results: Iterable[TestResult]) -> list[TestResult]:
    """One result for each test: its worst phase; FLAKY if its repetitions differ.

    They stand in the order of the tests' names, not in the order in which workers ended:
    what a report tells first must not depend on a race.
    """
    runs: dict[str, dict[int, TestResult]] = defaultdict(dict)
    for result in results:
        before = runs[result.test].get(result.repetition)
        if before is None or result.outcome > before.outcome:
            runs[result.test][result.repetition] = result
    ordered = (sorted(repetitions.items()) for _, repetitions in sorted(runs.items()))
    return [_of_repetitions([run for _, run in repetitions]) for repetitions in ordered]


def _of_repetitions(runs: list[TestResult]) -> TestResult:
    worst_run = max(runs, key=lambda run: run.outcome)
    if len({run.outcome for run in runs}) == 1 or worst_run.outcome == Outcome.BEYOND:
        return worst_run
    counts = ", ".join(
        f"{sum(run.outcome == outcome for run in runs)} x {outcome}"
        for outcome in sorted({run.outcome for run in runs})
    )
    return replace(
        worst_run, outcome=Outcome.FLAKY, detail=f"{counts}; {worst_run.detail}".rstrip("; ")
    )


def cells(results: Iterable[TestResult]) -> dict[str, Cell]:
    """The cells of all clauses that occur in the results."""
    by_clause: dict[str, list[TestResult]] = defaultdict(list)
    for result in results:
        by_clause[result.clause].append(result)
    return {id_: Cell(id_, worst(tests), tuple(tests)) for id_, tests in by_clause.items()}


def worst(tests: Iterable[TestResult]) -> Outcome:
    """The outcome of a cell."""
    outcomes = [test.outcome for test in tests]
    decided = max(outcomes, default=Outcome.NOT_RUN)
    if decided == Outcome.PASS and Outcome.UNTESTED in outcomes:
        return Outcome.PARTIAL
    return decided


def surprises(
    found: Mapping[str, Cell],
    demands: Mapping[str, Demand],
    complete: frozenset[str],
    today: datetime.date | None = None,
) -> list[str]:
    """A sentence for each surprise; empty if every outcome is as declared.

    `complete` holds the clauses whose tests were all selected and finished: only
    those clauses can contradict an expectation.
    """
    today = today or datetime.date.today()
    expected = {id_: d.expectation for id_, d in demands.items() if id_ in found and d.expectation}
    found_short = [
        f"{cell.clause}: {cell.outcome}" for cell in found.values() if cell.outcome >= Outcome.FLAKY
    ]
    contradicted = [
        f"{clause}: {expectation.kind} was declared, {found[clause].outcome} was seen"
        for clause, expectation in expected.items()
        if clause in complete
        and not expectation.sometimes
        and found[clause].outcome < Outcome.FLAKY
        and found[clause].outcome not in (expectation.outcome, Outcome.UNTESTED)
        and all(test.outcome != Outcome.UNTESTED for test in found[clause].tests)
    ]
    expired = [
        f"{clause}: the expectation expired on {expectation.expires}: {expectation.reason}"
        for clause, expectation in expected.items()
        if expectation.expires and expectation.expires < today
    ]
    return found_short + contradicted + expired


def lost(chosen: Mapping[str, str], finished: Iterable[str]) -> list[TestResult]:
    """The chosen tests (name -> clause) that never reported, as when a run was cut short."""
    reported = set(finished)
    return [
        TestResult(test, clause, Outcome.HARNESS_ERROR, detail="the test never reported a result")
        for test, clause in chosen.items()
        if test not in reported
    ]
