"""Waiting: for an event, with a deadline; or for nothing, for a while.

No test sleeps and hopes. `eventually` returns as soon as the answer is true, so
a generous deadline costs nothing on a quick machine.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_SHORTEST_NAP, _LONGEST_NAP = 0.01, 0.05  # seconds between two questions
_factor = 1.0


class TooLate(AssertionError):
    """The deadline passed before the condition became true."""


def set_factor(factor: float) -> None:
    """Multiply all deadlines, for a profile's patience or a loaded machine."""
    global _factor
    _factor = factor


def deadline(within: float) -> float:
    """The number of seconds that a wait of `within` may take in this run."""
    return within * _factor


def eventually(question: Callable[[], T], within: float = 30.0, what: str = "") -> T:
    """Ask until the answer is true, and return it; `within` in seconds. Raises TooLate.

    An AssertionError or OSError from the question counts as "not yet"; TooLate
    gives the last one as the reason.
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
        assert not answer, f"{name}: must not happen, but did: {answer!r}"
        _nap(begin)


def _nap(begin: float) -> None:
    """Sleep a little, and longer the longer the wait has lasted.

    Many tests wait for seconds at the same time, so asking costs more than anything else.
    """
    waited = time.monotonic() - begin
    time.sleep(min(_LONGEST_NAP, max(_SHORTEST_NAP, waited / 20)))
