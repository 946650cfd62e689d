"""Which tests run, and in which order: candidates written by hand, without pytest."""

from dataclasses import replace
from pathlib import Path

import pytest

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.selection.choice import (
    Candidate,
    Choice,
    check_asked,
    check_tests,
    chosen,
    in_order,
    together,
)
from daemontools_conformance.selection.options import Asked, CannotRun
from daemontools_conformance.selection.tests import (
    TESTS,
    Test,
    name_of_test,
    of_suite,
    repetition_of,
)


def _clause(id_: str, level: str) -> Clause:
    return Clause(id_, "", level, "", Path("spec.md"), 1)


RUNNING, USAGE, UP = "svok/exit/running", "svok/usage/none", "svc/letter/up"
KNOWN = {
    RUNNING: _clause(RUNNING, "PROMISED"),
    USAGE: _clause(USAGE, "QUIRK"),
    UP: _clause(UP, "CODE"),
}
QUICK, SLOW, OTHER = (
    Candidate("a", RUNNING),
    Candidate("b", RUNNING, is_slow=True),
    Candidate("c", RUNNING),
)
QUIRK, LETTER = Candidate("d", USAGE), Candidate("e", UP)
SCALE = [Candidate(f"scale{number}", UP, heavy="scale") for number in range(20)]
ALL = [QUICK, SLOW, OTHER, QUIRK, LETTER, *SCALE]


@pytest.mark.parametrize(
    ("asked", "tests"),
    [
        (Asked(), [QUICK, SLOW, OTHER, QUIRK, LETTER]),
        (Asked(program=["svc"]), [LETTER]),
        (Asked(program=["svc", "svok"]), [QUICK, SLOW, OTHER, QUIRK, LETTER]),
        (Asked(clause=["svok/usage"]), [QUIRK]),
        (Asked(clause=["svok/usage", "svc/"]), [QUIRK, LETTER]),
        (Asked(level="promised"), [QUICK, SLOW, OTHER]),
        (Asked(program=["svok"], level="QUIRK"), [QUIRK]),
        (Asked(heavy="scale"), SCALE),
        (Asked(heavy="soak"), []),
    ],
)
def test_what_is_asked_for_is_chosen_in_the_order_of_collection(
    asked: Asked, tests: list[Candidate]
) -> None:
    assert chosen(ALL, asked, KNOWN, {}) == tests


def test_quick_takes_the_quickest_test_of_each_clause_and_no_quirk() -> None:
    assert chosen(ALL, Asked(quick=True), KNOWN, {"a": 0.4, "c": 0.1}) == [OTHER, LETTER]
    assert chosen(ALL, Asked(quick=True), KNOWN, {"a": 0.1, "c": 0.4}) == [QUICK, LETTER]
    assert chosen(ALL, Asked(quick=True), KNOWN, {"a": 1.0, "c": 1.0, "e": 0.1}) == [LETTER]


def test_a_sample_is_drawn_by_the_seed() -> None:
    asked = Asked(heavy="scale", sample=5, seed=1)
    drawn = chosen(ALL, asked, KNOWN, {})
    assert len(drawn) == 5
    assert chosen(ALL, asked, KNOWN, {}) == drawn
    assert any(chosen(ALL, replace(asked, seed=s), KNOWN, {}) != drawn for s in range(2, 9))
    assert chosen(ALL, replace(asked, sample=99), KNOWN, {}) == SCALE


def test_long_tests_come_first_and_the_longer_one_has_more_short_ones_after_it() -> None:
    tests = [Candidate(name, UP) for name in ("s1", "long", "s2", "longest", "s3", "s4")]
    took = {"long": 5.0, "longest": 9.0, "s1": 0.4, "s2": 0.3, "s3": 0.2, "s4": 0.1}
    order = [candidate.test for candidate in in_order(tests, took)]
    assert order == ["longest", "s1", "s2", "s3", "long", "s4"]


