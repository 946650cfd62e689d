"""Waiting: for an event, with a deadline; or for nothing, for a while.

No test sleeps and hopes. `eventually` returns as soon as the question has a
true answer, so that a generous deadline costs nothing on a quick machine.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_SHORTEST_NAP, _LONGEST_NAP = 0.01, 0.05  # seconds between two questions
_factor = 1.0


class TooLate(AssertionError):
    """A deadline passed before what was awaited came about."""


def set_factor(factor: float) -> None:
    """Multiply all deadlines of `eventually` (a profile's patience; a loaded machine)."""
    global _factor
    _factor = factor


def deadline(within: float) -> float:
    """The number of seconds that a wait of `within` may take on this run."""
    return within * _factor


def eventually(question: Callable[[], T], within: float = 30.0, what: str = "") -> T:
    """Ask until the answer is true, and return it; `within` in seconds. Raises TooLate.

    An AssertionError or OSError of the question counts as "not yet"; the last
    one is the reason given when time is up.
    """
    begin = time.monotonic()
    end = begin + deadline(within)
    while True:
        problem: Exception | None = None
        answer: T | None = None
        try:
            answer = question()
        except (AssertionError, OSError) as error:
            problem = error
        if answer:
            return answer
        if time.monotonic() > end:
            name = what or getattr(question, "__name__", "the question")
            last = problem if problem is not None else f"the last answer was {answer!r}"
            raise TooLate(f"{name}: not within {deadline(within):g} s: {last}") from problem
        _nap(begin)


def never(question: Callable[[], object], during: float, what: str = "") -> None:
    """Ask for `during` seconds; fail as soon as the answer is true."""
    begin = time.monotonic()
    end = begin + during
    while time.monotonic() < end:
        answer = question()
        name = what or getattr(question, "__name__", "the question")
        assert not answer, f"{name}: should not have come about, but: {answer!r}"
        _nap(begin)


def _nap(begin: float) -> None:
    """Sleep a little: the longer it has taken already, the longer.

    Most tests wait for seconds, many at a time: questions cost more than anything else.
    """
    waited = time.monotonic() - begin
    time.sleep(min(_LONGEST_NAP, max(_SHORTEST_NAP, waited / 20)))
