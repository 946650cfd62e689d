"""packaging/stop-services: services, then loggers; with and without their supervises."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from companion import (
    COUNTING,
    behind_its_service,
    launchers,
    numbers,
    service,
    wait_until,
    whole_starts,
)

from daemontools import logs, services

pytestmark = pytest.mark.once

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
        self.said = ""
        self.clock = "/proc/uptime"
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
        """Run the script; its exit code. What it says is in `said`."""
        # The script puts /command first, where another implementation may be.
        script = SCRIPT.read_text().replace("/command:", "").replace("/proc/uptime", self.clock)
        call = ["sh", "-c", script, "stop", *words]
        ended = subprocess.run(
            call, env=self.path, check=False, timeout=600, stderr=subprocess.PIPE, text=True
        )
        self.said = ended.stderr
        return ended.returncode


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
    assert tree.said == f"stop-services: {tree.counting} is late: it gets KILL\n"
    for directory in (tree.counting, tree.counting / "log"):
        status = services.status(directory)
        assert (status.pid, status.problem) == (0, problem)


@pytest.mark.parametrize(
    ("option", "late", "act"),
    [([], "", "-k"), ([], "/log", ""), (["-x"], "", "-k"), (["-x"], "/log", "-dx")],
    ids=["service", "logger", "service with -x", "logger with -x"],
)
def test_each_has_a_minute(tmp_path: Path, option: list[str], late: str, act: str) -> None:
    (tmp_path / "tree/stubborn/log").mkdir(parents=True)
    directory = f"{tmp_path}/tree/stubborn{late}"
    clock, asked, told = (tmp_path / name for name in ("clock", "asked", "told"))
    clock.write_text("100.00 0.00\n")
    pass_time = "read -r c _ < {0}; c=$((${{c%.*}} + {1})); echo $c.00 0.00 > {0}"
    # A busy machine: the answer takes two seconds, and so does a sleep of 0.1 s.
    takes = pass_time.format(clock, 2)
    is_late = f"[ $1 = {directory} ] && [ ! -e {told} ] && {{ cat {clock} >> {asked}; {takes}; }}"
    acts = {
        "sleep": takes,
        "svc": f'case "$1 $2" in "{act} {directory}") cp {clock} {told} ;; esac',
        "svstat": f"{is_late} && echo ': up '",
        "svok": is_late,
    }
    for name, text in acts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = SCRIPT.read_text().replace("/proc/uptime", str(clock))
    call = script.replace("/command:/usr/local/bin", str(tmp_path))
    words = ["sh", "-c", call, "stop", *option, str(tmp_path / "tree")]
    ended = subprocess.run(words, check=False, timeout=60, stderr=subprocess.PIPE, text=True)
    begin = float(asked.read_text().split()[0])
    end = float((told if act else clock).read_text().split()[0])
    assert 60 <= end - begin <= 68  # the last answer before, and a few after
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"stop-services: {directory} is late: it ")


def test_a_system_without_proc_uptime_has_a_limit_too(tree: Tree) -> None:
    (tree.counting / "run").write_text(f"#!/bin/sh\necho stubborn\n{STUBBORN}\n")
    subprocess.run(["svc", "-t", tree.counting], env=tree.path, check=True)
    wait_until(lambda: tree.lines()[-1] == b"stubborn", "it ignores TERM")
    tree.clock = "/proc/none"
    begun = time.monotonic()
    assert tree.stop(str(tree.folder), "3") == 1
    assert time.monotonic() - begun > 1.9  # date shows whole seconds
    assert tree.said == f"stop-services: {tree.counting} is late: it gets KILL\n"


def behind(tree: Tree, seconds: int) -> Path:
    """A service whose logger has just begun with much to do, and no svscan."""
    made = behind_its_service(tree.folder.parent / "wordy", seconds)
    wordy = made.rename(tree.folder / "wordy")
    wait_until((wordy / "log/main/previous").exists, "the logger has its first file")
    tree.kill_svscan()
    return wordy


def test_a_slow_logger_reads_to_the_end(tree: Tree) -> None:
    wordy = behind(tree, seconds=2)
    assert tree.stop("-x", str(tree.folder)) == 0
    assert numbers(wordy) == [*range(1, 101)]
    assert tree.said == ""


def test_a_logger_that_gets_too_little_time_is_named(tree: Tree) -> None:
    log = behind(tree, seconds=1000) / "log"
    assert tree.stop("-x", str(tree.folder), "1") == 1
    late = f"stop-services: {log} is late: it"
    assert tree.said == f"{late} gets TERM\n{late} is left\n"


def test_a_logger_that_is_down_loses_its_pipe_without_a_word(tree: Tree) -> None:
    log = tree.counting / "log"
    subprocess.run(["svc", "-d", log], env=tree.path, check=True)
    wait_until(lambda: services.status(log).pid == 0, "the logger is down")
    tree.kill_svscan()
    assert tree.stop("-x", str(tree.folder)) == 0
    assert tree.said == ""
    assert not any(line.startswith(b"end") for line in tree.lines())


def test_an_orphan_that_holds_the_pipe_does_not_hold_the_logger(tree: Tree) -> None:
    run = tree.counting / "run"
    run.write_text(run.read_text().replace("n=0;", "sleep 1000 & n=0;"))
    subprocess.run(["svc", "-t", tree.counting], env=tree.path, check=True)
    wait_until(lambda: tree.lines().count(b"start") == 2, "the second start")
    wait_until(lambda: tree.lines()[-1].startswith(b"line"), "it counts")
    tree.kill_svscan()
    assert tree.stop("-x", str(tree.folder), "2") == 1
    assert tree.said == f"stop-services: {tree.counting}/log is late: it gets TERM\n"
    assert services.status(tree.counting / "log").problem == services.NOT_RUNNING
    assert whole_starts(tree.lines()) == 2


def test_a_logger_within_a_line_is_left(tree: Tree) -> None:
    run = tree.counting / "run"
    run.write_text("#!/bin/sh\nprintf 'whole\\nhalf'\nsleep 1000 &\nexec sleep 1000\n")
    subprocess.run(["svc", "-t", tree.counting], env=tree.path, check=True)
    wait_until(lambda: tree.lines()[-1] == b"whole", "the second start")
    tree.kill_svscan()
    assert tree.stop("-x", str(tree.folder), "1") == 1
    late = f"stop-services: {tree.counting}/log is late: it"
    assert tree.said == f"{late} gets TERM\n{late} is left\n"


@pytest.mark.parametrize("option", [[], ["-x"]])
@pytest.mark.parametrize("answer", [111, 127])
def test_what_cannot_be_asked_is_named(tmp_path: Path, option: list[str], answer: int) -> None:
    one = service(tmp_path / "tree/one", COUNTING)
    (tmp_path / "tree/file").touch()
    script = SCRIPT.read_text().replace("/command:/usr/local/bin", str(tmp_path / "first"))
    (tmp_path / "first").mkdir()
    if answer == 111:  # as svok's in a directory that is another user's
        for name, code in (("svc", 0), ("svstat", 1), ("svok", 111)):
            (tmp_path / "first" / name).write_text(f"#!/bin/sh\nexit {code}\n")
            (tmp_path / "first" / name).chmod(0o755)
    call = ["/bin/sh", "-c", script, "stop", *option, str(tmp_path / "tree")]
    path = {"PATH": f"{tmp_path}/first"}
    ended = subprocess.run(call, env=path, check=False, timeout=60, stderr=subprocess.PIPE)
    said = [line for line in ended.stderr.decode().splitlines() if line.startswith("stop-s")]
    assert said == [f"stop-services: {name} cannot be asked" for name in (one, one / "log")]
    assert ended.returncode == 1


@pytest.mark.parametrize("option", [[], ["-x"]])
def test_a_tree_without_services(programs: Path, tmp_path: Path, option: list[str]) -> None:
    (tmp_path / "tree").mkdir()
    path = {"PATH": f"{programs}:/usr/bin:/bin"}
    call = [str(SCRIPT), *option, str(tmp_path / "tree")]
    assert subprocess.run(call, env=path, check=False, timeout=60).returncode == 0
