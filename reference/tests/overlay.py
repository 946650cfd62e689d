"""A copy of this machine in namespaces of its own: what a test changes there is gone afterwards."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Machine:
    """An overlay over the root folder of this machine, and processes that see only each other."""

    def __init__(self, scratch: Path) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        layers = ",".join(f"{name}={scratch / name}" for name in ("upperdir", "workdir"))
        script = f"""set -e
            mount -t tmpfs none {scratch}
            mkdir {scratch}/upperdir {scratch}/workdir {scratch}/root
            mount -t overlay -o lowerdir=/,{layers} none {scratch}/root
            mount --rbind /dev {scratch}/root/dev
            mount -t proc none {scratch}/root/proc
            exec chroot {scratch}/root sh -c 'echo ready; exec sleep infinity'"""
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.is_ready = self.process.stdout.readline() == "ready\n"

    @property
    def pid(self) -> int:
        """The process that this machine consists of, as seen from outside."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    @property
    def root(self) -> Path:
        """Its root folder, as seen from outside."""
        return Path(f"/proc/{self.pid}/root")

    def start(self, *command: str | Path) -> "subprocess.Popen[bytes]":
        """Start a command there, which may go on until the end."""
        null = subprocess.DEVNULL
        self.started.append(
            subprocess.Popen(self.enter(*command), env=ENVIRONMENT, stdout=null, stderr=null)
        )
        return self.started[-1]

    def run(self, *command: str | Path) -> str:
        """Run a command there; it must not fail. Returns what it said."""
        ended = subprocess.run(
            self.enter(*command),
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{command}: {ended.stdout}"
        return ended.stdout

    def enter(self, *command: str | Path) -> list[str | Path]:
        """The words that run a command there."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--root", "--wd=/"]
        return [*enter, *command]

    def close(self) -> None:
        """End all that runs there."""
        self.process.kill()
        self.process.communicate()
        for started in self.started:
            started.wait()


@contextmanager
def copy_of_this_machine(scratch: Path) -> Iterator[Machine]:
    """A copy, which ends at the end; the test is skipped where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = Machine(scratch)
    try:
        if not made.is_ready:
            pytest.skip("needs namespaces and overlay file systems")
        yield made
    finally:
        made.close()
