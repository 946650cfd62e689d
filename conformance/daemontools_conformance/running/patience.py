"""Waiting: for an event, with a deadline; or for nothing, for a while.

No test sleeps and hopes. `eventually` returns as soon as the answer is true, so
a generous deadline costs nothing on a quick machine. It also ends as soon as the
answer can no longer become true: when the question itself fails, and when no process
of the test is left that could change anything.
"""

import linecache
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from daemontools_conformance.running import journal

T = TypeVar("T")

_SHORTEST_NAP = 0.01  # seconds between two questions
_LONGEST_NAP = 0.1  # while something must come
_LONGEST_BLINK = 0.05  # while nothing may come, even for a moment
_BETWEEN_LOOKS = 0.25  # seconds between two looks at the processes, at first
_factor = 1.0
_most = float("inf")
_problem: Exception | None = None  # that ends every wait


class TooLate(AssertionError):
    """The deadline passed before the condition became true."""


class InVain(AssertionError):
    """The condition can no longer become true."""


def _nothing_is_known() -> bool:
    return False


_nobody_is_left: Callable[[], bool] = _nothing_is_known


def set_factor(factor: float) -> None:
    """Multiply all deadlines, for a profile's patience or a loaded machine."""
    global _factor
    _factor = factor


def begin_test(nobody_is_left: Callable[[], bool] = _nothing_is_known) -> None:
    """From now on `nobody_is_left` says whether no process of the test does anything more."""
    global _nobody_is_left
    _nobody_is_left = nobody_is_left


def wait_at_most(seconds: float) -> None:
    """Shorten all longer deadlines, in a test that has little hope."""
    global _most
    _most = seconds


def interrupt(problem: Exception | None) -> None:
    """End every wait of this test with the problem, from another thread; None: end none."""
    global _problem
    _problem = problem


def check_no_interrupt() -> None:
    """Raise what `interrupt` was given."""
    if _problem:
        raise _problem


def deadline(within: float) -> float:
    """The number of seconds that a wait of `within` may take in this run."""
    return stretched(min(within, _most))


def stretched(seconds: float) -> float:
    """So many seconds, multiplied as all deadlines of this run are."""
    return seconds * _factor


def eventually(question: Callable[[], T], within: float = 30.0, what: str = "") -> T:
    """Ask until the answer is true, and return it; `within` in seconds.

    An OSError from the question counts as "not yet". Any other error of the question
    ends the wait at once. Raises TooLate at the deadline, and InVain when every
    process of the test has ended, or only sleeps; both give the last answer.
    """
    begin = time.monotonic()
    end = begin + deadline(within)
    next_look = begin + _BETWEEN_LOOKS
    while True:
        now = time.monotonic()
        is_in_vain = now > next_look and _nobody_is_left()  # before the last question
        if now > next_look:
            next_look = now + max(_BETWEEN_LOOKS, (now - begin) / 10)
        problem: OSError | None = None
        answer: T | None = None
        try:
            answer = question()
        except OSError as error:
            problem = error
        if answer:
            if now - begin > journal.SHORTEST_PAUSE:
                journal.note("waited", what=what or words(question), in_vain=False)
            return answer
        last = problem if problem is not None else f"the last answer was {answer!r}"
        if is_in_vain:
            journal.note("waited", what=what or words(question), in_vain=True)
            ended = "every process of the test has ended or only sleeps"
            raise InVain(f"{what or words(question)}: cannot come, since {ended}: {last}")
        if time.monotonic() > end:
            journal.note("waited", what=what or words(question), in_vain=True)
            late = f"not within {deadline(within):g} s"
            raise TooLate(f"{what or words(question)}: {late}: {last}") from problem
        _nap(begin, _LONGEST_NAP)


def words(question: Callable[[], object]) -> str:
    """What a question asks, as its author wrote it: its name, or the text of a lambda."""
    name = str(getattr(question, "__name__", "the question"))
    if name != "<lambda>":
        owner = getattr(question, "__self__", None)  # of a method: a file, a program
        return " ".join(filter(None, (str(owner or ""), name.strip("_").replace("_", " "))))
    code = getattr(question, "__code__", None)
    spots = [spot for spot in code.co_positions() if spot[3]] if code else []
    if not code or not spots:
        return "the question"
    (first, begin), (last, end) = (
        min((spot[0], spot[2]) for spot in spots),
        max((spot[1], spot[3]) for spot in spots),
    )
    lines = [linecache.getline(code.co_filename, number) for number in range(first, last + 1)]
    lines[-1] = lines[-1].encode()[:end].decode()
    lines[0] = lines[0].encode()[begin:].decode()
    return " ".join("".join(lines).split())


def never(question: Callable[[], object], during: float, what: str = "") -> None:
    """Ask for `during` seconds; fail as soon as the answer is true."""
    begin = time.monotonic()
    end = begin + during
    while time.monotonic() < end:
        answer = question()
        assert not answer, f"{what or words(question)}: must not happen, but did: {answer!r}"
        _nap(begin, _LONGEST_BLINK)


def until(question: Callable[[], object], within: float = 30.0) -> Iterator[None]:
    """Let a loop look, again and again and without a nap, until the answer is true.

    Raises TooLate at the deadline, and what `interrupt` was given.
    """
    end = time.monotonic() + deadline(within)
    while not question():
        check_no_interrupt()
        if time.monotonic() > end:
            raise TooLate(f"{words(question)}: not within {deadline(within):g} s")
        yield


def _nap(begin: float, longest: float) -> None:
    """Sleep a little, and longer the longer the wait has lasted: a twentieth of it.

    Many tests wait for seconds at the same time, so asking costs more than anything else.
    Raises what `interrupt` was given.
    """
    check_no_interrupt()
    waited = time.monotonic() - begin
    time.sleep(min(longest, max(_SHORTEST_NAP, waited / 20)))
