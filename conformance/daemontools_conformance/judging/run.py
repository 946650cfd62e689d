"""A finished run: what was selected, what came of it, and whether that is a success."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from daemontools_conformance.contract.demands import Demand
from daemontools_conformance.judging.cause import Short
from daemontools_conformance.judging.cells import (
    Cell,
    TestResult,
    cells,
    lost,
    settled,
    surprises,
)
from daemontools_conformance.running.implementation import Implementation


@dataclass(frozen=True)
class Run:
    """A finished run, before it is written."""

    implementation: Implementation
    demands: Mapping[str, Demand]
    tests: tuple[TestResult, ...]
    cells: Mapping[str, Cell]
    selected: int
    lost: tuple[str, ...]  # tests that never reported
    is_partial: bool
    complete: frozenset[str]  # clauses whose tests were all selected and finished
    surprises: tuple[str, ...]
    options: tuple[str, ...]
    exit_status: int = 0

    @property
    def shorts(self) -> list[Short]:
        """The clauses that fell short and were not declared to."""
        return [
            cell.short(self.demands[cell.clause].clause.level)
            for cell in self.cells.values()
            if cell.outcome.fell_short
        ]

    @property
    def is_success(self) -> bool:
        """Did something run, did all of it finish, and was nothing unexpected?"""
        is_whole = not self.lost and self.selected <= len(self.tests)
        return bool(self.cells) and is_whole and not self.surprises


def finished(
    implementation: Implementation,
    demands: Mapping[str, Demand],
    results: Iterable[TestResult],
    chosen: Mapping[str, str],
    left_out: frozenset[str],
) -> Run:
    """The run that these results make.

    `chosen` holds the selected tests with their clauses; `left_out` holds the
    clauses that had a test left out.
    """
    tests = settled(results)
    missing = lost(chosen, (result.test for result in tests))
    found = cells(tests)
    complete = frozenset(found) - left_out - {result.clause for result in missing}
    return Run(
        implementation=implementation,
        demands=demands,
        tests=tuple(tests),
        cells=found,
        selected=len(chosen),
        lost=tuple(result.test for result in missing),
        is_partial=bool(left_out),
        complete=complete,
        surprises=tuple(surprises(found, demands, complete)),
        options=(),
    )
