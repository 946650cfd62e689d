"""`daemontools wait`: it returns when it is so, and says what is missing when it is not."""

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from companion import is_up, launchers, run, service, supervised, wait_until

from daemontools import services
from daemontools.companion import wait, when


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def tree(tmp_path: Path, command: Path) -> Iterator[Path]:
    service(tmp_path / "tree/clock", "exec sleep 1000", log=False)
    service(tmp_path / "tree/spare", "exec sleep 1000", log=False, down=True)
    with supervised(tmp_path / "tree", command.parent) as tree:
        wait_until(lambda: is_up(tree / "clock"), "clock is up")
        yield tree


def svc(command: Path, letters: str, directory: Path) -> None:
    subprocess.run([command.parent / "svc", letters, directory], check=True)


def test_it_returns_at_once_if_it_is_so(tree: Path, command: Path) -> None:
    assert run(command, "wait", "up", tree / "clock").returncode == 0
    assert run(command, "wait", "down", tree / "spare").returncode == 0


def test_it_returns_when_all_are_so(tree: Path, command: Path) -> None:
    waiting = subprocess.Popen([command, "wait", "up", tree / "clock", tree / "spare"])
    svc(command, "-u", tree / "spare")
    assert waiting.wait(60) == 0
    assert is_up(tree / "spare")


def test_one_that_has_left_the_state_is_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = {"clock": [4711, 0, 4711, 4711], "spare": [0, 4712, 4712, 4712]}  # process ids

    def status(directory: Path) -> services.Status:
        return services.Status(directory, looks[directory.name].pop(0), wanted="up")

    monkeypatch.setattr(services, "status", status)
    both = [Path("clock"), Path("spare")]
    assert wait.main(argparse.Namespace(state="up", directory=both, t=None, s=3)) == 0
    assert looks == {"clock": [], "spare": []}


def test_it_says_what_is_missing_in_time(tree: Path, command: Path) -> None:
    answer = run(command, "wait", "-t", "0.2", "up", tree / "clock", tree / "spare")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"daemontools wait: {tree}/spare: down ")


def test_down_is_a_service_that_will_not_start_again(tree: Path, command: Path) -> None:
    svc(command, "-d", tree / "clock")
    assert run(command, "wait", "-t", "30", "down", tree / "clock").returncode == 0
    assert not is_up(tree / "clock")


def test_steady_is_the_same_process_for_a_while(tree: Path, command: Path) -> None:
    svc(command, "-t", tree / "clock")
    begun = time.monotonic()
    assert run(command, "wait", "-s", "1.5", "steady", tree / "clock").returncode == 0
    assert time.monotonic() - begun > 0.5


def test_a_clock_that_was_set_back_keeps_no_service_from_being_steady(
    tree: Path, command: Path
) -> None:
    assert run(command, "wait", "-s", "2", "steady", tree / "clock").returncode == 0
    status = tree / "clock/supervise/status"  # supervise writes no other, after its first second
    stamp = status.read_bytes()
    an_hour_later = int.from_bytes(stamp[:8], "big") + 3600
    status.write_bytes(an_hour_later.to_bytes(8, "big") + stamp[8:])
    assert run(command, "wait", "-t", "9", "steady", tree / "clock").returncode == 0


def test_a_clock_that_was_set_forward_makes_no_service_steady(tree: Path, command: Path) -> None:
    assert run(command, "wait", "-s", "2", "steady", tree / "clock").returncode == 0
    status = tree / "clock/supervise/status"  # supervise writes no other, after its first second
    stamp = status.read_bytes()
    a_day_before = int.from_bytes(stamp[:8], "big") - 86400
    status.write_bytes(a_day_before.to_bytes(8, "big") + stamp[8:])
    answer = run(command, "wait", "-t", "0", "-s", "1000", "steady", tree / "clock")
    assert (answer.returncode, ": up 1 day" in answer.stderr) == (1, True)
    assert run(command, "wait", "-t", "9", "steady", tree / "clock").returncode == 0


