"""What the tests of the command `daemontools` share: its launcher, and a tree of services."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from daemontools import install, logs, services

# A run script for `service`: each start is whole in the log, or a line was lost.
# The number and its line are one command: a trap cannot run between them.
COUNTING = """\
trap 'echo end $n; exit' TERM
n=0; echo start
while :; do echo line $((n += 1)); sleep 0.1; done"""


def run(command: Path, *words: str | Path, umask: int = -1) -> "subprocess.CompletedProcess[str]":
    """Run a subcommand to its end."""
    call = [command, *words]
    return subprocess.run(
        call, capture_output=True, text=True, timeout=60, check=False, umask=umask
    )


def launchers(folder: Path) -> Path:
    """Install all launchers; the path of the companion's."""
    library = str(Path(install.__file__).parent.parent)
    install.install(folder, sys.executable, library)
    return folder / install.COMPANION


def service(directory: Path, run: str, *, log: bool = True, down: bool = False) -> Path:
    """Make a service; `run` is the last line of its ./run."""
    scripts = {directory: f"exec 2>&1\n{run}"}
    if log:
        scripts[directory / "log"] = "exec multilog t ./main"
        (directory / "log/main").mkdir(parents=True)
    for folder, text in scripts.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "run").chmod(0o755)
    if down:
        (directory / "down").touch()
    return directory


# A hundred lines with numbers at once, each before a long line.
WORDY = """\
i=0
while [ $i -lt 100 ]; do i=$((i + 1)); echo $i; printf '%099d\\n' 0; done
exec sleep 1000"""


def behind_its_service(directory: Path, seconds: int = 2) -> Path:
    """Make a service that is wordy, and whose logger needs so long for each of two files."""
    service(directory, WORDY)
    slow = f"exec multilog s4096 n50 '!sleep {seconds}; cat' ./main"
    (directory / "log/run").write_text(f"#!/bin/sh\n{slow}\n")
    return directory


def numbers(directory: Path) -> list[int]:
    """What is in the log of a service that is wordy, without the long lines."""
    lines = [line.text for line in logs.lines(directory / "log/main")]
    return [int(text) for text in lines if len(text) < 99]


@contextmanager
def supervised(tree: Path, commands: Path) -> Iterator[Path]:
    """The tree under svscan; all that it has started is ended afterwards."""
    path = {**os.environ, "PATH": f"{commands}:/usr/bin:/bin"}
    svscan = subprocess.Popen(
        [commands / "svscan", tree], env=path, stderr=subprocess.DEVNULL, process_group=0
    )
    try:
        yield tree
    finally:
        os.killpg(svscan.pid, signal.SIGKILL)
        svscan.wait()


def wait_until(condition: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Wait for at most a minute."""
    end = time.monotonic() + 60
    while not condition():
        said = what if isinstance(what, str) else what()
        assert time.monotonic() < end, f"not in time: {said}"
        time.sleep(0.02)


def is_up(directory: Path) -> bool:
    """Does the process of the service exist?"""
    return services.status(directory).pid != 0


def whole_starts(lines: list[bytes]) -> int:
    """How often the service was started; AssertionError if a line is lost or doubled."""
    starts = b"\n".join(lines).split(b"start\n")
    assert starts.pop(0) == b""
    for start in starts:
        *counted, end = start.splitlines()
        assert counted == [b"line %d" % n for n in range(1, len(counted) + 1)]
        assert end == b"end %d" % len(counted)
    return len(starts)
