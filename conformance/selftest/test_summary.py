"""The summary of a run on the terminal."""

from dataclasses import replace
from pathlib import Path

import pytest

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import demands
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import FILL_IN, Expectation, Profile
from daemontools_conformance.judging.cells import TestResult, cells
from daemontools_conformance.judging.run import Run
from daemontools_conformance.reports import summary
from daemontools_conformance.running.implementation import Implementation

KNOWN = clauses.load()
RUNNING, KILLED, USAGE = "svok/exit/running", "svok/exit/closed-ok", "svok/usage/no-operand"
LETTERS, WORDS = "svc/letters/each", "svstat/words/up"


def run(*tests: TestResult, expect: Expectation | None = None, lost: tuple[str, ...] = ()) -> Run:
    profile = Profile("mine", expect={expect.clause: expect} if expect else {})
    return Run(
        implementation=Implementation(profile, Path("/nowhere")),
        demands=demands(profile, KNOWN),
        tests=tests,
        cells=cells(tests),
        selected=len(tests) + len(lost),
        lost=lost,
        is_partial=True,
        complete=frozenset(),
        surprises=(),
        options=(),
    )


def said(it: Run) -> list[str]:
    return list(summary.told(it, evidence=None))


def test_the_table_counts_clauses_by_program_and_outcome() -> None:
    finished = run(
        TestResult("a", RUNNING, Outcome.PASS),
        TestResult("b", USAGE, Outcome.PASS),
        TestResult("c", KILLED, Outcome.FAIL, detail="it says 1"),
        TestResult("d", WORDS, Outcome.PASS),
    )
    table = [line.split() for line in summary.table(finished)]
    assert table == [
        ["PASS", "FAIL"],
        ["svok", "2", "1"],
        ["svstat", "1"],
        ["together", "3", "1"],
    ]


def test_programs_that_are_not_offered_share_a_line() -> None:
    absent = [
        TestResult("a", LETTERS, Outcome.NOT_OFFERED, detail="mine does not offer svc"),
        TestResult("b", LETTERS, Outcome.NOT_OFFERED, detail="mine does not offer svc"),
        TestResult("c", WORDS, Outcome.NOT_OFFERED, detail="mine does not offer svstat"),
    ]
    assert "NOT-OFFERED 3 x: mine does not offer svc, svstat" in said(run(*absent))


def test_helpers_that_are_not_offered_share_a_line() -> None:
    untested = [
        TestResult(p, RUNNING, Outcome.UNTESTED, detail=f"needs {p}, which mine does not offer")
        for p in ("svc", "svstat")
    ]
    assert "UNTESTED 2 x: needs svc, svstat, which mine does not offer" in said(run(*untested))


def test_no_line_is_wider_than_a_terminal() -> None:
    many = [
        TestResult(p, RUNNING, Outcome.NOT_OFFERED, detail=f"mine does not offer {p}")
        for p in sorted({clause.program for clause in KNOWN.values()})
    ]
    long = TestResult("z", USAGE, Outcome.UNTESTED, detail="no such thing here " * 20)
    assert max(map(len, said(run(*many, long)))) <= 100


@pytest.mark.parametrize("open_field", ["reason", "link"])
def test_reasons_that_adopt_left_open_are_counted(open_field: str) -> None:
    filled = Expectation(RUNNING, "known-bug", reason="it is so", link="https://example.org/1")
    entry = replace(filled, **{open_field: FILL_IN})  # type: ignore[arg-type]
    passed = TestResult("a", RUNNING, Outcome.PASS)
    assert "1 reasons in the profile still have to be filled in" in said(run(passed, expect=entry))


def test_what_fell_short_is_grouped_by_cause_and_says_how_many_tests_hold() -> None:
    usage = {"cause": "usage line on standard output", "difference": "expected '', seen 'no'"}
    finished = run(
        TestResult("a", USAGE, Outcome.FAIL, **usage),  # type: ignore[arg-type]
        TestResult("b", USAGE, Outcome.PASS),
        TestResult("c", KILLED, Outcome.FAIL, **usage),  # type: ignore[arg-type]
        TestResult("d", LETTERS, Outcome.TIMEOUT, difference="not within 30 s"),
    )
    lines = said(finished)
    assert lines[lines.index("unexpected: svc/letters/each: not within 30 s") :] == [
        "unexpected: svc/letters/each: not within 30 s",
        "  PROMISED svc/letters/each: TIMEOUT",
        "unexpected: usage line on standard output: 2 clauses",
        "  such as: expected '', seen 'no'",
        "  CODE svok/exit/closed-ok: FAIL",
        "  CODE svok/usage/no-operand: FAIL (1 of 2 hold)",
    ]


def test_the_summary_does_not_grow_with_the_clauses() -> None:
    ids = list(KNOWN)[:600]
    fell = [TestResult(one, one, Outcome.FAIL, difference=f"it says {one}") for one in ids[:300]]
    alike = [TestResult(one, one, Outcome.FAIL, cause="exits 3") for one in ids[300:600]]
    lines = said(run(*fell, *alike))
    assert "  and 290 more" in lines
    assert "unexpected: 286 more clauses, for 286 other causes" in lines
    assert len(lines) < 100


@pytest.mark.parametrize("outcome", [Outcome.VARIANT, Outcome.BEYOND, Outcome.KNOWN_BUG])
def test_of_what_was_declared_fifteen_lines_are_shown(outcome: Outcome) -> None:
    lines = said(run(*(TestResult(one, one, outcome) for one in list(KNOWN)[:50])))
    assert len([line for line in lines if line.startswith(f"{outcome} ")]) == 15
    assert "  and 35 more" in lines


def test_nothing_selected_is_said() -> None:
    assert "no test was selected: that is not a success" in said(run())


def test_tests_that_never_reported_are_said() -> None:
    passed = TestResult("a", RUNNING, Outcome.PASS)
    expected = "cut short: 1 tests never reported, such as svok/test_exit.py::b"
    assert expected in said(run(passed, lost=("svok/test_exit.py::b",)))