def test_a_paused_service_is_up_and_not_steady(tree: Path, command: Path) -> None:
    svc(command, "-p", tree / "clock")
    wait_until(lambda: services.status(tree / "clock").is_paused, "it is paused")
    assert run(command, "wait", "-t", "1", "up", tree / "clock").returncode == 0
    answer = run(command, "wait", "-t", "1", "-s", "0.1", "steady", tree / "clock")
    assert answer.returncode == 1
    assert answer.stderr.endswith(", paused\n")
    # A CONT that supervise has not sent changes nothing of what it says.
    os.kill(services.status(tree / "clock").pid, signal.SIGCONT)
    assert services.status(tree / "clock").is_paused
    svc(command, "-c", tree / "clock")
    assert run(command, "wait", "-t", "9", "steady", tree / "clock").returncode == 0


def test_a_service_that_ends_at_once_is_never_steady(tree: Path, command: Path) -> None:
    service(tree / "loop", "exit 1", log=False)
    wait_until((tree / "loop/supervise/status").exists, "svscan has seen it")
    assert run(command, "wait", "-t", "3", "steady", tree / "loop").returncode == 1


def test_gone_is_a_supervise_that_has_ended(tree: Path, command: Path) -> None:
    (tree / "clock").rename(tree / ".clock")  # svscan does not start it again
    svc(command, "-dx", tree / ".clock")
    assert run(command, "wait", "-t", "30", "gone", tree / ".clock").returncode == 0


def test_gone_too_if_the_directory_goes_meanwhile(tree: Path, command: Path) -> None:
    waiting = subprocess.Popen([command, "wait", "-t", "30", "gone", tree / "spare"])
    (tree / "spare").rename(tree.parent / "elsewhere")
    svc(command, "-dx", tree.parent / "elsewhere")
    code = waiting.wait(60)
    assert code in (0, 111)  # 111: it looked for the first time after the rename


@pytest.mark.parametrize("state", ["up", "down", "steady", "gone"])
def test_a_directory_that_does_not_exist_is_said(state: str, command: Path, tmp_path: Path) -> None:
    answer = run(command, "wait", state, tmp_path / "typo")
    assert answer.returncode == 111
    said = f"daemontools wait: {tmp_path}/typo: unable to chdir: file does not exist\n"
    assert answer.stderr == said


def test_up_and_steady_mean_the_logger_too(tree: Path, command: Path) -> None:
    quiet = service(tree / "quiet", "exec sleep 1000")
    (quiet / "log/run").write_text("#!/bin/sh\nsleep 0.1; exit 1\n")
    wait_until(lambda: is_up(quiet), "it is up")
    answer = run(command, "wait", "-t", "2", "steady", quiet)
    assert (answer.returncode, f"wait: {quiet}/log: " in answer.stderr) == (1, True)
    svc(command, "-d", quiet / "log")
    wait_until(lambda: not is_up(quiet / "log"), "its logger is down")
    answer = run(command, "wait", "-t", "0.1", "up", quiet)
    assert (answer.returncode, f"wait: {quiet}/log: down" in answer.stderr) == (1, True)


def test_what_cannot_be_asked_ends_it(command: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = run(command, "wait", "up", tmp_path / "file")
    assert (answer.returncode, answer.stdout) == (111, "")
    assert answer.stderr == f"daemontools wait: {tmp_path}/file: unable to chdir: not a directory\n"


def test_it_waits_without_using_the_processor(tree: Path, command: Path) -> None:
    before = os.times()
    run(command, "wait", "-t", "2", "up", tree / "spare")
    after = os.times()
    used = after.children_user - before.children_user
    used += after.children_system - before.children_system
    assert used < 1.5


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_descriptor_changes_no_answer(command: Path, tmp_path: Path, closed: str) -> None:
    waiting = f"{command} wait -t 0 up {service(tmp_path / 's', 'exec sleep 1')} {closed}"
    answer = run(Path("/bin/sh"), "-c", waiting)
    assert (answer.returncode, answer.stdout) == (1, "")


def test_the_longest_time_can_be_waited_for() -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise InterruptedError

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    with pytest.raises(InterruptedError):
        time.sleep(when.seconds("1e300"))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["up"],
        ["sideways", "x"],
        ["-t", "x", "up", "x"],
        ["-t", "nan", "up", "x"],
        ["-s", "-1", "steady", "x"],
    ],
)
def test_wrong_words_are_a_usage_error(command: Path, words: list[str]) -> None:
    answer = run(command, "wait", *words)
    assert answer.returncode == 100
    assert answer.stderr.startswith("usage: daemontools wait ")