def test_a_slow_test_counts_as_long_though_it_was_never_timed_and_another_as_short() -> None:
    tests = [QUICK, SLOW, OTHER]
    assert in_order(tests, {"c": 2.0}) == [SLOW, QUICK, OTHER]
    assert in_order([QUICK, SLOW], {}) == [SLOW, QUICK]
    assert in_order([QUICK, OTHER], {"a": 0.1, "c": 0.2}) == [OTHER, QUICK]
    assert in_order([], {}) == []


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (Asked(program=["svk"]), "there is no program svk; did you mean"),
        (Asked(clause=["svok/exits"]), "there is no clause svok/exits"),
        (Asked(level="promise"), "there is no level promise; did you mean promised"),
    ],
)
def test_what_does_not_exist_cannot_be_asked_for(asked: Asked, complaint: str) -> None:
    with pytest.raises(CannotRun, match=complaint):
        check_asked(asked, KNOWN)


def test_what_exists_can_be_asked_for() -> None:
    check_asked(Asked(program=["svc"], clause=["svok/ex", UP], level="Code"), KNOWN)


def _test(function: str, *clauses: str, heavy: str = "") -> Test:
    return Test(clauses, function, TESTS / "test_x.py", 7, (), slow=False, heavy=heavy)


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        (_test("test_none"), "test_x.py:7: test_none: a test must have exactly one clause"),
        (_test("test_two", UP, USAGE), "a test must have exactly one clause"),
        (_test("test_other", "svc/letter/sideways"), "there is no clause svc/letter/sideways"),
        (_test("test_heavy", USAGE, heavy="scale"), f"{USAGE} has no ordinary test"),
    ],
)
def test_a_test_has_one_clause_that_exists_and_an_ordinary_test(test: Test, complaint: str) -> None:
    with pytest.raises(CannotRun, match=complaint):
        check_tests([_test("test_up", UP), test], Asked(), KNOWN)


def test_a_heavy_test_may_rely_on_an_ordinary_one_whose_parameters_carry_the_clause() -> None:
    tests = [_test("test_each", "*/letter/up"), _test("test_heavy", UP, heavy="scale")]
    check_tests(tests, Asked(), KNOWN)


def test_a_clause_is_complete_only_if_every_worker_chose_every_test_of_it() -> None:
    name = of_suite()[0]
    choices = [
        Choice({f"{name.id}[1]": name.clause}, frozenset({UP})),
        Choice({f"{name.id}[2]": name.clause}),
    ]
    whole = together(choices, [name, _test("test_unseen", USAGE)], Asked(), [name.clause, *KNOWN])
    assert set(whole.chosen) == {f"{name.id}[1]", f"{name.id}[2]"}
    assert whole.left_out == {UP, USAGE}


def test_heavy_tests_are_not_missed_in_an_ordinary_run() -> None:
    heavy = _test("test_heavy", UP, heavy="scale")
    assert together([], [heavy], Asked(), KNOWN).left_out == set()
    assert together([], [heavy], Asked(heavy="soak"), KNOWN).left_out == {UP}


@pytest.mark.parametrize(
    ("node_id", "name", "repetition"),
    [
        ("tests/a.py::test_x", "tests/a.py::test_x", 0),
        ("tests/a.py::test_x[repetition3]", "tests/a.py::test_x", 3),
        ("tests/a.py::test_x[repetition12-plain]", "tests/a.py::test_x[plain]", 12),
    ],
)
def test_the_name_of_a_test_is_its_node_id_without_repetitions(
    node_id: str, name: str, repetition: int
) -> None:
    assert (name_of_test(node_id), repetition_of(node_id)) == (name, repetition)


@pytest.mark.parametrize(
    ("asked", "tests", "workers"),
    [
        (Asked(), 1, 1),
        (Asked(), 3, 3),
        (Asked(numprocesses=0), 9, 0),
        (Asked(numprocesses=5), 9, 5),
    ],
)
def test_few_tests_have_few_workers(asked: Asked, tests: int, workers: int) -> None:
    assert asked.workers_for(tests) == workers


def test_a_quick_run_has_fewer_workers_than_a_whole_one() -> None:
    assert Asked(quick=True).workers_for(9999) < Asked().workers_for(9999)
