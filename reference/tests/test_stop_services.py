"""packaging/stop-services: services, then loggers; with and without their supervises."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from companion import (
    COUNTING,
    behind_its_service,
    is_up,
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
        self.shell = ["sh"]
        self.path = {"PATH": f"{programs}:/usr/bin:/bin"}
        # A session, as under an init: else svscan's end would orphan its group, and the kernel
        # sends HUP and CONT to an orphaned group with a paused member.
        call: list[str | Path] = ["svscan", folder]
        self.svscan = subprocess.Popen(call, env=self.path, start_new_session=True)
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
        # The script puts folders first where another implementation may be.
        script = SCRIPT.read_text().replace("/command:/usr/local/bin:", "")
        call = [*self.shell, "-c", script.replace("/proc/uptime", self.clock), "stop", *words]
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


@pytest.mark.parametrize("shell", [["sh"], ["dash"], ["busybox", "sh"]], ids=" ".join)
def test_without_svscan_the_supervises_end_too(tree: Tree, shell: list[str]) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"needs {shell[0]}")
    tree.shell = shell
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
        "svstat": f"{is_late} && echo ': up ' || echo ': down '",
        "svok": f"{is_late} || exit 100" if option else "exit 0",
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


def test_a_logger_within_a_line_reads_to_the_end_if_nothing_holds_its_pipe(tree: Tree) -> None:
    (tree.counting / "run").write_text("#!/bin/sh\nprintf 'whole\nhalf'\nexec sleep 1000\n")
    subprocess.run(["svc", "-t", tree.counting], env=tree.path, check=True)
    wait_until(lambda: tree.lines()[-1] == b"whole", "the second start")
    tree.kill_svscan()
    assert (tree.stop("-x", str(tree.folder)), tree.said) == (0, "")
    assert tree.lines()[-1] == b"half"


@pytest.mark.parametrize("option", [[], ["-x"]])
def test_a_tree_without_services(programs: Path, tmp_path: Path, option: list[str]) -> None:
    (tmp_path / "tree").mkdir()
    path = {"PATH": f"{programs}:/usr/bin:/bin"}
    call = [str(SCRIPT), *option, str(tmp_path / "tree")]
    assert subprocess.run(call, env=path, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("code", [1, 2])
def test_a_logger_that_is_down_is_named(tree: Tree, code: int) -> None:
    log = tree.counting / "log"
    subprocess.run(["svc", "-d", log], env=tree.path, check=True)
    wait_until(lambda: not is_up(log), "the logger is down")
    if code == 2:
        (tree.folder / "odd/supervise/ok").mkdir(parents=True)
    tree.kill_svscan()
    assert tree.stop("-x", str(tree.folder)) == code
    said = f"stop-services: {log} is down: what is in its pipe is lost"
    assert tree.said.splitlines()[-1] == said
    assert not tree.lines()[-1].startswith(b"end")
    assert services.status(tree.counting).problem == services.NOT_RUNNING


def test_after_a_stop_without_x_each_logger_is_down_and_named(tree: Tree) -> None:
    tree.kill_svscan()
    assert tree.stop(str(tree.folder)) == 0
    assert tree.stop("-x", str(tree.folder)) == 1
    assert f"{tree.counting / 'log'} is down: " in tree.said


def processor_works(tree: Tree) -> Path:
    """The logger, at the beginning of three seconds in which its processor works; no svscan."""
    log = tree.counting / "log"
    (log / "run").write_text("#!/bin/sh\nexec multilog t '!sleep 3; cat' ./main\n")
    pid = services.status(log).pid
    subprocess.run(["svc", "-t", log], env=tree.path, check=True)
    wait_until(lambda: services.status(log).pid not in (0, pid), "the new run has started")
    tree.kill_svscan()

    def has_begun() -> bool:
        subprocess.run(["svc", "-a", log], env=tree.path, check=True)
        return (log / "main/previous").exists()

    wait_until(has_begun, "the processor has a file")
    return log


def test_a_logger_that_is_wanted_down_is_named(tree: Tree) -> None:
    log = processor_works(tree)
    subprocess.run(["svc", "-d", log], env=tree.path, check=True)
    wait_until(lambda: services.status(log).wanted == "down", "d is obeyed")
    assert tree.stop("-x", str(tree.folder)) == 1
    lost = "is wanted down: what it leaves in its pipe is lost"
    assert tree.said == f"stop-services: {log} {lost}\n"
    assert not tree.lines()[-1].startswith(b"end")


def test_a_logger_that_had_term_before_is_not_named(tree: Tree) -> None:
    subprocess.run(["svc", "-t", processor_works(tree)], env=tree.path, check=True)
    assert (tree.stop("-x", str(tree.folder)), tree.said) == (0, "")
    assert not tree.lines()[-1].startswith(b"end")


# As svstat sees a logger that has read to the end, in the instant before its next start.
BETWEEN = """#!/bin/sh
for directory; do
    case $directory in
        */log) echo "$directory: down 0 seconds, normally up, want up" ;;
        *) PATH=${PATH#*:} svstat "$directory" ;;
    esac
done
"""


# And a service before its next start, when it is asked for the first time.
BETWEEN_ONCE = """#!/bin/sh
for directory; do
    case $directory in
        */log) ;;
        *)
            if mkdir "$0.asked" 2>/dev/null; then
                echo "$directory: down 0 seconds, normally up, want up"
                continue
            fi
            ;;
    esac
    PATH=${PATH#*:} svstat "$directory"
done
"""


def ask(tree: Tree, svstat: Path, text: str) -> None:
    """Let the script ask another svstat."""
    svstat.parent.mkdir()
    svstat.write_text(text)
    svstat.chmod(0o755)
    tree.path = {"PATH": f"{svstat.parent}:{tree.path['PATH']}"}


def test_a_logger_between_two_starts_is_not_named(tree: Tree, tmp_path: Path) -> None:
    ask(tree, tmp_path / "between/svstat", BETWEEN)
    tree.kill_svscan()
    assert (tree.stop("-x", str(tree.folder)), tree.said) == (0, "")
    assert whole_starts(tree.lines()) == 1


def test_a_service_between_two_starts_is_waited_for(tree: Tree, tmp_path: Path) -> None:
    ask(tree, tmp_path / "between/svstat", BETWEEN_ONCE)
    slow = COUNTING.replace("echo end", "sleep 2; echo end")
    (tree.counting / "run").write_text(f"#!/bin/sh\n{slow}\n")
    subprocess.run(["svc", "-t", tree.counting], env=tree.path, check=True)
    wait_until(lambda: tree.lines()[-2:] == [b"start", b"line 1"], "it is started again")
    assert (tree.stop(str(tree.folder)), tree.said) == (0, "")
    assert whole_starts(tree.lines()) == 2


def test_a_logger_that_was_started_once_reads_to_the_end(tree: Tree) -> None:
    subprocess.run(["svc", "-o", tree.counting / "log"], env=tree.path, check=True)
    wait_until(lambda: services.status(tree.counting / "log").wanted != "up", "o is obeyed")
    tree.kill_svscan()
    assert (tree.stop("-x", str(tree.folder)), tree.said) == (0, "")
    assert whole_starts(tree.lines()) == 1


def test_a_paused_logger_reads_to_the_end(tree: Tree) -> None:
    subprocess.run(["svc", "-p", tree.counting / "log"], env=tree.path, check=True)
    wait_until(lambda: services.status(tree.counting / "log").is_paused, "the logger is paused")
    tree.kill_svscan()
    assert (tree.stop("-x", str(tree.folder)), tree.said) == (0, "")
    assert whole_starts(tree.lines()) == 1


def test_a_logger_that_cannot_start_is_not_named(tree: Tree) -> None:
    log = tree.counting / "log"
    (log / "run").write_text("#!/bin/sh\nexit 1\n")
    subprocess.run(["svc", "-t", log], env=tree.path, check=True)
    pid = services.status(log).pid
    wait_until(lambda: services.status(log).pid != pid, "it is started again")
    lines = len(tree.lines())
    tree.kill_svscan()
    assert tree.stop("-x", str(tree.folder)) == 0
    assert (tree.said, len(tree.lines())) == ("", lines)


# What it cannot stop


def test_what_has_no_name_or_no_supervise_goes_on_without_a_word(tree: Tree) -> None:
    removed = service(tree.folder / "removed", "exec sleep 1000", log=False)
    orphan = service(tree.folder / "orphan", "exec sleep 1000", log=False)
    wait_until(lambda: is_up(removed) and is_up(orphan), "both are up")
    dotted = service(tree.folder / "dotted", "exec sleep 1000", log=False)
    wait_until(lambda: is_up(dotted), "this one too")
    pids = [services.status(directory).pid for directory in (removed, orphan, dotted)]
    supervise = int(Path(f"/proc/{pids[1]}/stat").read_text().rpartition(")")[2].split()[1])
    tree.kill_svscan()
    removed.rename(tree.folder.parent / "removed")
    dotted.rename(tree.folder / ".dotted")
    os.kill(supervise, signal.SIGKILL)
    assert (tree.stop("-x", str(tree.folder)), tree.said) == (0, "")
    states = [Path(f"/proc/{pid}/stat").read_text().split()[1:3] for pid in pids]
    assert states == [["(sleep)", "S"]] * 3


@pytest.mark.parametrize("seconds", ["abc", "1m", "1.5", "-x", "08", "9" * 10])
def test_what_is_no_number_of_seconds_is_refused_before_a_letter_is_sent(
    tmp_path: Path, seconds: str
) -> None:
    for name in ("svc", "svok", "svstat"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tree/web").mkdir(parents=True)
    script = SCRIPT.read_text().replace("/command:/usr/local/bin", str(tmp_path))
    words = ["sh", "-c", script, "stop", "-x", str(tmp_path / "tree"), seconds]
    ended = subprocess.run(words, check=False, timeout=60, stderr=subprocess.PIPE, text=True)
    said = f"stop-services: {seconds} is not a number of seconds\n"
    assert (ended.returncode, ended.stderr) == (2, said)
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_tree_is_refused(tree: Tree, name: str) -> None:
    given = tree.folder.parent / name
    (tree.folder.parent / "file").touch()
    assert tree.stop("-x", str(given)) == 2
    assert tree.said == f"stop-services: {given} is not a directory\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs as other users")
@pytest.mark.parametrize("mode", [0o744, 0o733])
def test_a_tree_into_which_the_user_may_not_look_is_refused(mode: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(mode)
        call = ["sh", "-c", SCRIPT.read_text(), "stop", folder]
        ended = subprocess.run(
            call, check=False, stderr=subprocess.PIPE, text=True, user=65534, cwd="/"
        )
    said = f"stop-services: {folder} is closed to this user\n"
    assert (ended.returncode, ended.stderr) == (2, said)


@pytest.mark.parametrize("missing", ["svc", "svok", "svstat"])
def test_without_one_of_its_programs_it_stops_nothing(tree: Tree, missing: str) -> None:
    some = tree.folder.parent / "some"
    some.mkdir()
    for name in {"sh", "svc", "svok", "svstat"} - {missing}:
        found = shutil.which(name, path=tree.path["PATH"])
        (some / name).symlink_to(str(found))
    tree.path = {"PATH": str(some)}
    assert tree.stop(str(tree.folder)) == 2
    assert tree.said == f"stop-services: {missing} is not on the PATH {some}\n"
    assert is_up(tree.counting)


@pytest.mark.parametrize("option", [[], ["-x"]])
def test_what_svok_cannot_tell_is_said_and_the_others_are_stopped(
    tree: Tree, option: list[str]
) -> None:
    odd = tree.folder / "odd"
    (odd / "supervise/ok").mkdir(parents=True)
    (tree.folder / "a file").touch()
    if option:
        tree.kill_svscan()
    assert tree.stop(*option, str(tree.folder)) == 2
    assert tree.said.splitlines() == [
        f"svok: fatal: unable to open {odd}/supervise/ok: is a directory",
        f"stop-services: {odd} is left: nobody can tell whether it runs",
    ]
    assert whole_starts(tree.lines()) == 1
    assert not is_up(tree.counting / "log")
