"""The one list of what is not compared, and why.

A Mask replaces what cannot be equal before the comparison. A Deviation is a predicate
over cases. Where it is true, two implementations are known to differ, or the result
depends on chance. Such a case is counted and not run.
"""

import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from daemontools_conformance.differential.case import Case

EVERYWHERE = ""


@dataclass(frozen=True)
class Mask:
    """One thing that is not compared: `pattern` becomes `by` in every observation."""

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


def _screen(found: re.Match[bytes]) -> bytes:
    """readproctitle's title with each line once, without one whose beginning has scrolled away."""
    lines = found[0].lstrip(b".").split(b"\n")
    is_full = not found[0].startswith(b"....")
    return b"\n".join(dict.fromkeys(lines[1:] if is_full else lines))


def _hidden(found: re.Match[bytes]) -> bytes:
    """A mark for each character, so that the length is compared."""
    return b"#" * len(found[0])


MASKS = (
    Mask(
        "tai64n multilog",
        rb"(?<=@4000000)0[0-9a-fz]{1,16}",  # z: the processor `tr a z` has seen it
        _hidden,
        "labels are the time of day",
    ),
    Mask(EVERYWHERE, rb"(?<=pipe:\[|cket:\[)\d+", b"N", "numbers that the kernel counts"),
    Mask(
        "supervise svscan svscanboot",
        rb"(?m)^(.*\n)\1+",
        rb"\1",
        "how often something is tried again depends on chance",
    ),
    Mask(
        "svscanboot",
        rb"/(etc/)?service\b",
        b"/service",
        "the directory of services is part of the packaging",
    ),
    Mask(
        "svscanboot",
        rb"(?s)(?<=\0errors:\0)\.\.\..*",
        _screen,
        "how often something is tried again, and so how far the title has scrolled",
    ),
    Mask(
        EVERYWHERE,
        rb"^(/[^\0]*\0(-[^\0]+\0)*)?[^\0]*/(?=(setlock|multilog)(\0|$))",
        b"",
        "the title of a script begins with its interpreter and its path",
    ),
    Mask("svscanboot", rb"(?s)^.*newroot\.py.*$", b"", "how the suite starts svscanboot"),
    Mask(
        "svscanboot",
        rb"^(/bin/sh\0)?[^\0]*svscanboot$",
        b"svscanboot",
        "the title of a shell script begins with its interpreter",
    ),
)


# What `masked` and the functions below also hide in files and messages.
IN_FILES = (
    ("all programs", "each case has a folder of its own"),
    (
        "supervise svscan svscanboot",
        "stamp and process id in a status file (but not whether the id is 0)",
    ),
    (
        "multilog",
        (
            "names of old files are labels, and where a file ends is not promised; so their"
            " contents are compared as one text, sizes and number with the bounds, and the endings"
            " of names and the modes as they are"
        ),
    ),
    (
        "multilog",
        (
            "with few files (n) or a processor without output (!) the shorter log must be the"
            " end of the longer; what `!tr a z` has not yet seen counts as seen"
        ),
    ),
    (
        "all programs",
        "whether the child ignores PIPE and XFSZ, if they were ignored at the start (Python)",
    ),
    ("svscan", "the order of messages from several programs, and of calls of the stand-in"),
    (
        "supervise svscanboot",
        "how often, and in which order, they complain about a run that cannot be started",
    ),
)


def _ignores(case: Case, *names: bytes) -> bool:
    return any(option == b"--ignore" and name in names for option, name in pairwise(case.state))


def _has_dangling_link(case: Case) -> bool:
    nodes = [node for node in case.tree if node.path.startswith(b"env/")]
    return len(nodes) > 1 and any(
        (node.kind, node.content) == ("link", b"nowhere") for node in nodes
    )


def _starves_a_chain(case: Case) -> bool:
    """Does softlimit leave a later program of the implementation too little memory?

    That is less than 3 MB, or, after setuidgid, less than an interpreter needs.
    """
    words = (case.program.encode(), *case.arguments)
    own = [place for place, word in enumerate(words) if word.startswith(b"../bin/")]
    for place, word in enumerate(words):
        if word[:2] in (b"-a", b"-d", b"-m", b"-s"):
            later = [words[other] for other in own if other > place]
            enough = 16_000_000 if b"../bin/setuidgid" in later[:-1] else 3_000_000
            if later and _amount(words[place : place + 2]) < enough:
                return True
    return False


