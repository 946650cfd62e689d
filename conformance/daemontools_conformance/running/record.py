"""The kernel's record of a process: everything that exec hands from one program to the next.

A process that looks at itself changes what it sees (an interpreter sets signal
dispositions, a shell rewrites the environment). So the observed child is a program
that only waits, and the record is read from outside, in /proc.
"""

import os
import re
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemontools_conformance.running import journal
from daemontools_conformance.running.probe import Items, limits_of, noted
from daemontools_conformance.running.table import HAS_PROC, comm_of, is_asleep, proc, read


@dataclass(frozen=True)
class Record:
    """The state that a process has inherited or been given, as the kernel shows it."""

    argv: tuple[bytes, ...]
    environment: tuple[bytes, ...]  # ordered by name, since no program looks at the order
    comm: bytes
    directory: str
    uids: tuple[int, ...]  # real, effective, saved, file system
    gids: tuple[int, ...]
    groups: tuple[int, ...]
    capabilities: dict[str, str]  # set (e.g. "CapEff") -> mask, hexadecimal
    no_new_privileges: bool
    umask: str  # octal: "0022"
    nice: int
    process_group: int
    session: int
    terminal: int  # device number, 0 for none
    blocked: frozenset[int]  # signals, which show their names
    ignored: frozenset[int]
    caught: frozenset[int]
    limits: dict[str, tuple[str, str]]  # name -> (soft, hard)
    descriptors: dict[int, str]  # number -> what it refers to
    descriptor_flags: dict[int, str]  # number -> flags of open, octal (02000000: close-on-exec)
    locks: dict[int, str]  # number -> the locks held through it, e.g. "FLOCK ADVISORY WRITE"
    parent: int
    pid: int = field(compare=False)
    block: tuple[bytes, ...] = field(compare=False)  # the environment in the order it has


_SIGNALS: dict[int, int] = {int(one): one for one in signal.Signals}
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_READINGS = 500  # of a process that keeps changing: about a second


def record(pid: int) -> Record:
    """Read the record of a live process. Raises OSError if it is gone or not ours to read.

    On systems without Linux's /proc only the probe has one (probe.py); raises Unavailable for
    others.

    The kernel gives the record file by file, and an exec may come in between: then
    the arguments belong to one program and the rest to another, and a moment later
    the loader has a library open. So read until the process waits and two readings
    agree.
    """
    if not HAS_PROC:
        return _of_probe(pid, noted(pid))
    before = seen = None
    for _ in range(_READINGS):
        if is_asleep(pid):
            before, seen = seen, _read(pid)
            if seen == before:
                break
        time.sleep(0.001)
    seen = seen or _read(pid)
    journal.note("record", pid=pid, seen=seen)
    return seen


def _read(pid: int) -> Record:
    at = str(proc(pid))
    status = dict(
        line.split(":\t", 1)
        for line in os.fsdecode(read(f"{at}/status")).splitlines()
        if ":\t" in line
    )
    block = _zero_ended(read(f"{at}/environ"))
    stat = read(f"{at}/stat").rpartition(b")")[2].split()
    descriptors = _descriptors(at)
    return Record(
        argv=_zero_ended(read(f"{at}/cmdline")),
        environment=by_name(block),
        block=block,
        pid=pid,
        comm=read(f"{at}/comm").rstrip(b"\n"),
        directory=os.readlink(f"{at}/cwd"),
        uids=_numbers(status["Uid"]),
        gids=_numbers(status["Gid"]),
        groups=_numbers(status["Groups"]),
        capabilities={name: status[name] for name in CAPABILITIES},
        no_new_privileges=status["NoNewPrivs"] == "1",
        umask=status["Umask"],
        nice=int(stat[16]),
        process_group=int(stat[2]),
        session=int(stat[3]),
        terminal=int(stat[4]),
        parent=int(stat[1]),
        blocked=_signals(status["SigBlk"]),
        ignored=_signals(status["SigIgn"]),
        caught=_signals(status["SigCgt"]),
        limits=_limits(read(f"{at}/limits").decode()),
        descriptors={fd: _target(f"{at}/fd/{fd}") for fd in _numbers_in(f"{at}/fd")},
        descriptor_flags=_matching(descriptors, r"^flags:\t(\w+)"),
        locks=_matching(descriptors, r"^lock:\t\d+: +(\w+ +\w+ +\w+)"),
    )


