"""From tests to cells: one outcome for each clause, and what was not expected.

A cell (clause x implementation) is as bad as its worst test. PARTIAL says that
a test passed but another could not run here. Pure: no pytest, no files.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from daemontools_conformance.outcomes import Outcome
from daemontools_conformance.profiles import Expectation


@dataclass(frozen=True)
class TestResult:
    """What became of one test."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    test: str
    clause: str
    outcome: Outcome
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Cell:
    """What became of one clause."""

    clause: str
    outcome: Outcome
    tests: tuple[TestResult, ...]

    @property
    def detail(self) -> str:
        """Why it is not PASS: the text of the test that decided."""
        return next((t.detail for t in self.tests if t.outcome == self.outcome and t.detail), "")


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


DECLARED = {
    "variant": Outcome.VARIANT,
    "not-offered": Outcome.NOT_OFFERED,
    "known-bug": Outcome.KNOWN_BUG,
}


def surprises(
    found: Mapping[str, Cell],
    expected: Mapping[str, Expectation],
    complete: frozenset[str],
) -> list[str]:
    """What fell short unexpectedly, a sentence each; empty if all is as declared.

    `complete` holds the clauses of which every test was selected: only those
    can contradict an expectation.
    """
    found_short = [
        f"{cell.clause}: {cell.outcome}" for cell in found.values() if cell.outcome >= Outcome.FLAKY
    ]
    contradicted = [
        f"{clause}: {expectation.kind} was declared, {found[clause].outcome} was seen"
        for clause, expectation in expected.items()
        if clause in found
        and clause in complete
        and found[clause].outcome < Outcome.FLAKY
        and found[clause].outcome not in (DECLARED[expectation.kind], Outcome.UNTESTED)
        and all(test.outcome != Outcome.UNTESTED for test in found[clause].tests)
    ]
    return found_short + contradicted