def _amount(words: tuple[bytes, ...]) -> int:
    """The amount of a softlimit option, attached to it or in the next word."""
    text = words[0][2:] or (words[1] if len(words) > 1 else b"")
    if text == b"=":
        return 2**64 - 1
    digits = re.match(rb"[0-9]*", text)
    assert digits
    return int(digits[0] or b"0") % 2**64


def _is_left_little_time(case: Case) -> bool:
    """Does `softlimit -t` leave a second or less?"""
    return any(
        word.startswith(b"-t") and _amount(case.arguments[place : place + 2]) < 2
        for place, word in enumerate(case.arguments)
    )


def _ignored_signal_matters(case: Case) -> bool:
    """Is XFSZ ignored with a limit on files, or PIPE with children that write to pipes?"""
    words = b" ".join(case.arguments)
    limited = any(word.startswith(b"FSIZE") for word in case.state) or b"-f" in words
    return (_ignores(case, b"XFSZ") and limited) or (_ignores(case, b"PIPE") and b">&" in words)


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


def _makes_a_chain_short_of_descriptors(case: Case) -> bool:
    """Does one of the implementation's programs get fewer than 8 descriptors, or run in fghack?"""
    words = (case.program.encode(), *case.arguments)
    for place, word in enumerate(words):
        if word[:2] == b"-o" and any(later.startswith(b"../bin/") for later in words[place:]):
            return _amount(words[place : place + 2]) < 8 or case.program == "fghack"
    return case.program in ("fghack", "multilog") and any(b"NOFILE" in word for word in case.state)


DEVIATIONS = (
    Deviation(
        "few-descriptors",
        EVERYWHERE,
        _makes_a_chain_short_of_descriptors,
        "in a chain a C program dies in the loader, but the reference goes on in one process; and"
        " an interpreter also has a self-pipe",
    ),
    Deviation(
        "pipe-or-xfsz-ignored",
        EVERYWHERE,
        _ignored_signal_matters,
        "an interpreter ignores both itself and forgets what they were, so a child dies of them",
    ),
    Deviation(
        "dangling-link-after-file",
        "envdir",
        _has_dangling_link,
        "0.76 repeats the value of the file that it read before (known bug)",
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
        "a memory limit does not bind the reference's chain, only the program that it finally"
        " runs; and an interpreter that starts after setuidgid does not fit",
    ),
    Deviation(
        "processor-time",
        "softlimit",
        _is_left_little_time,
        "an interpreter uses more processor time, and a limit of 0 acts at the next clock tick",
    ),
)


def told() -> str:
    """The list as text."""
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
    """The name of the deviation that covers the case; empty if the case must be compared."""
    return next((d.name for d in DEVIATIONS if _is_for(d.programs, case) and d.applies(case)), "")


def _is_for(programs: str, case: Case) -> bool:
    return not programs or case.program in programs.split()


def _status(content: bytes) -> bytes:
    """A status file without stamp and process id: whether it has one, the flag, the want byte."""
    return b"up" + content[16:] if any(content[12:16]) else b"down" + content[16:]


def _tree(tree: dict[bytes, list[Any]], case: Case) -> dict[bytes, Any]:
    """Those files of a case whose names and places of bytes cannot be equal, made comparable."""
    if case.program == "multilog":
        return _logs(tree, case)
    shown = dict(tree)
    for path, (kind, mode, content) in tree.items():
        if path.endswith(b"supervise/status"):
            shown[path] = [kind, mode, _status(content)]
        if (case.program, path) == ("svscan", b"log"):
            shown[path] = [kind, mode, b"".join(sorted(content.splitlines(keepends=True)))]
    return shown


