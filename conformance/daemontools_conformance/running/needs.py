"""What some tests need from the machine, and how to find out whether the machine has it.

A test that cannot run here is reported UNTESTED with the reason. It never looks
like a pass.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC


def _root() -> str:
    return "" if os.geteuid() == 0 else "needs root"


def _user() -> str:
    return "" if os.geteuid() != 0 else "needs an ordinary user"


def _strace() -> str:
    if not shutil.which("strace"):
        return "needs strace"
    works = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return "" if works.returncode == 0 else "strace is not permitted here"


def _attach() -> str:
    if why := _strace():
        return why
    with subprocess.Popen(["sleep", "1000"]) as sleep:
        try:
            command = ["strace", "-o", "/dev/null", "-p", str(sleep.pid)]
            subprocess.run(command, capture_output=True, check=False, timeout=0.5)
        except subprocess.TimeoutExpired:
            return ""  # strace is attached and does not end by itself
        finally:
            sleep.kill()
    return "strace may not attach to a running program here"


def _namespaces() -> str:
    # Try what the tests do: they also mount something inside.
    mounting = ["mount", "-t", "tmpfs", "tmpfs", "/proc"]
    command = ["unshare", "-m", "-p", "-f", "--mount-proc", *mounting]
    if os.geteuid() != 0:
        command[1:1] = ["-U", "-r"]
    for tool in ("unshare", "mount"):
        if not shutil.which(tool):
            return f"needs {tool}"
    works = subprocess.run(command, capture_output=True, check=False)
    return "" if works.returncode == 0 else "mount and process namespaces are not permitted here"


def _gcc() -> str:
    # A compiler is useless without the C library's headers.
    if not shutil.which("gcc"):
        return "needs gcc"
    command = ["gcc", "-shared", "-include", "stdio.h", "-xc", "/dev/null", "-o", "/dev/null"]
    works = subprocess.run(command, capture_output=True, check=False)
    return "" if works.returncode == 0 else "needs the C library's headers"


def _linux() -> str:
    return "" if HAS_PROC else NEEDS_PROC


_QUESTIONS: dict[str, Callable[[], str]] = {
    "root": _root,
    "user": _user,
    "strace": _strace,
    "attach": _attach,
    "namespaces": _namespaces,
    "gcc": _gcc,
    "linux": _linux,
}


@cache
def missing(need: str) -> str:
    """Why `need` is not met here; empty if it is. Any other need is a file, or a program."""
    question = _QUESTIONS.get(need)
    if question:
        return question()
    has_it = os.path.exists(need) if "/" in need else shutil.which(need)
    return "" if has_it else f"needs {need}"


def closed_to_others(file: str) -> str:
    """Why a user who is not the owner cannot execute this program, or enter this folder.

    Empty if nothing forbids it. The program's own folders count, and so do those of a
    script's interpreter.
    """
    real = Path(os.path.realpath(file))
    for step in (real, *real.parents):
        if not step.stat().st_mode & 0o001:
            return f"needs a place that other users can reach, but {step} is closed to them"
    if real.is_dir():
        return ""
    with real.open("rb") as content:
        first_line = content.readline(300)
    if first_line.startswith(b"#!"):
        return closed_to_others(os.fsdecode(first_line[2:].split()[0]))
    return ""
