"""Cells and surprises from results written by hand."""

import datetime
import json
from pathlib import Path

import pytest

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.demands import Demand
from daemontools_conformance.contract.outcomes import MEANING, Outcome, named
from daemontools_conformance.contract.profiles import Expectation
from daemontools_conformance.judging.cells import (
    TestResult,
    cells,
    lost,
    packed,
    settled,
    surprises,
    unpacked,
    worst,
)

CLAUSE = "svok/exit/running"
TODAY = datetime.date(2026, 1, 1)


def result(outcome: Outcome, test: str = "t", repetition: int = 0, detail: str = "") -> TestResult:
    return TestResult(test, CLAUSE, outcome, detail=detail, repetition=repetition)


def expect(
    kind: str, expires: datetime.date | None = None, *, sometimes: bool = False
) -> dict[str, Demand]:
    expectation = Expectation(CLAUSE, kind, "a reason", "x", "", expires, sometimes)
    return {CLAUSE: Demand(Clause(CLAUSE, "", "CODE", "", Path("svok.md"), 1), expectation)}


@pytest.mark.parametrize(
    ("outcomes", "cell"),
    [
        ([Outcome.PASS], Outcome.PASS),
        ([Outcome.PASS, Outcome.FAIL], Outcome.FAIL),
        ([Outcome.FAIL, Outcome.CRASH], Outcome.CRASH),
        ([Outcome.PASS, Outcome.UNTESTED], Outcome.PARTIAL),
        ([Outcome.UNTESTED, Outcome.UNTESTED], Outcome.UNTESTED),
        ([Outcome.UNTESTED, Outcome.FAIL], Outcome.FAIL),
        ([Outcome.VARIANT, Outcome.PASS], Outcome.VARIANT),
        ([Outcome.NOT_OFFERED, Outcome.PASS], Outcome.NOT_OFFERED),
        ([Outcome.CRASH, Outcome.HARNESS_ERROR], Outcome.HARNESS_ERROR),
        ([], Outcome.NOT_RUN),
    ],
)
def test_a_cell_is_as_bad_as_its_worst_test(outcomes: list[Outcome], cell: Outcome) -> None:
    assert worst([result(outcome) for outcome in outcomes]) == cell


def test_the_order_of_outcomes_is_the_published_one() -> None:
    names = [str(outcome) for outcome in sorted(Outcome) if outcome >= Outcome.PASS]
    assert names == [
        "PASS", "PARTIAL", "VARIANT", "NOT-OFFERED", "NEW", "BEYOND", "KNOWN-BUG", "FLAKY",
        "FAIL", "TIMEOUT", "CRASH", "HARNESS-ERROR",
    ]  # fmt: skip
    assert {named(str(outcome)) for outcome in Outcome} == set(MEANING)


def test_the_worst_phase_of_a_test_is_its_result() -> None:
    both = [result(Outcome.PASS), result(Outcome.CRASH, detail="in close")]
    assert settled(both) == [result(Outcome.CRASH, detail="in close")]


def test_no_result_depends_on_which_worker_ends_first() -> None:
    arrived = [
        result(Outcome.FAIL, test, repetition, f"{test} {repetition}")
        for test in ("t[0]", "t[1]")
        for repetition in (1, 2)
    ]
    assert settled(arrived) == settled(reversed(arrived)) == [arrived[0], arrived[2]]


def test_mixed_repetitions_are_flaky_and_equal_ones_are_not() -> None:
    runs = [result(Outcome.PASS, repetition=1), result(Outcome.FAIL, repetition=2)]
    [mixed] = settled(runs)
    assert (mixed.outcome, mixed.detail) == (Outcome.FLAKY, "1 x PASS, 1 x FAIL")
    [equal] = settled([result(Outcome.FAIL, repetition=1), result(Outcome.FAIL, repetition=2)])
    assert equal.outcome == Outcome.FAIL
    runs = [result(Outcome.PASS, repetition=1), result(Outcome.BEYOND, repetition=2)]
    [not_asked] = settled(runs)
    assert not_asked.outcome == Outcome.BEYOND


@pytest.mark.parametrize(
    ("seen", "kind", "complaint"),
    [
        (Outcome.PASS, "known-bug", "known-bug was declared, PASS was seen"),
        (Outcome.PASS, "variant", "variant was declared, PASS was seen"),
        (Outcome.PASS, "not-offered", "not-offered was declared, PASS was seen"),
        (Outcome.KNOWN_BUG, "known-bug", ""),
        (Outcome.VARIANT, "variant", ""),
        (Outcome.UNTESTED, "known-bug", ""),
        (Outcome.FAIL, "variant", "FAIL"),
    ],
)
def test_an_expectation_is_judged_by_what_was_seen(
    seen: Outcome, kind: str, complaint: str
) -> None:
    found = cells([result(seen)])
    said = surprises(found, expect(kind), frozenset(found), TODAY)
    assert ([f"{CLAUSE}: {complaint}"] if complaint else []) == said


def test_an_incomplete_clause_contradicts_nothing() -> None:
    found = cells([result(Outcome.PASS)])
    assert surprises(found, expect("known-bug"), frozenset(), TODAY) == []
    partly = cells([result(Outcome.PASS, "a"), result(Outcome.UNTESTED, "b")])
    assert surprises(partly, expect("known-bug"), frozenset(partly), TODAY) == []


def test_a_race_may_also_come_out_well() -> None:
    found = cells([result(Outcome.PASS)])
    assert surprises(found, expect("known-bug", sometimes=True), frozenset({CLAUSE})) == []
    assert surprises(found, expect("known-bug"), frozenset({CLAUSE})) != []


def test_an_expectation_expires_the_day_after() -> None:
    found = cells([result(Outcome.KNOWN_BUG)])
    last_day = expect("known-bug", TODAY)
    assert surprises(found, last_day, frozenset(found), TODAY) == []
    tomorrow = TODAY + datetime.timedelta(days=1)
    assert "expired" in surprises(found, last_day, frozenset(found), tomorrow)[0]


def test_tests_that_never_reported_are_lost() -> None:
    assert [test.test for test in lost({"a": CLAUSE, "b": CLAUSE}, ["a"])] == ["b"]


def test_a_result_arrives_as_it_was_sent() -> None:
    sent = TestResult("t", CLAUSE, Outcome.KNOWN_BUG, 0.5, "why", "evidence/t", 2)
    parcel = json.loads(json.dumps(packed(sent)))
    assert type(packed(sent)["outcome"]) is int  # what xdist carries
    assert unpacked(parcel) == sent
