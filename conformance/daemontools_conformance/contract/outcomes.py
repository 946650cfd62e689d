"""The outcomes of a test, from best to worst, and the exceptions that report them.

A refusal (exit 100 or 111 with its message) is an answer. A crash is not: an
implementation that dies of a fault, or shows a traceback, never passes a test
that asked for a refusal.
"""

import enum


class Outcome(enum.IntEnum):
    """The outcome of a test or of a cell (clause x implementation: the worst of its tests).

    UNTESTED (no test could run here) and NOT_RUN (not selected) are outside the
    order; they have the lowest numbers so that any real result wins.
    """

    NOT_RUN = -2
    UNTESTED = -1
    PASS = 0
    PARTIAL = 1
    VARIANT = 2
    NOT_OFFERED = 3
    NEW = 4
    BEYOND = 5
    KNOWN_BUG = 6
    FLAKY = 7
    FAIL = 8
    TIMEOUT = 9
    CRASH = 10
    HARNESS_ERROR = 11

    def __str__(self) -> str:
        return self.name.replace("_", "-")

    @property
    def fell_short(self) -> bool:
        """Is it an undeclared failure, which fails the run?"""
        return self >= Outcome.FLAKY


MEANING = {
    Outcome.PASS: "does what the clause says",
    Outcome.PARTIAL: "passed, but a test of the clause could not run here",
    Outcome.VARIANT: "does what a named variant of the clause says, checked by value",
    Outcome.NOT_OFFERED: "the implementation does not have it, and its profile says so",
    Outcome.NEW: "falls short of a clause newer than the profile",
    Outcome.BEYOND: "does what djb's programs do, and not the more that this project asks",
    Outcome.KNOWN_BUG: "falls short, and the profile says why, with a link",
    Outcome.FLAKY: "passes and fails in repeated runs",
    Outcome.FAIL: "does something else",
    Outcome.TIMEOUT: "did not do it in time",
    Outcome.CRASH: "died of a fault, showed a stack trace, or did what the suite had to stop",
    Outcome.HARNESS_ERROR: "the suite itself failed; this says nothing about the implementation",
    Outcome.UNTESTED: "could not be tested on this machine",
    Outcome.NOT_RUN: "not selected, or newer than the run",
}


def named(name: str) -> Outcome:
    """The outcome with this name, as reports write it. Raises KeyError."""
    return Outcome[name.replace("-", "_")]


class Crashed(AssertionError):
    """The program died of a fault (SEGV, ABRT ...), showed a stack trace, or used up too much.

    `cause` says which, in words that are the same in every test.
    """

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text)
        self.cause = cause


class Hung(AssertionError):
    """The program did not finish in time."""


class Unavailable(Exception):
    """This test cannot run here; the text says what is needed (root, strace ...)."""


class NotOffered(Exception):
    """The profile says that the implementation does not have the program."""
