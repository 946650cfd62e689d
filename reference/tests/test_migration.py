"""From djb's daemontools to the reference and back, as docs/howto/migrate.md tells, under load.

Ten logged services count. Each start of one must be whole in its log, from `start` over
every number to `end`, whichever programs ran at the time.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from companion import COUNTING, is_up, launchers, service, wait_until, whole_starts

from daemontools import logs, services
from daemontools.installing.files import is_ours

DJBS = Path(shutil.which("svscan") or "/nowhere/svscan").parent

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(
        not (DJBS / "svscan").is_file() or is_ours(DJBS / "svscan"), reason="0.76 is not installed"
    ),
]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin")).parent


class Tree:
    """Ten counting services, and the svscan that runs them now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.all = [service(folder / f"s{number}", COUNTING) for number in range(10)]
        self.svscans: list[subprocess.Popen[bytes]] = []

    def start(self, programs: Path) -> None:
        """Start svscan, and wait until each service has written something."""
        path = {"PATH": f"{programs}:/usr/bin:/bin"}
        seen = [len(self.lines(one)) for one in self.all]
        command = [programs / "svscan", self.folder]
        self.svscans.append(subprocess.Popen(command, env=path, process_group=0))
        self.wait_until_each_writes(seen)

    def wait_until_each_writes(self, seen: list[int]) -> None:
        """Wait until each log has more lines than before."""
        for one, before in zip(self.all, seen, strict=True):
            wait_until(lambda one=one, n=before: len(self.lines(one)) > n + 2, "more lines")  # type: ignore[misc]

    def stop(self, programs: Path) -> None:
        """Stop the tree in order: svscan, the services, the loggers at the end of their input."""
        self.svscans[-1].kill()
        self.svscans[-1].wait()
        for letters, directories in (("-dx", self.all), ("-x", [one / "log" for one in self.all])):
            subprocess.run([programs / "svc", letters, *directories], check=True)
            for directory in directories:
                wait_until(lambda d=directory: not self.runs(d), "it is gone")  # type: ignore[misc]

    def runs(self, directory: Path) -> bool:
        """Does a supervise run there?"""
        return services.status(directory).problem != services.NOT_RUNNING

    def lines(self, one: Path) -> list[bytes]:
        """What is in the log of a service, without labels."""
        return [line.text for line in logs.lines(one / "log/main")]

    def end(self) -> None:
        """Kill all that is left."""
        for svscan in self.svscans:
            try:
                os.killpg(svscan.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path / "tree")
    yield made
    made.end()


def test_there_and_back_each_service_starts_once_a_step_and_no_line_is_lost(
    tree: Tree, ours: Path
) -> None:
    tree.start(DJBS)
    pids = [services.status(one).pid for one in tree.all]

    # 1. The clients: nothing is started again.
    shown = subprocess.run([ours / "svstat", *tree.all], capture_output=True, check=True).stdout
    assert [int(pid) for pid in re.findall(rb"pid (\d+)", shown)] == pids
    for letter, paused in (("-p", True), ("-c", False)):
        # If svscan ended while one is stopped, the kernel would send HUP to the whole group.
        subprocess.run([ours / "svc", letter, *tree.all], check=True)
        wait_until(
            lambda now=paused: {services.status(one).is_paused for one in tree.all} == {now},  # type: ignore[misc]
            "all have obeyed",
        )
    assert [services.status(one).pid for one in tree.all] == pids

    # 2. svscan and the supervises. The loggers are still djb's: their run scripts say so.
    for one in tree.all:
        logger = (one / "log/run").read_text()
        (one / "log/run").write_text(logger.replace("multilog", f"{DJBS}/multilog"))
    tree.stop(ours)
    tree.start(ours)

    # 3. The loggers, by a signal: the lines in the pipe wait for the next one.
    for one in tree.all:
        logger = (one / "log/run").read_text()
        (one / "log/run").write_text(logger.replace(f"{DJBS}/multilog", f"{ours}/multilog"))
    seen = [len(tree.lines(one)) for one in tree.all]
    subprocess.run([ours / "svc", "-t", *(one / "log" for one in tree.all)], check=True)
    tree.wait_until_each_writes(seen)
    assert all(is_up(one) for one in tree.all)

    # And back.
    tree.stop(ours)
    for one in tree.all:
        (one / "log/run").write_text("#!/bin/sh\nexec multilog t ./main\n")
    tree.start(DJBS)
    tree.stop(DJBS)
    assert [whole_starts(tree.lines(one)) for one in tree.all] == [3] * 10


def test_a_supervise_can_be_replaced_under_a_running_svscan(tree: Tree, ours: Path) -> None:
    mixed = tree.folder.parent / "mixed"
    mixed.mkdir()
    for program in DJBS.glob("*"):
        if program.name in ("svscan", "supervise", "multilog"):
            (mixed / program.name).symlink_to(program)
    tree.start(mixed)
    (mixed / "new").symlink_to(ours / "supervise")
    (mixed / "new").rename(mixed / "supervise")
    for one in tree.all:
        lines = len(tree.lines(one))
        subprocess.run([DJBS / "svc", "-dx", one], check=True)
        wait_until(lambda d=one, n=lines: tree.lines(d)[n:].count(b"start") == 1, "a new start")  # type: ignore[misc]
    tree.stop(DJBS)
    assert [whole_starts(tree.lines(one)) for one in tree.all] == [2] * 10
