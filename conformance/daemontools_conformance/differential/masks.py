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
    by: bytes | Callable[[re.Match[bytes]], bytes]
    reason: str


@dataclass(frozen=True)
class Deviation:
    """Cases that are not compared."""

    name: str
    programs: str
    applies: Callable[[Case], bool]
    reason: str


def _hidden(found: re.Match[bytes]) -> bytes:
    """As many marks as there were characters: the length is compared."""
    return b"#" * len(found[0])


MASKS = (
    Mask(
        "tai64n multilog",
        rb"(?<=@4000000)0[0-9a-f]{1,16}",
        _hidden,
        "labels are the time of day",
    ),
    Mask(EVERYWHERE, rb"(?<=pipe:\[|cket:\[)\d+", b"N", "numbers that the kernel counts"),
    Mask(
        "supervise svscan svscanboot",
        rb"(?m)^(.*\n)\1+",
        rb"\1",
        "how often something is tried again in a while is left to chance",
    ),
    Mask(
        "svscanboot",
        rb"/(etc/)?service\b",
        b"/service",
        "the directory of services is part of the packaging",
    ),
    Mask("svscanboot", rb"(?s)^.*newroot\.py.*$", b"", "how the suite starts svscanboot"),
    Mask(
        "svscanboot",
        rb"^(/bin/sh\0)?[^\0]*svscanboot$",
        b"svscanboot",
        "the title of a shell script begins with its interpreter",
    ),
)


# What `masked` and the functions below it do besides, for files and messages.
IN_FILES = (
    ("all programs", "the folder of a case has a name of its own"),
    (
        "supervise svscan svscanboot",
        "stamp and process id in a status file (but not whether it is 0)",
    ),
    ("multilog", "names of old files are labels, and where a file ends is not promised"),
    ("svscan", "messages of several programs, and calls of the stand-in, come in no order"),
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


def _shows_where_files_end(case: Case) -> bool:
    """Can a full file be removed (`n`), or go through a processor?"""
    few = any(re.fullmatch(rb"n[0-9]?", word) for word in case.arguments)
    processed = any(word.startswith(b"!") for word in case.arguments)
    older = sum(len(n.content) for n in case.tree if n.path == b"log/current")
    size = older + len(case.input) + sum(len(step.what) for step in case.steps)
    old = any(node.path.startswith(b"log/@") for node in case.tree)
    return (few and (old or size > 1500)) or (processed and size > 1500)


def _makes_a_chain_short_of_descriptors(case: Case) -> bool:
    """Do fewer than 8 descriptors, or those that fghack takes, stand before an own program?"""
    words = (case.program.encode(), *case.arguments)
    for place, word in enumerate(words):
        if word[:2] == b"-o" and any(later.startswith(b"../bin/") for later in words[place:]):
            amount = word[2:] or (words[place + 1] if place + 1 < len(words) else b"")
            few = not amount.isdigit() or int(amount) % 2**64 < 8
            return few or case.program == "fghack"
    return case.program in ("fghack", "multilog") and any(b"NOFILE" in word for word in case.state)


DEVIATIONS = (
    Deviation(
        "where-files-end",
        "multilog",
        _shows_where_files_end,
        "where a full file ends is not promised; nor what goes through a processor, or is removed",
    ),
    Deviation(
        "few-descriptors",
        EVERYWHERE,
        _makes_a_chain_short_of_descriptors,
        "a C program in a chain dies in the loader, ours goes on in one process; and an interpreter"
        " has a self-pipe besides",
    ),
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


def told() -> str:
    """The list in words."""
    return "\n".join(
        [
            "Not compared:",
            *(f"  {mask.programs or 'all programs'}: {mask.reason}" for mask in MASKS),
            *(f"  {programs}: {reason}" for programs, reason in IN_FILES),
            "Cases left out:",
            *(f"  {d.programs or 'all programs'}: {d.name}: {d.reason}" for d in DEVIATIONS),
        ]
    )


def excluded(case: Case) -> str:
    """The name of the deviation that covers the case; empty if it is to be compared."""
    return next((d.name for d in DEVIATIONS if _is_for(d.programs, case) and d.applies(case)), "")


def _is_for(programs: str, case: Case) -> bool:
    return not programs or case.program in programs.split()


def _status(content: bytes) -> bytes:
    """A status file without stamp and process id: is there one, the flag, the want byte."""
    return b"up" + content[16:] if any(content[12:16]) else b"down" + content[16:]


def _tree(tree: dict[bytes, list[Any]], case: Case) -> dict[bytes, list[Any]]:
    """The files of a case, where names and places of bytes cannot be equal."""
    if case.program == "multilog":
        return _logs(tree)
    shown = dict(tree)
    for path, (kind, mode, content) in tree.items():
        if path.endswith(b"supervise/status"):
            shown[path] = [kind, mode, _status(content)]
        if (case.program, path) == ("svscan", b"log"):
            shown[path] = [kind, mode, b"".join(sorted(content.splitlines(keepends=True)))]
    return shown


def _logs(tree: dict[bytes, list[Any]]) -> dict[bytes, list[Any]]:
    """Log directories: where a file ends is not promised, so the contents are joined.

    The old files and `current` of a directory become one entry with all that they
    hold, in order, and the endings and modes of their names.
    """
    shown: dict[bytes, list[Any]] = {}
    for path in sorted(tree):  # @... comes before current
        kind, mode, content = tree[path]
        folder, slash, name = path.rpartition(b"/")
        if kind == "-" and (name == b"current" or re.match(rb"@[0-9a-f]{24}", name)):
            joined = shown.setdefault(folder + slash + b"all", [b"", set()])
            joined[0] += content
            joined[1].add((b"current" if name == b"current" else name[25:], mode))
        else:
            shown[path] = [kind, mode, content]
    return {path: [sorted(v) if isinstance(v, set) else v for v in e] for path, e in shown.items()}


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
            if "err" in value and case.program == "svscan":
                # Several programs write here, in no order, and some again and again.
                value = {
                    **value,
                    "err": b"".join(sorted(set(value["err"].splitlines(keepends=True)))),
                }
            if "tree" in value:
                value = {**value, "tree": _tree(value["tree"], case)}
            shown = {key: masked(item, case, folder) for key, item in value.items()}
            if "titles" in shown:  # a process that is just being made has its parent's title
                shown["titles"] = sorted(set(shown["titles"]) - {b""})
            return shown
        case list() | tuple():
            return [masked(item, case, folder) for item in value]
        case _:
            return value
