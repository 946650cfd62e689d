"""The cause of a failure: one name for one deviation, in whichever clauses it shows.

A program that prints its usage line on standard output falls short of a dozen
clauses for one reason. Here these failures get one name, from what the tests
expected and saw, so that reports and `adopt` can group them. Where values give no
name, the clause may give one: its item `cause`. A failure that has no such name ("")
stands for itself. `entry` says which clauses share an entry of a profile.
Pure: no pytest, no files.
"""

import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

from daemontools_conformance.contract.clauses import LEVELS
from daemontools_conformance.contract.outcomes import Crashed, Hung, Outcome
from daemontools_conformance.running.implementation import ProgramMissing
from daemontools_conformance.running.patience import InVain, TooLate

_REFUSALS = (100, 111)
_MESSAGE = re.compile(rb"[a-z0-9]+: (fatal|warning|usage|illegal option|option requires)\b")
_PROCESS = re.compile(r"<[^<>]*, pid \d+>")  # as a Running shows itself
_SERVICE = re.compile(r"\b(supervise|service) (?!of\b)\S+(?= \w)")  # its name differs by test
_FILE = re.compile(r"/\S+/\S+")
_BEGINS = re.compile(r"startswith of bytes object at \w+>\(b'[a-z0-9]+: (fatal|warning|usage)\b")
_AWAITED = re.compile(": not within|: cannot come")  # what follows what was waited for
_CALLED = re.compile(
    r"(?:sandbox\.)?(?!(?:any|all|len|set|sorted|sum|bool)\()([a-z]\w+)\("
)  # a helper
_SILENCE = "nothing where something is written"
_MORE = "says something where nothing is said"
_STREAMS = ("exit code", "stdout", "stderr")
_MOST = 120  # characters of a value in a sentence


@dataclass(frozen=True)
class Compared:
    """What a false `assert seen OP expected` compared, and the test's line that did it."""

    op: str
    seen: object
    expected: object
    statement: str = ""


class _Answer(NamedTuple):
    """A program's answer, as far as a test compared it."""

    code: int | None = None
    out: bytes = b""
    err: bytes = b""


@dataclass(frozen=True)
class Short:
    """A clause that fell short: why, and how many of its tests hold nevertheless."""

    clause: str
    level: str
    outcome: Outcome
    cause: str  # "" if it stands for itself
    difference: str  # "expected X, seen Y"
    holding: int
    tests: int

    @property
    def states(self) -> str:
        """How many of its tests hold, in words; "" if it has only one."""
        return f"{self.holding} of {self.tests} hold" if self.tests > 1 else ""


def entry(clause: str, kind: str, seen: str) -> tuple[str, str]:
    """The entry that a clause belongs to: equal for clauses of one kind that show one cause.

    A report tells such clauses together, `adopt` writes them into one `[[expect]]`, and the
    summary counts them as one open reason. A clause without a cause has an entry of its own.
    """
    return kind, seen or clause


def by_cause(found: Iterable[Short]) -> list[list[Short]]:
    """The clauses of each cause: what the manual promises first, then the worst outcome."""
    groups: dict[tuple[str, str], list[Short]] = {}
    for short in sorted(found, key=_badness):
        groups.setdefault(entry(short.clause, "known-bug", short.cause), []).append(short)
    return sorted(groups.values(), key=lambda group: (*_badness(group[0])[:2], -len(group)))


def _badness(short: Short) -> tuple[int, int, str]:
    return list(LEVELS).index(short.level), -short.outcome, short.clause


def title(group: list[Short]) -> str:
    """A group in one line: "usage line on standard output: 12 clauses"."""
    first = group[0]
    if not first.cause:
        return f"{first.clause}: {first.difference or first.outcome}"
    return f"{first.cause}: {len(group)} clause{'s' if len(group) > 1 else ''}"


def difference(compared: Compared | None, error: BaseException) -> str:
    """What was expected and seen, in one line and without hex."""
    if compared is None:
        return _clipped(" ".join(str(error).split()))
    if compared.op != "==":
        seen, expected = _clipped(repr(compared.seen)), _clipped(repr(compared.expected))
        return f"{seen} {compared.op} {expected} does not hold"
    pairs = list(_differing(compared.seen, compared.expected))
    return "; ".join(
        f"expected {which}{_clipped(_shown(expected))}, seen {_clipped(_shown(seen))}"
        for which, seen, expected in pairs[:2]
    )


