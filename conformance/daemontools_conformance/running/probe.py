"""The child that tests look at: /bin/sleep, or a program that notes what it was given.

Where the kernel tells all about a process (Linux's /proc), the child need only sleep. Elsewhere
it is fixtures/probe.c, which writes its own record to a file; that takes a C compiler.
"""

import atexit
import os
import resource
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.contract.places import folder
from daemontools_conformance.running.patience import deadline, eventually
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC, argv_of

# A limit's name, and the resource that it limits. /proc has the same names.
LIMITS = {
    "cpu time": "CPU",
    "file size": "FSIZE",
    "data size": "DATA",
    "stack size": "STACK",
    "core file size": "CORE",
    "resident set": "RSS",
    "processes": "NPROC",
    "open files": "NOFILE",
    "locked memory": "MEMLOCK",
    "address space": "AS",
}
KNOWN = {name: word for name, word in LIMITS.items() if hasattr(resource, f"RLIMIT_{word}")}

Items = dict[str, list[bytes]]


@cache
def place() -> Path:
    """A folder for all workers with the probe's program and, in `records`, what it writes."""
    made = Path(tempfile.mkdtemp(prefix="daemontools-probe-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    made.chmod(0o755)
    (made / "records").mkdir()
    (made / "records").chmod(0o1777)
    return made


def probe() -> tuple[str, ...]:
    """The command line of the child."""
    return ("/bin/sleep", "1000") if HAS_PROC else (str(place() / "sleep"), "1000")


@cache
def need_probe() -> None:
    """Make the probe where it is needed. Raises Unavailable if it cannot be made."""
    made = place() / "sleep" if not HAS_PROC else None
    if made is None or made.exists():
        return
    if not (compiler := shutil.which("cc")):
        raise Unavailable(f"{NEEDS_PROC}, or a C compiler")
    limits = ", ".join(f"RLIMIT_{word}" for word in KNOWN.values())
    given = [f"-DLIMITS={limits}", f'-DRECORDS="{place()}/records"']
    source, new = folder("fixtures") / "probe.c", made.with_name(f"sleep.{os.getpid()}")
    finished = subprocess.run(
        [compiler, "-O", *given, "-o", new, source], capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        raise Unavailable(f"{NEEDS_PROC}; the C compiler said: {finished.stderr[:500]}")
    new.rename(made)  # another worker may be making it, too


def need_changed_arguments() -> None:
    """Raise Unavailable where nothing shows what a process writes over its own arguments."""
    if not HAS_PROC and not _shows_changes():
        raise Unavailable("needs a ps that shows what a process writes over its arguments")


@cache
def _shows_changes() -> bool:
    need_probe()
    with subprocess.Popen([place() / "sleep", "title", "screen"]) as title:
        try:
            return _has_changed(title.pid)
        finally:
            title.kill()


def _has_changed(pid: int) -> bool:
    """Does the process show dots within a second of its record?"""
    eventually(lambda: has_noted(pid), what="the probe has written its record")
    end = time.monotonic() + deadline(1)
    while time.monotonic() < end:
        if argv_of(pid)[1:] == (b"title", b"......"):
            return True
    return False


def has_noted(pid: int) -> bool:
    """Has the probe of this process id written its record?"""
    return not HAS_PROC and (place() / "records" / str(pid)).exists()


def forget_ended() -> None:
    """Remove the records of probes that have ended: their process ids will be used again."""
    if HAS_PROC:
        return
    for name in filter(str.isdigit, os.listdir(place() / "records")):
        try:
            os.kill(int(name), 0)
        except ProcessLookupError:
            (place() / "records" / name).unlink(missing_ok=True)
        except PermissionError:
            pass  # it lives, as another user


def noted(pid: int) -> Items:
    """What the probe wrote: its items by their keys, in order. Raises Unavailable if none did."""
    if not has_noted(pid):
        raise Unavailable(NEEDS_PROC)
    text = (place() / "records" / str(pid)).read_bytes()
    items: Items = {}
    while text:
        head, _, text = text.partition(b"\n")
        key, length = head.decode().split()
        items.setdefault(key, []).append(text[: int(length)])
        text = text[int(length) :]
    return items


def limits_of(items: Items) -> dict[str, tuple[str, str]]:
    """The limits, soft and hard, by name."""
    found = {}
    for line in items["limit"]:
        index, soft, hard = (int(word) for word in line.split())
        # C's long long shows an amount from 2^63 on as a negative one.
        words = ("unlimited" if n == -1 else str(n % 2**64) for n in (soft, hard))
        found[list(KNOWN)[index]] = (next(words), next(words))
    return found
