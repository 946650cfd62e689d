"""Which of the collected tests run, and in which order. Pure: no pytest, no files.

pytest's -k and similar options then choose among the tests that are left.
"""

import fnmatch
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.near import did_you_mean
from daemontools_conformance.selection.options import Asked, CannotRun
from daemontools_conformance.selection.tests import Test, by_clause, is_wanted

_QUICK_SECONDS = 0.9
_LONG_SECONDS = 0.9  # a test that takes longer waits for a second at least
_USUAL_SECONDS = {False: 0.3, True: 20.0}  # is the test marked slow? -> if it was not timed
_QUICK_LEVELS = ("PROMISED", "CODE")


@dataclass(frozen=True)
class Candidate:
    """A test that was collected."""

    test: str  # node id
    clause: str
    is_slow: bool = False
    heavy: str = ""  # the kind; "" for an ordinary test


@dataclass(frozen=True)
class Choice:
    """The chosen tests with their clauses, and each clause that had a test left out."""

    chosen: Mapping[str, str]
    left_out: frozenset[str] = frozenset()


def check_asked(asked: Asked, known: Mapping[str, Clause]) -> None:
    """Check that what the options name exists. Raises CannotRun with a suggestion."""
    programs = {clause.program for clause in known.values()}
    levels = {clause.level.lower() for clause in known.values()}
    wrong = [("program", word, programs) for word in asked.program if word not in programs]
    wrong += [
        ("clause", word, set(known))
        for word in asked.clause
        if not any(id_.startswith(word) for id_ in known)
    ]
    if asked.level and asked.level.lower() not in levels:
        wrong.append(("level", asked.level, levels))
    for what, word, names in wrong:
        raise CannotRun(f"there is no {what} {word}{did_you_mean(word, names)}")


def check_tests(tests: Sequence[Test], asked: Asked, known: Collection[str]) -> None:
    """Check that each wanted test has exactly one clause and that it exists. Raises CannotRun."""
    ordinary = {test.clause for test in tests if not test.heavy}
    for test in tests:
        where = f"{test.file.name}:{test.line}: {test.function}"
        if len(test.clauses) != 1:
            raise CannotRun(f"{where}: a test must have exactly one clause")
        if (
            test.clause not in known
            and "*" not in test.clause
            and is_wanted(test.clause, asked.program, asked.clause)
        ):
            raise CannotRun(f"{where}: there is no clause {test.clause}")
        if test.heavy and not (test.clause in ordinary or _is_meant(test.clause, ordinary)):
            raise CannotRun(f"{where}: {test.clause} has no ordinary test")


def _is_meant(clause: str, patterns: Iterable[str]) -> bool:
    """Does the pattern of a test whose parameters carry its clause match this clause?"""
    return any(fnmatch.fnmatch(clause, pattern) for pattern in patterns if "*" in pattern)


def chosen(
    candidates: Sequence[Candidate],
    asked: Asked,
    known: Mapping[str, Clause],
    took: Mapping[str, float],
) -> list[Candidate]:
    """The tests that the options ask for; `took` holds each test's seconds, where known."""
    wanted = [candidate for candidate in candidates if _is_chosen(candidate, asked, known)]
    if asked.heavy and 0 < asked.sample < len(wanted):
        drawn = {*random.Random(asked.seed).sample(range(len(wanted)), asked.sample)}
        wanted = [candidate for number, candidate in enumerate(wanted) if number in drawn]
    if asked.quick:
        demanded = [one for one in wanted if known[one.clause].level in _QUICK_LEVELS]
        wanted = _one_of_each_clause(demanded, took)
    return wanted


def _is_chosen(candidate: Candidate, asked: Asked, known: Mapping[str, Clause]) -> bool:
    return (
        is_wanted(candidate.clause, asked.program, asked.clause)
        and candidate.heavy == asked.heavy
        and (not asked.level or known[candidate.clause].level == asked.level.upper())
        and not (asked.quick and candidate.is_slow)
    )


def _one_of_each_clause(
    candidates: Sequence[Candidate], took: Mapping[str, float]
) -> list[Candidate]:
    """For --quick: the quickest known test of each clause, unless it takes _QUICK_SECONDS."""
    quickest: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: took.get(one.test, 0.5)):
        quickest.setdefault(candidate.clause, candidate)
    kept = {one for one in quickest.values() if took.get(one.test, 0.5) < _QUICK_SECONDS}
    return [candidate for candidate in candidates if candidate in kept]


def in_order(candidates: Sequence[Candidate], took: Mapping[str, float]) -> list[Candidate]:
    """The longest tests first, each followed by as large a part of the short ones as it
    is of the long ones, in seconds.

    A long test only waits and a short one needs the processor: either kind alone
    would leave half of the machine idle.
    """
    seconds = {one: took.get(one.test, _USUAL_SECONDS[one.is_slow]) for one in candidates}
    longest_first = sorted(seconds, key=lambda one: -seconds[one])
    long = [one for one in longest_first if seconds[one] >= _LONG_SECONDS]
    short = longest_first[len(long) :]
    mixed: list[Candidate] = []
    total, begun, placed = sum(seconds[one] for one in long), 0.0, 0
    for one in long:
        begun += seconds[one]
        next_place = round(len(short) * begun / total)
        mixed += [one, *short[placed:next_place]]
        placed = next_place
    return mixed or short


def together(
    choices: Sequence[Choice], suite: Iterable[Test], asked: Asked, known: Iterable[str]
) -> Choice:
    """The choices of all workers as one; a test that no worker saw counts as left out."""
    tests = {test: clause for choice in choices for test, clause in choice.chosen.items()}
    left_out = {clause for choice in choices for clause in choice.left_out}
    functions = {test.split("[")[0] for test in tests}
    unseen = [t for t in suite if t.id not in functions and (asked.heavy or not t.heavy)]
    left_out |= {clause for clause, found in by_clause(unseen, known).items() if found}
    return Choice(tests, frozenset(left_out))
