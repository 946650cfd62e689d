"""The verdict on one test: every kind of exception against every kind of demand, without pytest."""

from dataclasses import replace
from pathlib import Path

import pytest

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.demands import Demand, demands
from daemontools_conformance.contract.outcomes import (
    Crashed,
    Hung,
    NotOffered,
    Outcome,
    Unavailable,
)
from daemontools_conformance.contract.profiles import Expectation, Profile, ProfileError
from daemontools_conformance.judging.verdict import outcome_of, verdict
from daemontools_conformance.running.patience import InVain, TooLate

CLAUSE = Clause(
    "svok/exit/running", "svok exits 0", "CODE", "svok.c", Path("svok.md"), 1,
    since="0.2.0", variants={"other": "it exits 1"},
)  # fmt: skip


def demand(kind: str = "", newer_than: str = "") -> Demand:
    expectation = Expectation(CLAUSE.id, kind, "the reason", "other") if kind else None
    return Demand(CLAUSE, expectation, newer_than)


@pytest.mark.parametrize(
    ("error", "in_test", "outside"),
    [
        (None, Outcome.PASS, Outcome.PASS),
        (AssertionError("1 is not 0"), Outcome.FAIL, Outcome.HARNESS_ERROR),
        (OSError("no such file"), Outcome.FAIL, Outcome.HARNESS_ERROR),
        (ValueError("17 bytes"), Outcome.FAIL, Outcome.HARNESS_ERROR),
        (KeyError("pid"), Outcome.FAIL, Outcome.HARNESS_ERROR),
        (TypeError("a mistake of the test"), Outcome.HARNESS_ERROR, Outcome.HARNESS_ERROR),
        (KeyboardInterrupt(), Outcome.HARNESS_ERROR, Outcome.HARNESS_ERROR),
        (Crashed("SEGV", ""), Outcome.CRASH, Outcome.CRASH),
        (Hung("after 20 s"), Outcome.TIMEOUT, Outcome.TIMEOUT),
        (TooLate("after 30 s"), Outcome.TIMEOUT, Outcome.TIMEOUT),
        (InVain("it has ended"), Outcome.FAIL, Outcome.HARNESS_ERROR),
        (Unavailable("needs strace"), Outcome.UNTESTED, Outcome.UNTESTED),
        (NotOffered("no svok"), Outcome.NOT_OFFERED, Outcome.NOT_OFFERED),
    ],
)
def test_what_an_exception_says_in_a_test_and_outside_of_it(
    error: BaseException | None, in_test: Outcome, outside: Outcome
) -> None:
    assert outcome_of(error, in_test=True) == in_test
    assert outcome_of(error, in_test=False) == outside


def test_what_pexpect_says_is_a_timeout_or_a_failure() -> None:
    pexpect = pytest.importorskip("pexpect")
    assert outcome_of(pexpect.TIMEOUT("no prompt"), in_test=True) == Outcome.TIMEOUT
    assert outcome_of(pexpect.EOF("it ended"), in_test=True) == Outcome.FAIL


FELL = [AssertionError("1"), Hung("20 s"), Crashed("SEGV", "")]
SHORT = [Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH]


@pytest.mark.parametrize(("error", "plain"), list(zip(FELL, SHORT, strict=True)))
def test_a_test_that_falls_short_as_declared_is_what_was_declared(
    error: BaseException, plain: Outcome
) -> None:
    def outcome(it: Demand) -> tuple[Outcome, str]:
        return verdict(it, error, in_test=True, takes_variant=True)

    assert outcome(demand()) == (plain, str(error))
    assert outcome(demand("known-bug")) == (Outcome.KNOWN_BUG, "the reason")
    assert outcome(demand("not-offered")) == (Outcome.NOT_OFFERED, "the reason")
    # A variant is declared, and the test that checks its value has failed.
    assert outcome(demand("variant")) == (plain, str(error))


@pytest.mark.parametrize("kind", ["", "known-bug", "not-offered", "variant"])
def test_a_failure_of_the_suite_is_never_excused(kind: str) -> None:
    broken = TypeError("a mistake of the test")
    outcome, _ = verdict(demand(kind, "0.1.0"), broken, in_test=True, takes_variant=True)
    assert outcome == Outcome.HARNESS_ERROR


def test_a_variant_is_seen_only_by_a_test_that_takes_it() -> None:
    def outcome(kind: str, *, takes_variant: bool) -> Outcome:
        return verdict(demand(kind), None, in_test=True, takes_variant=takes_variant)[0]

    assert outcome("variant", takes_variant=True) == Outcome.VARIANT
    assert outcome("variant", takes_variant=False) == Outcome.PASS
    assert outcome("known-bug", takes_variant=True) == Outcome.PASS
    assert outcome("", takes_variant=True) == Outcome.PASS


@pytest.mark.parametrize("error", FELL)
def test_more_than_djb_does_is_not_asked_of_everybody(error: BaseException) -> None:
    free = Demand(CLAUSE, is_beyond=True)
    fell = verdict(free, error, in_test=True, takes_variant=False)
    assert fell == (Outcome.BEYOND, str(error))
    assert verdict(free, None, in_test=True, takes_variant=False) == (Outcome.PASS, "")


def test_a_demand_knows_whether_it_goes_beyond_djb() -> None:
    more = replace(CLAUSE, level="BEYOND")
    declared = {more.id: Expectation(more.id, "known-bug", "the reason")}

    def is_beyond(clause: Clause, profile: Profile) -> bool:
        return demands(profile, {clause.id: clause})[clause.id].is_beyond

    assert is_beyond(more, Profile("mine"))
    assert not is_beyond(CLAUSE, Profile("mine"))
    assert not is_beyond(more, Profile("mine", beyond=True))
    assert not is_beyond(more, Profile("mine", expect=declared))


def test_a_clause_newer_than_the_profile_is_new_when_it_falls_short() -> None:
    older = demand(newer_than="0.1.0")
    fell = verdict(older, AssertionError("1"), in_test=True, takes_variant=False)
    assert fell == (Outcome.NEW, "the clause is of 0.2.0, newer than 0.1.0: 1")
    assert verdict(older, None, in_test=True, takes_variant=False) == (Outcome.PASS, "")


@pytest.mark.parametrize(
    ("version", "newer_than"),
    [("", ""), ("0.1.0", "0.1.0"), ("0.1.10", "0.1.10"), ("0.2.0", ""), ("0.10.0", ""), ("1", "")],
)
def test_a_demand_knows_whether_its_clause_is_newer(version: str, newer_than: str) -> None:
    found = demands(Profile("mine", suite_version=version), {CLAUSE.id: CLAUSE})
    assert found == {CLAUSE.id: Demand(CLAUSE, None, newer_than)}


def test_a_demand_joins_the_expectation_and_names_the_variant() -> None:
    def only(kind: str, seen: str) -> Demand:
        expect = {CLAUSE.id: Expectation(CLAUSE.id, kind, "the reason", seen)}
        return demands(Profile("mine", expect=expect), {CLAUSE.id: CLAUSE})[CLAUSE.id]

    assert only("variant", "other").variant == "other"
    assert only("known-bug", "it exits 2").variant == ""
    with pytest.raises(ProfileError, match="no variant 'another'"):
        only("variant", "another")


def test_an_expectation_of_no_clause_is_refused() -> None:
    profile = Profile("mine", expect={"svok/x/y": Expectation("svok/x/y", "known-bug", "r")})
    with pytest.raises(ProfileError, match="there is no clause svok/x/y"):
        demands(profile, {CLAUSE.id: CLAUSE})
