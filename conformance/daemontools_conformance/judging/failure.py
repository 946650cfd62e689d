"""A failure as a bug report: the clause, what ran, what was expected and seen, the evidence."""

import re
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TypeGuard

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.plain import clipped, plain
from daemontools_conformance.judging.cause import ended
from daemontools_conformance.running.status import SIZE, decode

_WIDTH = 96
_INSTEAD = "# here the suite"  # begins a line for what no shell can do
_FUNCTION = re.compile(r"  [a-z_]+\(\) \{")
_MOST_HEX = 96  # bytes of a value shown in hex
_MOST_SHOWN = 600  # characters of a value
_FEW = 4  # members of a collection: a larger one is compared member by member
# On a terminal: the lines of a whole report, of the steps in it, and the length of a line.
MOST_LINES, _MOST_STEPS, _LONGEST_LINE = 40, 14, 300
_MOST_TEXT = 20_000  # characters of what was wrong


@dataclass(frozen=True)
class Failure:
    """A test that fell short."""

    clause: Clause
    outcome: Outcome
    error: BaseException
    where: str  # the test, and the line that raised

    def report(self, script: str, evidence: Path | None, *, is_whole: bool = True) -> str:
        """The text of the report; `script` is the replay. If not whole, MOST_LINES at most."""
        clause = self.clause
        head = [
            f"{clause.id}: {self.outcome}",
            *textwrap.wrap(clause.text, _WIDTH, initial_indent="  ", subsequent_indent="  "),
            f"  ({clause.level}; {clause.source}; {clause.file.name}:{clause.line})",
        ]
        steps = [
            f"  {line}"
            for line in script.splitlines()
            if not line.startswith("#") or line.startswith(_INSTEAD)
        ]
        problem = [f"  {line}" for line in self._problem().strip().splitlines()]
        tail = ["", f"Test: {self.where}"]
        if evidence:
            tail += [f"Evidence: {evidence}"]
            tail += [f"Again: daemontools-conformance replay {shlex.quote(str(evidence))}"]
        how = "paste it into bash"
        if not is_whole and (len(steps) > _MOST_STEPS or max(map(len, steps)) > _LONGEST_LINE):
            how = "shortened: the replay has all of it"
            steps = [line for line in steps if not _FUNCTION.match(line)]
        if not is_whole:
            steps = _shortened(steps, _MOST_STEPS, "the replay has all of them")
            room = MOST_LINES - len(head) - len(steps) - len(tail) - 3
            problem = _shortened(problem, max(room, 5), "failure.txt has all of them")
        if steps:
            steps = ["", f"What was run ({how}):", *steps]
        return plain("\n".join([*head, *steps, "", *problem, *tail]))

    def _problem(self) -> str:
        kind = type(self.error).__name__
        text = clipped(str(self.error), _MOST_TEXT) or kind
        return text if isinstance(self.error, AssertionError) else f"{kind}: {text}"


def _shortened(lines: list[str], most: int, where: str) -> list[str]:
    """At most so many lines, of the beginning and of the end, none of them very long."""
    clipped = [
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..." for line in lines
    ]
    if len(lines) <= most:
        return clipped
    begin = most * 2 // 3
    left_out = len(lines) - most + 1
    end = clipped[len(lines) - (most - begin - 1) :]
    return [*clipped[:begin], f"  ... {left_out} lines more; {where}", *end]