def _of_probe(pid: int, items: Items) -> Record:
    """The record from what a probe has noted. Capabilities and locks are unknown."""

    def numbers(key: str) -> tuple[int, ...]:
        return tuple(int(digits) for digits in items.get(key, []))

    block = tuple(items.get("environment", []))
    descriptors = [line.decode().split(maxsplit=2) for line in items.get("descriptor", [])]
    return Record(
        argv=tuple(items["argv"]),
        environment=by_name(block),
        block=block,
        pid=pid,
        comm=comm_of(pid),
        directory=os.fsdecode(items["directory"][0]),
        uids=numbers("uids"),
        gids=numbers("gids"),
        groups=numbers("groups"),
        capabilities={},
        no_new_privileges=False,
        umask=f"{numbers('umask')[0]:04o}",
        nice=numbers("nice")[0],
        process_group=numbers("process_group")[0],
        session=numbers("session")[0],
        terminal=numbers("terminal")[0],
        parent=numbers("parent")[0],
        blocked=_named(numbers("blocked")),
        ignored=_named(numbers("ignored")),
        caught=_named(numbers("caught")),
        limits=limits_of(items),
        descriptors={int(fd): what for fd, _, what in descriptors},
        descriptor_flags={int(fd): flags for fd, flags, _ in descriptors},
        locks={},
    )


def by_name(block: Iterable[bytes]) -> tuple[bytes, ...]:
    """The entries ordered by name; of those with one name the first, which counts, stays first."""
    return tuple(sorted(block, key=lambda entry: entry.partition(b"=")[0]))


def descriptors_to(seen: Record, path: Path) -> list[int]:
    """The numbers of a process's descriptors that refer to the file."""
    return sorted(fd for fd, what in seen.descriptors.items() if what == as_target(path))


def as_target(path: Path) -> str:
    """What a record says of a descriptor that refers to the file.

    A probe knows no names: it tells device and inode.
    """
    about = path.stat()
    return str(path.resolve()) if HAS_PROC else f"file:[{about.st_dev}:{about.st_ino}]"


def without_power(capabilities: Mapping[str, str]) -> dict[str, str]:
    """What root's capabilities become when it becomes another user; {} where none are known."""
    return {
        name: "0" * 16 if name in ("CapPrm", "CapEff") else capabilities[name]
        for name in capabilities
    }


def _zero_ended(data: bytes) -> tuple[bytes, ...]:
    return tuple(data.split(b"\0")[:-1])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


def _signals(mask: str) -> frozenset[int]:
    """The numbers of the bits that are set, without those that the C library reserves.

    glibc uses 32 and 33 for its threads and lets no program change them. Python >= 3.13
    starts programs by glibc's posix_spawn, which leaves them ignored.
    """
    bits = int(mask, 16)
    numbers = {number for number in range(1, 65) if bits >> (number - 1) & 1}
    return _named(numbers - {32, 33})


def _named(numbers: Iterable[int]) -> frozenset[int]:
    """The numbers of signals, those with a name so that a failure shows it."""
    return frozenset(_SIGNALS.get(number, number) for number in numbers)


def _limits(text: str) -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^(Max [a-z ]+?)\s{2,}(\w+)\s+(\w+)", text, flags=re.MULTILINE)
    return {name[4:]: (soft, hard) for name, soft, hard in rows}


def _descriptors(at: str) -> dict[int, str]:
    """What the kernel tells about each descriptor."""
    found = {}
    for fd in _numbers_in(f"{at}/fdinfo"):
        try:
            found[fd] = read(f"{at}/fdinfo/{fd}").decode()
        except OSError:
            continue  # closed meanwhile
    return found


def _numbers_in(folder: str) -> list[int]:
    return sorted(map(int, os.listdir(folder)))


def _matching(descriptors: dict[int, str], pattern: str) -> dict[int, str]:
    """The descriptors of which something matches the pattern, and the matching text."""
    found = {fd: re.findall(pattern, text, flags=re.MULTILINE) for fd, text in descriptors.items()}
    return {fd: " ".join(", ".join(words).split()) for fd, words in found.items() if words}


def _target(entry: str) -> str:
    try:
        return os.readlink(entry)
    except OSError:
        return "closed meanwhile"
