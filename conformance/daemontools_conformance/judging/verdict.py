"""The verdict on one test, from its exception and the demand. Pure: no pytest, no files."""

from daemontools_conformance.contract.demands import Demand
from daemontools_conformance.contract.outcomes import (
    Crashed,
    Hung,
    NotOffered,
    Outcome,
    Unavailable,
)
from daemontools_conformance.running.patience import TooLate


def verdict(
    demand: Demand, error: BaseException | None, *, in_test: bool, takes_variant: bool
) -> tuple[Outcome, str]:
    """The outcome of a test (of its set-up or teardown if not `in_test`), and why.

    Only a test that takes the fixture `variant` has checked the declared variant.
    """
    outcome = outcome_of(error, in_test=in_test)
    expected = demand.expectation
    failed = Outcome.FAIL <= outcome <= Outcome.CRASH
    if expected and expected.kind == "variant":
        if outcome == Outcome.PASS and takes_variant:
            return Outcome.VARIANT, expected.reason
    elif expected and failed:
        return expected.outcome, expected.reason
    if failed and demand.is_beyond:
        return Outcome.BEYOND, str(error)
    if failed and demand.newer_than:
        return Outcome.NEW, (
            f"the clause is of {demand.clause.since}, newer than {demand.newer_than}: {error}"
        )
    return outcome, str(error) if error else ""


def outcome_of(error: BaseException | None, *, in_test: bool) -> Outcome:
    """What an exception (or none) says about the implementation."""
    if type(error).__module__.startswith("pexpect"):
        return Outcome.TIMEOUT if type(error).__name__ == "TIMEOUT" else Outcome.FAIL
    match error:
        case None:
            return Outcome.PASS
        case NotOffered():
            return Outcome.NOT_OFFERED
        case Unavailable():
            return Outcome.UNTESTED
        case Crashed():
            return Outcome.CRASH
        case Hung() | TooLate():
            return Outcome.TIMEOUT
        case AssertionError() | OSError() | ValueError() | LookupError() if in_test:
            # Any other error: what the test looked for is missing, or is of the wrong kind.
            return Outcome.FAIL
        case _:
            return Outcome.HARNESS_ERROR
