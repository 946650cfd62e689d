"""What the system tells about any process: /proc on Linux, `ps` on systems without it.

POSIX knows `ps`, which tells parents, states, times and arguments, in words that all
systems share; a call of it takes milliseconds. Linux's /proc tells more. What only /proc tells
is asked by `proc`, and a test that asks cannot run elsewhere: it is UNTESTED, with the reason.
"""

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable

NEEDS_PROC = "needs Linux's /proc"
_THREADS = 17  # the place of the number of threads among the fields of /proc/PID/stat
HAS_PROC = os.path.exists("/proc/self/stat")


def proc(pid: int | str, *names: str) -> Path:
    """The path of a file in /proc/PID, for what only Linux tells. Raises Unavailable elsewhere."""
    need_proc()
    return Path("/proc", str(pid), *names)


def need_proc() -> None:
    """Raise Unavailable on a system without Linux's /proc, before anything is started."""
    if not HAS_PROC:
        raise Unavailable(NEEDS_PROC)


def children(parent: int | None = None) -> set[int]:
    """The process ids of the children of `parent` (this process), zombies included."""
    if parent is None and not _has_children():
        return set()  # the usual case
    own = os.getpid()
    if _tells_children():
        found = _listed_children(parent or own)
        if found or parent is not None:
            return found
    # On other systems, or if a child ended while the list was made: look at every process.
    return {pid for pid, ppid, _pgid in processes() if ppid == (parent or own)}


def below(pid: int) -> list[int]:
    """All descendants of a process."""
    found = sorted(children(pid))
    return found + [further for child in found for further in below(child)]


def parent_of(pid: int) -> int:
    """The process id of the parent. Raises OSError if the process has ended."""
    if HAS_PROC:
        return int(_stat_fields(pid)[1])
    if parent := _of(pid, "ppid"):
        return int(parent)
    raise ProcessLookupError(pid)


def processes() -> Iterator[tuple[int, int, int]]:
    """Every process: its id, its parent's, its process group's."""
    if not HAS_PROC:
        with _ps(["-A"], "pid", "ppid", "pgid") as ps:
            for line in ps.stdout or ():
                pid, ppid, pgid = (int(word) for word in line.split())
                if pid != ps.pid:
                    yield pid, ppid, pgid
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = _stat_fields(int(entry))
                yield int(entry), int(fields[1]), int(fields[2])
            except OSError:
                continue


def session(pid: int) -> int:
    """The session of a process; 0 if it has ended, or if the system does not tell."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def is_alive(pid: int) -> bool:
    """Does the process exist, and is it more than a zombie?

    One whose first thread has ended shows itself as a zombie, but lives until the last has.
    """
    if not HAS_PROC:
        return _state(pid) not in ("", "Z")
    try:
        fields = _stat_fields(pid)
    except OSError:
        return False
    return fields[0] != "Z" or int(fields[_THREADS]) > 1


def exists(pid: int) -> bool:
    """Does the process exist, be it a zombie?"""
    return _state(pid) != ""


def is_asleep(pid: int) -> bool:
    """Is the process, with all of its threads, in a sleep that a signal could interrupt?

    The first thread of a runtime sleeps while another one runs the program.
    """
    if not HAS_PROC:
        return _state(pid) in ("S", "I")  # I: on BSD, asleep for more than 20 seconds
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        states = {_stat_fields(f"{pid}/task/{thread}")[0] for thread in threads}
        return states - {"Z"} == {"S"}  # Z: the first thread, which may end before the others
    except OSError:  # it has ended, or one of its threads has
        return False


def is_stopped(pid: int) -> bool:
    """Has the process been stopped by a signal?"""
    return _state(pid) == "T"


def argv_of(pid: int) -> tuple[bytes, ...]:
    """The arguments of a process; what follows them (NULs) left out.

    () if it has ended, and for a moment during exec: the kernel first gives a process its new
    name, and then its new arguments. `ps` shows blanks between the arguments, so without /proc
    an argument with a blank in it is two.
    """
    if not HAS_PROC:
        return tuple(shown_arguments(pid).split())
    try:
        shown = read(f"/proc/{pid}/cmdline")
    except OSError:
        return ()
    return tuple(shown.rstrip(b"\0").split(b"\0")) if shown else ()


def shown_arguments(pid: int) -> bytes:
    """The arguments of a process as `ps` shows them: with blanks in between."""
    return os.fsencode(_of(pid, "args"))


def comm_of(pid: int) -> bytes:
    """The name that the kernel has for a process; empty if it has ended."""
    if not HAS_PROC:
        return os.fsencode(_of(pid, "comm")).rpartition(b"/")[2]  # macOS shows the file
    try:
        return read(f"/proc/{pid}/comm").rstrip(b"\n")
    except OSError:
        return b""


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    if not HAS_PROC:  # [[DAYS-]HOURS:]MINUTES:SECONDS[.HUNDREDTHS]
        days, _, time = _of(pid, "time").rpartition("-")
        seconds = 86400.0 * int(days or 0)
        for place, part in enumerate(reversed(time.split(":"))):
            seconds += float(part) * 60**place
        return seconds
    user, system = _stat_fields(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident_kilobytes(pid: int, *, peak: bool = False) -> int:
    """The memory that a process uses now, or the most it has used; 0 when it has ended."""
    if not HAS_PROC:  # nothing tells the most: ask often
        return int(_of(pid, "rss") or 0)
    with proc(pid, "status").open() as file:
        size = "VmHWM:" if peak else "VmRSS:"
        return next((int(line.split()[1]) for line in file if line.startswith(size)), 0)


def _state(pid: int) -> str:
    """The letter of its state: S asleep, T stopped, Z zombie; "" if it does not exist."""
    try:
        return _stat_fields(pid)[0] if HAS_PROC else _of(pid, "stat")[:1]
    except OSError:
        return ""


def _stat_fields(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat from the state on (the name before them may hold anything)."""
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].decode().split()


def read(file: str) -> bytes:
    """The content of a file in /proc: waits ask often, and Python's file objects cost more."""
    fd = os.open(file, os.O_RDONLY)
    try:
        content = b""
        while part := os.read(fd, 65536):
            content += part
        return content
    finally:
        os.close(fd)


def _listed_children(parent: int) -> set[int]:
    """The children as the kernel lists them, by thread."""
    found: set[int] = set()
    try:
        for thread in os.listdir(f"/proc/{parent}/task"):
            found.update(map(int, read(f"/proc/{parent}/task/{thread}/children").split()))
    except (FileNotFoundError, ProcessLookupError):
        pass  # the process has gone, or one of its threads has
    return found


@cache
def _tells_children() -> bool:
    """Does the kernel list the children of a process?"""
    return os.path.exists("/proc/thread-self/children")


def _has_children() -> bool:
    try:
        # On macOS it is there from Python 3.13 on.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # type: ignore[attr-defined,unused-ignore]
    except ChildProcessError:
        return False
    return True


def _ps(which: list[str], *columns: str) -> "subprocess.Popen[bytes]":
    """A `ps` that shows these columns of one process, or of all, without a heading."""
    shown = [word for column in columns for word in ("-o", f"{column}=")]
    return subprocess.Popen(["ps", "-ww", *which, *shown], stdout=subprocess.PIPE)


def _of(pid: int, column: str) -> str:
    """What `ps` shows of a process in this column; "" if it has ended."""
    with _ps(["-p", str(pid)], column) as ps:
        return os.fsdecode(ps.stdout.read()).strip() if ps.stdout else ""
