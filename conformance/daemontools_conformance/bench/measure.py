"""Run one command on one input, and measure it from outside."""

import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.bench.contestants import Contestant, Task
from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.running.processes import resident_kilobytes

_SAMPLE_MILLISECONDS = 20


@dataclass(frozen=True)
class Measurement:
    """One run: seconds until the program ended, seconds of CPU time, peak memory."""

    seconds: float
    cpu_seconds: float
    kilobytes: int
    output_bytes: int


def run(
    task: Task, contestant: Contestant, source: Path, folder: Path, through: str
) -> Measurement:
    """Run it in the empty folder with a file as its input, or a pipe (`through` is "pipe").

    A filter writes to /dev/null, or into a pipe that cat reads. Raises
    CalledProcessError if the command fails.
    """
    folder.mkdir()
    for name, content in contestant.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    helpers = []
    with source.open("rb") as file, open(os.devnull, "wb") as null:
        stdin, stdout = file.fileno(), null.fileno()
        to_close = []
        if through == "pipe":
            stdin, writer = os.pipe()
            helpers.append(subprocess.Popen(["cat"], stdin=file, stdout=writer))
            os.close(writer)
            to_close.append(stdin)
            if not task.logs:
                reader, stdout = os.pipe()
                helpers.append(subprocess.Popen(["cat"], stdin=reader, stdout=null))
                os.close(reader)
                to_close.append(stdout)
        seconds, cpu_seconds, kilobytes = _timed(task, contestant, folder, stdin, stdout, to_close)
    for helper in helpers:
        helper.wait()
    logged = _logged_bytes(folder) if task.logs else 0
    return Measurement(seconds, cpu_seconds, kilobytes, logged)


def _timed(
    task: Task, contestant: Contestant, folder: Path, stdin: int, stdout: int, to_close: list[int]
) -> tuple[float, float, int]:
    start = time.perf_counter()
    process = subprocess.Popen(
        contestant.argv,
        executable=contestant.executable,
        stdin=stdin,
        stdout=stdout,
        cwd=folder,
        env={**os.environ, **task.environment},
    )
    for descriptor in to_close:
        os.close(descriptor)
    kilobytes = _watch(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, contestant.argv)
    return seconds, usage.ru_utime + usage.ru_stime, kilobytes


def _watch(pid: int) -> int:
    """Wait until a child ends (it stays a zombie); its peak resident memory in kB.

    The peak that wait4 reports includes that of the process that forked the child,
    which is this interpreter. So read the kernel's record while the child lives.
    """
    peak = 0
    ended = select.poll()
    if sys.platform != "linux":
        raise Unavailable("needs Linux's process descriptors")
    handle = os.pidfd_open(pid)
    ended.register(handle)
    while not ended.poll(_SAMPLE_MILLISECONDS):
        peak = resident_kilobytes(pid, peak=True) or peak
    os.close(handle)
    return peak


def _logged_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "main").iterdir() if is_log(file.name))


def is_log(name: str) -> bool:
    """Is this one of the files that hold the lines of a log directory?"""
    return name == "current" or name.startswith("@")
