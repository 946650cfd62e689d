"""End all that a test has started, orphans included, and nothing else.

On Linux this process adopts the orphans of what it starts (it is their "subreaper"), so that
every process is its child in the end. POSIX has no such call: there, init adopts them. So a
worker of pytest makes itself a process group, into which all is born, and an orphan is ours if it
is in that group, or in a group or session that one of our processes has led. An orphan escapes
only if it has left the group by itself, and its leader has ended before anybody looked.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from daemontools_conformance.running.patience import deadline
from daemontools_conformance.running.table import children, is_alive, processes, session

_PR_SET_CHILD_SUBREAPER = 36
_adopter = 0  # the process that adopts our orphans; 0: we do
_groups: set[int] = set()  # the group that we have made for ourselves, if we have


def prepare(*, is_worker: bool = True) -> None:
    """Arrange that the orphans of what we start can be found."""
    global _adopter
    if _become_subreaper():
        return
    _adopter = _who_adopts()
    if is_worker:  # the controller's group belongs to whoever has started it
        os.setpgid(0, 0)
        _groups.add(os.getpid())


def are_ours() -> bool:
    """Does this process adopt the orphans of what it starts?"""
    return not _adopter


def _become_subreaper() -> bool:
    """Make orphans of what we start our children. False if the system has no such call."""
    libc = ctypes.CDLL(None)
    return hasattr(libc, "prctl") and libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def _who_adopts() -> int:
    """The process that becomes the parent of a process whose parent ends."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        own = os.getpid()
        if os.fork() == 0:
            while os.getppid() == own:
                time.sleep(0.001)
            os.write(writer, str(os.getppid()).encode())
        os._exit(0)
    os.waitpid(parent, 0)
    os.close(writer)
    with open(reader, "rb") as answer:
        return int(answer.read())


def end_all_but(spared: set[int], started: Iterable[int] = (), within: float = 60.0) -> None:
    """Kill and reap all children of this process, and theirs, except those `spared`.

    `started` are the processes that the test has started, dead or alive. Killing a parent
    makes orphans, so the loop goes on until no process is left. Raises TimeoutError if one
    does not die.
    """
    end = time.monotonic() + deadline(within)
    leaders = set(started)
    while left := (_all_of_ours(leaders) if _adopter else children()) - spared:
        if time.monotonic() > end:
            raise TimeoutError(f"processes such as {min(left)} start others faster than they die")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while left := {pid for pid in left if not _is_gone(pid)}:
            if time.monotonic() > end:
                raise TimeoutError(f"processes {sorted(left)} survive SIGKILL")
            time.sleep(0.01 if _adopter else 0.001)


def _all_of_ours(leaders: set[int]) -> set[int]:
    """Our processes; those of them that lead a group or a session are added to `leaders`."""
    table = {pid: (parent, group, session(pid)) for pid, parent, group in processes()}
    ours = family(table, os.getpid(), _adopter, leaders | _groups)
    leaders |= {pid for pid in ours if pid in table[pid][1:]}
    return ours


def family(
    table: Mapping[int, tuple[int, int, int]], own: int, adopter: int, leaders: set[int]
) -> set[int]:
    """The descendants of `own`, and the orphans in the leaders' groups and sessions with theirs.

    `table`: process id -> parent, process group, session. A process whose parent is neither
    one of ours nor the adopter is nobody's business here, whatever its group says: process ids
    are used again. Groups 0 and 1 belong to the kernel, to init, or to what is outside.
    """
    known = leaders - {0, 1}
    found: set[int] = set()
    while new := {
        pid
        for pid, (parent, *groups) in table.items()
        if pid > 1 and pid not in found | {own, adopter}
        if parent in found | {own} or (parent == adopter and known.intersection(groups))
    }:
        found |= new
    return found


def _is_gone(pid: int) -> bool:
    """Has a killed process gone? Reaps it if it is our child."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not _adopter or not is_alive(pid)