def compared(op: str, left: object, right: object) -> list[str] | None:
    """The lines for a false `assert left op right`; None leaves the words to pytest.

    In this suite's tests the left side is what was seen.
    """
    if op != "==":
        return [f"{_shown(left)} {op} {_shown(right)} does not hold", *_hex("left", left)]
    lines = ["what was seen is not what the clause asks for"]
    if _is_answer(left) and _is_answer(right):
        names = ("exit code", "stdout", "stderr")
        for name, seen, expected in zip(names, left, right, strict=True):
            if seen != expected and name == "exit code":
                lines += [
                    f"expected {name}: {_code(right[0])}",
                    f"seen {name}:     {_code(left[0])}",
                ]
            elif seen != expected:
                lines += _pair(f" {name}", seen, expected)
        return lines if left[2] != right[2] else [*lines, f"stderr was: {_shown(left[2])}"]
    if is_dataclass(left) and type(left) is type(right):
        left, right = vars(left), vars(right)
    if isinstance(left, tuple | list) and isinstance(right, tuple | list) and len(left) > _FEW:
        return [*lines, *_members(left, right)]
    if isinstance(left, set | frozenset) and isinstance(right, set | frozenset):
        return [*lines, *_members(sorted(left, key=repr), sorted(right, key=repr))]
    if isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
        for number, (seen, expected) in enumerate(zip(left, right, strict=True)):
            if seen != expected:
                lines += _pair(f"[{number}]", seen, expected)
        return lines
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in sorted({*left, *right}, key=repr):
            seen, expected = left.get(key, "nothing"), right.get(key, "nothing")
            if seen != expected:
                within = compared("==", seen, expected) if _is_large(seen, expected) else None
                lines += [f"{key}:", *within[1:]] if within else _pair(f"[{key!r}]", seen, expected)
        return lines
    return [*lines, *_pair("", left, right)]


def _is_large(seen: object, expected: object) -> bool:
    """Are these two collections of which only the differences are worth reading?"""
    kinds = (tuple, list, set, frozenset, Mapping)
    return all(isinstance(one, kinds) and len(one) > _FEW for one in (seen, expected))


def _members(left: Sequence[object], right: Sequence[object]) -> list[str]:
    """What only one of two long collections has, or where their orders part."""
    missing = [f"expected, not seen: {one!r}" for one in right if one not in left]
    more = [f"seen, not expected: {one!r}" for one in left if one not in right]
    if missing or more:
        return [*missing, *more]
    number = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), -1)
    if number < 0 or len(left) != len(right):
        return [f"expected: {len(right)} entries", f"seen:     {len(left)} entries"]
    where = f"the same entries in another order, from number {number} on"
    return [where, f"expected: {right[number]!r}", f"seen:     {left[number]!r}"]


def _is_answer(value: object) -> TypeGuard[tuple[int, bytes, bytes]]:
    """Is it a program's exit code, standard output and standard error?"""
    return isinstance(value, tuple) and list(map(type, value)) == [int, bytes, bytes]


def _code(code: int) -> str:
    """An exit code, with the signal that a negative one stands for."""
    return f"{code} ({ended(code)})" if code < 0 else str(code)


def _pair(which: str, seen: object, expected: object) -> list[str]:
    return [
        f"expected{which}: {_shown(expected)}",
        *_hex("", expected),
        f"seen{which}:     {_shown(seen)}",
        *_hex("", seen),
    ]


def _shown(value: object) -> str:
    """The value as Python writes it, unless it is long."""
    if isinstance(value, bytes | str) and len(value) > _MOST_SHOWN:
        return f"{value[:_MOST_SHOWN]!r} ... ({len(value)} in all)"
    return clipped(repr(value), 4 * _MOST_SHOWN)


def _hex(label: str, value: object) -> list[str]:
    """Bytes once more in hex, decoded if they have the length of a status file."""
    if not isinstance(value, bytes) or not value:
        return []
    shown = value[:_MOST_HEX]
    lines = [
        f"    {offset:4}: {chunk.hex(' '):47}  {_visible(chunk)}"
        for offset in range(0, len(shown), 16)
        for chunk in [shown[offset : offset + 16]]
    ]
    if len(value) > _MOST_HEX:
        lines.append(f"    ... {len(value)} bytes in all")
    if len(value) in (SIZE, SIZE + 2) and value.startswith(b"@\0\0\0"):
        lines.append(f"    as a status file: {decode(value)}")
    return [f"  {label} in hex:", *lines] if label else lines


def _visible(chunk: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in chunk)