@dataclass(frozen=True)
class Log:
    """A log directory's old files and `current`, as one."""

    content: bytes  # of the files that this run wrote, in order
    kinds: frozenset[tuple[bytes, int]]  # the endings of their names, with modes
    in_bounds: bool  # no file larger than SIZE; after a rotation, not too many
    is_remainder: bool  # the oldest lines may be lost, more in one log than in another

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Log) or self.in_bounds != other.in_bounds:
            return False
        if not self.is_remainder:
            return (self.content, self.kinds) == (other.content, other.kinds)
        one, two = dict(self.kinds), dict(other.kinds)
        return (
            self.content.endswith(other.content) or other.content.endswith(self.content)
        ) and all(one[ending] == two[ending] for ending in one.keys() & two.keys())

    __hash__ = None  # type: ignore[assignment]


def _logs(tree: dict[bytes, list[Any]], case: Case) -> dict[bytes, Any]:
    """The tree with each log directory as a Log, because where a file ends is not promised."""
    shown: dict[bytes, Any] = {}
    logs: dict[bytes, list[tuple[bytes, int, bytes]]] = {}
    for path in sorted(tree):  # @... comes before current
        kind, mode, content = tree[path]
        folder, _, name = path.rpartition(b"/")
        if kind == "-" and (name == b"current" or re.match(rb"@[0-9a-f]{24}", name)):
            logs.setdefault(folder, []).append((name, mode, content))
        else:
            shown[path] = [kind, mode, content]
    for folder, files in logs.items():
        shown[folder + b"/all"] = _log(folder, files, case)
    return shown


def _log(folder: bytes, files: list[tuple[bytes, int, bytes]], case: Case) -> Log:
    size, number, processor = _bounds(case).get(folder, (0, 0, b""))
    # A processor without output leaves nothing, and with few files the oldest are removed.
    is_remainder = processor == b"!" or 0 < number < 10
    older = {node.path.rpartition(b"/")[2][:25] for node in case.tree}
    new = [file for file in files if file[0][:25] not in older or file[0] == b"current"]
    content = b"".join(content for _, _, content in (new if is_remainder else files))
    if processor == b"!tr a z":
        content = content.replace(b"a", b"z")
    kinds = {(b"current" if name == b"current" else name[25:], mode) for name, mode, _ in new}
    has_rotated = len(new) > 1
    in_bounds = all(len(one) <= size for _, _, one in new) and (
        not has_rotated or len(files) - 1 < number
    )
    return Log(content, frozenset(kinds), in_bounds, is_remainder)


def _bounds(case: Case) -> dict[bytes, tuple[int, int, bytes]]:
    """The size and number of files and the processor, for each log directory of a script."""
    size, number, processor = 99999, 10, b""
    found = {}
    for action in case.arguments:
        digits = re.match(rb"[sn]([0-9]*)", action)
        if digits and action[:1] == b"s":
            size = min(max(int(digits[1] or b"0"), 4096), 16777215)
        elif digits:
            number = max(int(digits[1] or b"0"), 2)
        elif action[:1] == b"!":
            processor = action
        elif action[:1] in (b".", b"/"):
            found[action.strip(b"./")] = (size, number, processor)
    return found


def _complains_in_no_order(err: bytes, case: Case) -> bool:
    again = case.program in ("supervise", "svscanboot") and b"unable to start" in err
    return case.program == "svscan" or again


def masked(value: Any, case: Case, folder: bytes) -> Any:
    """The observation with every mask applied; `folder` is the case's own."""
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
            if "err" in value and _complains_in_no_order(value["err"], case):
                # Several programs write here in no fixed order, and some write repeatedly.
                value = {
                    **value,
                    "err": b"".join(sorted(set(value["err"].splitlines(keepends=True)))),
                }
            if "tree" in value:
                value = {**value, "tree": _tree(value["tree"], case)}
            if "ignored" in value and _ignores(case, b"PIPE", b"XFSZ"):
                value = {**value, "ignored": value["ignored"] - {signal.SIGPIPE, signal.SIGXFSZ}}
            shown = {key: masked(item, case, folder) for key, item in value.items()}
            if "titles" in shown:  # a process that has just been forked has its parent's title
                shown["titles"] = sorted(set(shown["titles"]) - {b""})
            return shown
        case Log():
            return replace(value, content=masked(value.content, case, folder))
        case list() | tuple():
            return [masked(item, case, folder) for item in value]
        case _:
            return value
