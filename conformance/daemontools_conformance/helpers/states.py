"""Awkward states in which a chain program starts, and what its child then sees.

The state that the child sees is the specification of a chain program: everything
is as it was, except for the one change that the program promises. So each test
takes the record of a probe started directly, and of the same probe started
through the program from the same state, and compares the records: whole, or one
topic of them.
"""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import has_noted, need_probe, probe
from daemontools_conformance.running.processes import (
    Running,
    argv_of,
    below,
    is_asleep,
    parent_of,
)
from daemontools_conformance.running.record import Record, record
from daemontools_conformance.running.sandbox import Argument, Options, Sandbox
from daemontools_conformance.running.table import HAS_PROC

PROBE: tuple[Argument, ...] = probe()

# How setlock opens its file; the kernel adds O_LARGEFILE by itself (Python hides its value).
LOCK_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK
O_LARGEFILE = 0o100000 if sys.platform == "linux" else 0

# The options for prepare.py before the chain starts. An interpreter can start under
# these limits; under those of LOWEST only a C program can.
ENVIRONMENTS: dict[str, Sequence[Argument]] = {
    "plain": [],
    "empty": ["--empty-environ"],
    "empty PATH": ["--empty-environ", "--environ-entry", "PATH="],
    "empty elements in PATH": ["--empty-environ", "--environ-entry", "PATH=::/bin:"],
    "invalid locale": ["--environ-entry", "LANG=xx_YY", "--environ-entry", "LC_ALL=nonsense"],
    "locale C": ["--environ-entry", "LC_ALL=C", "--environ-entry", "A=1"],
    "empty LC_CTYPE": ["--environ-entry", "LC_CTYPE=", "--environ-entry", "A=1"],
    "Python's own": ["--environ-entry", "PYTHONHOME=/x", "--environ-entry", "PYTHONINSPECT=1"],
}
# What no manual speaks of, and a runtime that keeps the environment in a map loses.
ODD_ENVIRONMENTS: dict[str, Sequence[Argument]] = {
    "two PATHs": ["--environ-entry", "PATH=/nowhere"],
    "two LC_CTYPEs": ["--environ-entry", "LC_CTYPE=C", "--environ-entry", "LC_CTYPE=POSIX"],
    "not UTF-8": ["--environ-entry", b"\xff\xfe=\x80", "--environ-entry", b"A=\xe9\x01\n"],
    "duplicates": ["--environ-entry", "A=1", "--environ-entry", "B=2", "--environ-entry", "A=3"],
    "no equals sign": ["--environ-entry", "A", "--environ-entry", "", "--environ-entry", "B="],
    "empty name": ["--environ-entry", "=x", "--environ-entry", "=", "--environ-entry", "=x"],
}
REAL_TIME = [name for name in ("40", "64") if int(name) in signal.valid_signals()]
DESCRIPTORS: dict[str, Sequence[Argument]] = {
    "0 closed": ["--close", "0"],
    "1 closed": ["--close", "1"],
    "2 closed": ["--close", "2"],
    "0, 1 and 2 closed": ["--close", "0", "--close", "1", "--close", "2"],
    "further ones open": ["--open", "5", "--open", "9"],
}
SIGNALS: dict[str, Sequence[Argument]] = {
    "blocked": [
        word
        for name in ("HUP", "INT", "TERM", "CHLD", "ALRM", "PIPE", "USR1", "CONT", *REAL_TIME)
        for word in ("--block", name)
    ],
    "ignored": [
        word
        for it in ("HUP", "INT", "QUIT", "TERM", "CHLD", "ALRM", "USR1", "CONT", "TTOU", *REAL_TIME)
        for word in ("--ignore", it)
    ],
}
LIMITS: dict[str, Sequence[Argument]] = {
    "limits": ["--limit", "NOFILE=200", "--limit", "CPU=1000", "--limit", "MEMLOCK=4096"],
    "no writing": ["--limit", "FSIZE=0", "--limit", "CORE=0"],
    "nice": ["--nice", "7"],
}
LOW_LIMITS: dict[str, Sequence[Argument]] = {  # under which some runtimes cannot start
    "low limits": [
        *("--limit", "NOFILE=32", "--limit", "STACK=262144", "--limit", "CPU=1000"),
        *("--limit", "AS=500000000", "--limit", "DATA=400000000", "--limit", "MEMLOCK=4096"),
    ],
    "few descriptors": ["--limit", "NOFILE=6"],
}
UMASKS: dict[str, Sequence[Argument]] = {
    "umask 0": ["--umask", "0"],
    # Only root can open again what is made under this umask.
    **({"umask 777": ["--umask", "777"]} if os.geteuid() == 0 else {"umask 77": ["--umask", "77"]}),
}
STATES = ENVIRONMENTS | ODD_ENVIRONMENTS | DESCRIPTORS | SIGNALS | LIMITS | LOW_LIMITS | UMASKS

