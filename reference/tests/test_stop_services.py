"""packaging/stop-services: services, then loggers; with and without their supervises."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from companion import COUNTING, launchers, service, wait_until, whole_starts

from daemontools import logs, services

SCRIPT = Path(__file__).parents[2] / "packaging/stop-services"
STUBBORN = "trap '' TERM\nwhile :; do sleep 0.1; done"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin")).parent


class Tree:
    """A counting service with a log under svscan."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.counting = service(folder / "counting", COUNTING)
        self.folder = folder
        self.path = {"PATH": f"{programs}:/usr/bin:/bin"}
        self.svscan = subprocess.Popen(["svscan", folder], env=self.path, process_group=0)
        wait_until(lambda: len(self.lines()) > 2, "it counts")

    def lines(self) -> list[bytes]:
        """What the counting service has written."""
        main = self.counting / "log/main"
        return [line.text for line in logs.lines(main)] if (main / "current").exists() else []

    def kill_svscan(self) -> None:
        """End svscan, and nothing else."""
        self.svscan.kill()
        self.svscan.wait()

    def stop(self, *words: str) -> int:
        """Run the script; its exit code."""
        # The script puts /command first, where another implementation may be.
        call = ["sh", "-c", SCRIPT.read_text().replace("/command:", ""), "stop", *words]
        return subprocess.run(call, env=self.path, check=False, timeout=60).returncode


@pytest.fixture
def tree(tmp_path: Path, programs: Path) -> Iterator[Tree]:
    made = Tree(tmp_path / "tree", programs)
    yield made
    try:
        os.killpg(made.svscan.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    made.svscan.wait()


def test_svscan_and_the_supervises_go_on(tree: Tree) -> None:
    assert tree.stop(str(tree.folder)) == 0
    for directory in (tree.counting, tree.counting / "log"):
        status = services.status(directory)
        assert (status.pid, status.problem) == (0, "")
    assert tree.svscan.poll() is None
    assert whole_starts(tree.lines()) == 1


def test_without_svscan_the_supervises_end_too(tree: Tree) -> None:
    tree.kill_svscan()
    assert tree.stop("-x", str(tree.folder)) == 0
    for directory in (tree.counting, tree.counting / "log"):
        assert services.status(directory).problem == services.NOT_RUNNING
    assert whole_starts(tree.lines()) == 1


def test_a_running_svscan_starts_again_what_x_has_ended(tree: Tree) -> None:
    before = services.status(tree.counting).pid
    tree.stop("-x", str(tree.folder))
    wait_until(lambda: services.status(tree.counting).pid not in (0, before), "it is up")
    assert tree.svscan.poll() is None


@pytest.mark.parametrize(
    ("option", "problem"), [([], ""), (["-x"], services.NOT_RUNNING)], ids=["stay", "leave"]
)
def test_a_service_that_is_late_is_killed_and_the_loggers_end(
    tree: Tree, option: list[str], problem: str
) -> None:
    (tree.counting / "run").write_text(f"#!/bin/sh\necho stubborn\n{STUBBORN}\n")
    subprocess.run(["svc", "-t", tree.counting], env=tree.path, check=True)
    wait_until(lambda: tree.lines()[-1] == b"stubborn", "it ignores TERM")
    if option:
        tree.kill_svscan()
    begun = time.monotonic()
    assert tree.stop(*option, str(tree.folder), "1") == 1
    assert time.monotonic() - begun > 0.9
    for directory in (tree.counting, tree.counting / "log"):
        status = services.status(directory)
        assert (status.pid, status.problem) == (0, problem)


def test_a_service_has_a_minute(tmp_path: Path) -> None:
    (tmp_path / "tree/stubborn").mkdir(parents=True)
    acts = {
        "sleep": f'echo "$1" >> {tmp_path}/slept',
        "svc": f"case $1 in -k) touch {tmp_path}/killed; esac",
        "svstat": f"test -e {tmp_path}/killed || echo ': up '",
    }
    for name, act in acts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{act}\n")
        (tmp_path / name).chmod(0o755)
    call = SCRIPT.read_text().replace("/command:/usr/local/bin", str(tmp_path))
    words = ["sh", "-c", call, "stop", str(tmp_path / "tree")]
    assert subprocess.run(words, check=False, timeout=60).returncode == 1
    slept = (tmp_path / "slept").read_text().split()
    assert round(sum(float(seconds) for seconds in slept)) == 60


def test_an_orphan_that_holds_the_pipe_does_not_hold_the_logger(tree: Tree) -> None:
    run = tree.counting / "run"
    run.write_text(run.read_text().replace("n=0;", "sleep 1000 & n=0;"))
    subprocess.run(["svc", "-t", tree.counting], env=tree.path, check=True)
    wait_until(lambda: tree.lines().count(b"start") == 2, "the second start")
    wait_until(lambda: tree.lines()[-1].startswith(b"line"), "it counts")
    tree.kill_svscan()
    assert tree.stop("-x", str(tree.folder)) == 0
    assert services.status(tree.counting / "log").problem == services.NOT_RUNNING
    assert whole_starts(tree.lines()) == 2


@pytest.mark.parametrize("option", [[], ["-x"]])
def test_a_tree_without_services(programs: Path, tmp_path: Path, option: list[str]) -> None:
    (tmp_path / "tree").mkdir()
    path = {"PATH": f"{programs}:/usr/bin:/bin"}
    call = [str(SCRIPT), *option, str(tmp_path / "tree")]
    assert subprocess.run(call, env=path, check=False, timeout=60).returncode == 0
