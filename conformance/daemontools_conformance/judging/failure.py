"""A failure as a bug report: the clause, what ran, what was expected and seen, the evidence."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.running.status import SIZE, decode

_WIDTH = 96
_MOST_HEX = 96  # bytes of a value shown in hex


@dataclass(frozen=True)
class Failure:
    """A test that fell short."""

    clause: Clause
    outcome: Outcome
    error: BaseException
    where: str  # the test, and the line that raised

    def report(self, script: str, evidence: Path | None) -> str:
        """The text of the report; `script` is the replay."""
        clause = self.clause
        parts = [
            f"{clause.id}: {self.outcome}",
            textwrap.fill(clause.text, _WIDTH, initial_indent="  ", subsequent_indent="  "),
            f"  ({clause.level}; {clause.source}; {clause.file.name}:{clause.line})",
        ]
        steps = [line for line in script.splitlines() if not line.startswith("#!")]
        if steps:
            parts += ["", "What was run (paste it into bash):"]
            parts += [f"  {line}" for line in steps if not line.startswith("# ")]
        parts += ["", textwrap.indent(self._problem().strip(), "  "), "", f"Test: {self.where}"]
        if evidence:
            parts.append(f"Evidence: {evidence}")
            parts.append(f"Again: daemontools-conformance replay {evidence}")
        return "\n".join(parts)

    def _problem(self) -> str:
        kind = type(self.error).__name__
        text = str(self.error) or kind
        return text if isinstance(self.error, AssertionError) else f"{kind}: {text}"


def compared(op: str, left: object, right: object) -> list[str] | None:
    """The lines for a false `assert left op right`; None leaves the words to pytest.

    In this suite's tests the left side is what was seen.
    """
    if op != "==":
        return [f"{left!r} {op} {right!r} does not hold", *_hex("left", left)]
    lines = ["what was seen is not what the clause asks for"]
    if _is_answer(left) and _is_answer(right):
        names = ("exit code", "stdout", "stderr")
        for name, seen, expected in zip(names, left, right, strict=True):
            lines += _pair(f" {name}", seen, expected) if seen != expected else []
        return lines if left[2] != right[2] else [*lines, f"stderr was: {left[2]!r}"]
    if isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
        for number, (seen, expected) in enumerate(zip(left, right, strict=True)):
            if seen != expected:
                lines += _pair(f"[{number}]", seen, expected)
        return lines
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in sorted({*left, *right}, key=repr):
            seen, expected = left.get(key, "nothing"), right.get(key, "nothing")
            if seen != expected:
                lines += _pair(f"[{key!r}]", seen, expected)
        return lines
    return [*lines, *_pair("", left, right)]


def _is_answer(value: object) -> TypeGuard[tuple[int, bytes, bytes]]:
    """Is it a program's exit code, standard output and standard error?"""
    return isinstance(value, tuple) and list(map(type, value)) == [int, bytes, bytes]


def _pair(which: str, seen: object, expected: object) -> list[str]:
    return [
        f"expected{which}: {expected!r}",
        *_hex("", expected),
        f"seen{which}:     {seen!r}",
        *_hex("", seen),
    ]


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