def cause(compared: Compared | None, error: BaseException) -> str:
    """The name of the deviation that made a test fail; "" if it has none."""
    if isinstance(error, Crashed | ProgramMissing):
        return error.cause
    if isinstance(error, Hung):
        return "does not end"
    if isinstance(error, TooLate | InVain):
        awaited = _PROCESS.sub("it", _AWAITED.split(str(error))[0])
        if called := _CALLED.match(awaited):  # code: what its first helper asks
            awaited = called[1].replace("_", " ")
        awaited = _SERVICE.sub(r"\1", _FILE.sub("a file", awaited))
        is_words = "(" not in awaited and "lambda" not in awaited and len(awaited) <= _MOST
        name = "waited in vain" if isinstance(error, TooLate) else "ended before"
        return f"{name}: {awaited}" if is_words else ""
    if compared is None and "ended before the probe ran" in str(error):  # helpers/states.py
        return "ends before its child runs"
    if compared is None and (begins := _BEGINS.search(str(error))):
        return f"{_kind(b': %s: ' % begins[1].encode(), None)} in other words"
    if compared is None or compared.op != "==":
        return _SILENCE if str(error).startswith("assert b''") else ""
    named = _of_values(compared, compared.seen, compared.expected)
    return named or (_SILENCE if compared.seen == b"" else "")


def _of_values(compared: Compared, seen: object, expected: object) -> str:
    """The name of the difference between two answers, or between the first two that differ."""
    one, other = _answer(compared, seen), _answer(compared, expected)
    if one and other:
        return _of_answers(one, other)
    if isinstance(seen, Mapping) and isinstance(expected, Mapping):
        pairs = [(seen[key], expected[key]) for key in expected if key in seen]
        return next(filter(None, (_of_values(compared, *pair) for pair in pairs)), "")
    return ""


def _answer(compared: Compared, value: object) -> _Answer | None:
    """The program's answer, or the part of one, that a compared value is; None if it is neither."""
    is_error = ".err" in compared.statement and ".out" not in compared.statement
    if _is_answer(value):
        if not isinstance(value[0], int):
            return _Answer(None, *value)
        return _Answer(value[0], err=value[1]) if is_error else _Answer(*value)
    if isinstance(value, bytes) and isinstance(compared.expected, bytes):
        return _Answer(err=value) if is_error or _MESSAGE.match(compared.expected) else None
    code = value[0] if isinstance(value, tuple) and value else value
    return _Answer(code) if type(code) is int and ".code" in compared.statement else None


def _of_answers(seen: _Answer, expected: _Answer) -> str:
    """The name of the difference between two answers of a program: code first, then words."""
    if seen == expected:  # what differs is no part of an answer
        return ""
    if seen.code != expected.code:
        if _is_signal(expected.code) and not _is_signal(seen.code):
            return "is not killed by a signal"
        if seen.code in _REFUSALS and expected.code not in _REFUSALS:
            return f"exit {seen.code} where nothing is to be refused"
        return f"{ended(seen.code)} instead of {ended(expected.code).removeprefix('exit ')}"
    kind = _kind(expected.err or seen.out or seen.err, expected.code)
    is_usage = b"usage" in seen.out.lower()  # there may be another message, too
    if seen.out and not expected.out and (is_usage or not seen.err):
        if expected.code == _REFUSALS[0] and not (is_usage or expected.err):
            return _MORE
        return f"{kind} on standard output" if expected.code in _REFUSALS or expected.err else ""
    if seen.out != expected.out:
        return "" if seen.out else _SILENCE
    if expected.err in seen.err:
        return _MORE
    return f"{kind} in other words" if seen.err else f"no {kind} on standard error"


def _is_signal(code: int | None) -> bool:
    """Does minus a signal's number stand for an exit code?"""
    return code is not None and code < 0


def _kind(text: bytes, code: int | None) -> str:
    """What sort of message it is."""
    if code == _REFUSALS[0] or b"usage" in text.lower():
        return "usage line"
    return "warning" if b": warning: " in text else "error message"


def ended(code: int | None) -> str:
    """An exit code, or the signal that minus it stands for."""
    if code is None or not _is_signal(code):
        return f"exit {code}"
    return next((one.name for one in signal.Signals if one == -code), f"signal {-code}")


def _differing(seen: object, expected: object) -> Iterable[tuple[str, object, object]]:
    """The parts that differ: (their name and a blank, seen, expected)."""
    if isinstance(seen, tuple) and isinstance(expected, tuple) and len(seen) == len(expected):
        names = [f"[{number}]" for number in range(len(seen))]
        if _is_answer(seen) and _is_answer(expected):
            names = list(_STREAMS if isinstance(seen[0], int) else _STREAMS[1:])
        for name, one, other in zip(names, seen, expected, strict=False):
            if one != other:
                yield f"{name} ", one, other
    elif isinstance(seen, Mapping) and isinstance(expected, Mapping):
        for key in sorted({*seen, *expected}, key=repr):
            if seen.get(key) != expected.get(key):
                yield f"{key} ", seen.get(key, "nothing"), expected.get(key, "nothing")
    else:
        yield "", seen, expected


def _is_answer(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Is it at least two of a program's exit code, standard output and standard error?"""
    shapes = ([int, bytes], [int, bytes, bytes], [bytes, bytes])
    return isinstance(value, tuple) and [*map(type, value)] in shapes


def _shown(value: object) -> str:
    """Bytes as the text that they are, anything else as Python shows it."""
    return repr(value)[1:] if isinstance(value, bytes) else repr(value)


def _clipped(text: str) -> str:
    """The text without control characters, and not too long."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:_MOST])
    return shown if len(text) <= _MOST else f"{shown}..."