# Several of them together, without low limits: under these some implementations cannot start.
ALL_AT_ONCE: Sequence[Argument] = [
    *(word for name in ("invalid locale", "not UTF-8", "duplicates") for word in STATES[name]),
    *(word for name in ("0 closed", "further ones open", "blocked") for word in STATES[name]),
    *(word for name in ("ignored", "nice", "umask 0") for word in STATES[name]),
]
# A program may also change one thing because another is odd.
USUAL: dict[str, Sequence[Argument]] = {"plain": [], "all at once": ALL_AT_ONCE}

# What PROGRAM/state/TOPIC-unchanged asks: the fields of a record, and the states of that kind.
TOPICS: dict[str, tuple[tuple[str, ...], dict[str, Sequence[Argument]]]] = {
    "environment": (("environment",), ENVIRONMENTS),
    "odd-environment": (("environment",), ODD_ENVIRONMENTS | {"all at once": ALL_AT_ONCE}),
    "descriptors": (("descriptors", "descriptor_flags", "locks"), USUAL | DESCRIPTORS),
    "signals": (("blocked", "ignored", "caught"), USUAL | SIGNALS),
    "limits": (("limits", "nice"), USUAL | LIMITS),
    "low-limits": (("limits", "nice"), LOW_LIMITS),
    "ids": (("uids", "gids", "groups", "capabilities"), USUAL),
    "session": (
        ("process_group", "session", "terminal", "parent", "directory", "umask"),
        USUAL | UMASKS,
    ),
    "arguments": (("argv", "comm"), USUAL),
}

# Near the lowest at which 0.76's C programs start on x86-64 with glibc 2.36;
# a Python interpreter needs 13 MB of address space, 4 MB of data, 36 KB of stack.
LOWEST: dict[str, Sequence[Argument]] = {
    "address space": ["--limit", "AS=3000000"],
    "data": ["--limit", "DATA=300000"],
    "stack": ["--limit", "STACK=20480"],
}


def child(
    sandbox: Sandbox, program: str, *arguments: Argument, **options: Unpack[Options]
) -> Record:
    """The record of the PROBE that `program arguments... PROBE` runs."""
    need_probe()
    with open(sandbox.messages, "ab") as out:
        given: Options = {**options, "stdout": out, "stderr": out}
        running = sandbox.start(program, *arguments, *PROBE, **given)
    return wait_until_probe(running, sandbox.messages)


def direct(sandbox: Sandbox, **options: Unpack[Options]) -> Record:
    """The record of the PROBE started directly, from the same state."""
    need_probe()
    with open(sandbox.messages, "ab") as out:
        given: Options = {**options, "stdout": out, "stderr": out}
        running = sandbox.start_command(PROBE, **given)
    return wait_until_probe(running, sandbox.messages)


def seen(topic: str, record: Record) -> dict[str, object]:
    """What a clause of this topic compares."""
    return {name: getattr(record, name) for name in TOPICS[topic][0]}


def wait_until_probe(running: Running, said: Path | None = None) -> Record:
    """Wait until the PROBE sleeps, in this process or in one that it has started; its record.

    That it is the same process is a clause of its own. Here a parent in between is
    passed over. If the program ends first, the test fails with what it said.
    """
    what = f"{running} becomes the probe"
    pid = eventually(lambda: running.has_ended() or _probe_of(running), what=what)
    messages = said.read_bytes() if said else running.err
    assert not running.has_ended(), f"{running} ended before the probe ran: {messages!r}"
    seen = record(pid)  # not sooner: while a process loads, its record changes
    return seen if pid == running.pid else replace(seen, parent=parent_of(running.pid))


def is_probe(pid: int) -> bool:
    """Has the process become the PROBE, and does it sleep?"""
    if not HAS_PROC:
        return has_noted(pid)
    return argv_of(pid) == tuple(os.fsencode(word) for word in PROBE) and is_asleep(pid)


def _probe_of(running: Running) -> int:
    """The process that is the PROBE: the program's own or one below it; 0 if none yet."""
    if is_probe(running.pid):
        return running.pid
    return next(filter(is_probe, below(running.pid)), 0)


def wait_until_runs(running: Running, *argv: bytes) -> int:
    """Wait until the program has become these words, or has started them, and they sleep."""
    return eventually(lambda: process_of(running, argv), what=f"{running} runs {argv}")


def process_of(running: Running, argv: tuple[bytes, ...]) -> int:
    """The sleeping process with these arguments: the program's own or below it; 0 if none yet."""
    for pid in family(running):
        if argv_of(pid) == argv:
            return pid if is_asleep(pid) else 0
    return 0


def waiter_of(running: Running, file: Path) -> int:
    """The process that has opened the file and sleeps: setlock, for its lock; 0 if none yet.

    One that is asleep may still be starting. Without /proc nothing tells more.
    """

    def has_opened(pid: int) -> bool:
        return not HAS_PROC or str(file.resolve()) in record(pid).descriptors.values()

    return next((p for p in family(running) if is_asleep(p) and has_opened(p)), 0)


def family(running: Running) -> list[int]:
    """The process of the program, and those below it: a chain may be several processes."""
    return [running.pid, *below(running.pid)]


def kill_family(running: Running) -> None:
    """Kill all of them, and wait for the program's own."""
    for pid in family(running)[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.signal(signal.SIGKILL)
    running.wait()
