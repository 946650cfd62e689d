"""What is not compared, and why: the one list.

A Mask replaces, before the comparison, what cannot be equal. A Deviation is a
predicate over cases: where it is true, two implementations are known to differ, or
what happens is left to chance, and the case is not run; it is counted.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from daemontools_conformance.differential.case import Case

EVERYWHERE = ""


@dataclass(frozen=True)
class Mask:
    """One thing that is not compared: `pattern` becomes `by` in all that was observed."""

    programs: str  # names; EVERYWHERE
    pattern: bytes
    by: bytes
    reason: str


@dataclass(frozen=True)
class Deviation:
    """Cases that are not compared."""

    name: str
    programs: str
    applies: Callable[[Case], bool]
    reason: str


MASKS = (
    Mask("tai64n", rb"@4[0-9a-f]{23}", b"@STAMP", "labels are the time of day"),
    Mask(EVERYWHERE, rb"(pipe|socket):\[\d+\]", rb"\1", "numbers that the kernel counts"),
)


def _ignores(case: Case, *names: bytes) -> bool:
    return any(option == b"--ignore" and name in names for option, name in pairwise(case.state))


def _has_dangling_link(case: Case) -> bool:
    nodes = [node for node in case.tree if node.path.startswith(b"env/")]
    return len(nodes) > 1 and any(
        (node.kind, node.content) == ("link", b"nowhere") for node in nodes
    )


def _starves_a_chain(case: Case) -> bool:
    """Does softlimit leave a later program of the implementation less than 3 MB of something?"""
    words = (case.program.encode(), *case.arguments)
    own = [place for place, word in enumerate(words) if word.startswith(b"../bin/")]
    return any(
        _is_small(words[place : place + 2]) and any(later > place for later in own)
        for place, word in enumerate(words)
        if word[:2] in (b"-a", b"-d", b"-m", b"-s")
    )


def _is_small(words: tuple[bytes, ...]) -> bool:
    amount = words[0][2:] or (words[1] if len(words) > 1 else b"")
    return not amount.isdigit() or int(amount) % 2**64 < 3000000


def _limits_time(case: Case) -> bool:
    return any(word.startswith(b"-t") for word in case.arguments)


def _has_impossible_label(case: Case) -> bool:
    """Is there a line whose label C's localtime refuses? 0.76 is killed by it."""
    for line in case.input.split(b"\n"):
        if not line.startswith(b"@"):
            continue
        digits = re.match(rb"[0-9a-f]*", line[1:])
        assert digits
        number = int(digits[0] or b"0", 16)
        seconds = (number >> 32) % 2**64 - 4611686018427387914
        seconds = (seconds + 2**63) % 2**64 - 2**63
        try:
            time.localtime(seconds)
        except (OverflowError, OSError, ValueError):
            return True
    return False


DEVIATIONS = (
    Deviation(
        "pipe-or-xfsz-ignored",
        EVERYWHERE,
        lambda case: _ignores(case, b"PIPE", b"XFSZ"),
        "an interpreter ignores both itself, and what they were is lost",
    ),
    Deviation(
        "dangling-link-after-file",
        "envdir",
        _has_dangling_link,
        "0.76 repeats the value of the file read before (known bug)",
    ),
    Deviation(
        "impossible-label",
        "tai64nlocal",
        _has_impossible_label,
        "0.76 is killed by a label that is no date (known bug)",
    ),
    Deviation(
        "starved-chain",
        EVERYWHERE,
        _starves_a_chain,
        "a limit on memory does not bind the chain itself, only what it finally runs",
    ),
    Deviation(
        "processor-time",
        "softlimit",
        _limits_time,
        "an interpreter uses more of it, and a limit of 0 acts at the next tick of the clock",
    ),
)


def excluded(case: Case) -> str:
    """The name of the deviation that covers the case; empty if it is to be compared."""
    return next((d.name for d in DEVIATIONS if _is_for(d.programs, case) and d.applies(case)), "")


def _is_for(programs: str, case: Case) -> bool:
    return not programs or case.program in programs.split()


def masked(value: Any, case: Case, folder: bytes) -> Any:
    """The observation with everything masked; `folder` is the case's own."""
    match value:
        case bytes():
            value = value.replace(folder, b"{folder}")
            for mask in MASKS:
                if _is_for(mask.programs, case):
                    value = re.sub(mask.pattern, mask.by, value)
            return value
        case str():
            return masked(value.encode(errors="surrogateescape"), case, folder)
        case dict():
            return {key: masked(item, case, folder) for key, item in value.items()}
        case list() | tuple():
            return [masked(item, case, folder) for item in value]
        case _:
            return value
