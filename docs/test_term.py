"""What the page on TERM says of each program: it is started, it waits, and it gets TERM."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import is_asleep

PAGE = (Path(__file__).parent / "reference/term.md").read_text()
ROWS = dict(re.findall(r"^\| ([a-z].*?) \| (.*?) \|", PAGE, re.MULTILINE))
KILLED = -signal.SIGTERM
PIPE = subprocess.PIPE
JOB = """
import subprocess, sys
job = subprocess.Popen(sys.argv[1:], process_group=0)
print(job.pid, flush=True)
job.wait()
"""
Start = Callable[..., "subprocess.Popen[bytes]"]

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def start(programs: str, tmp_path: Path) -> "Iterator[Start]":
    """A function that starts a program, with pipes if it must be talked to."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(program: str, *words: str, stdin: "int | None" = None) -> "subprocess.Popen[bytes]":
        command = [f"{programs}/{program}", *words]
        env = {"PATH": f"{programs}:/usr/bin:/bin"}
        begun = subprocess.Popen(
            command, cwd=tmp_path, env=env, bufsize=0, stdin=stdin, stdout=subprocess.PIPE
        )
        started.append(begun)
        return begun

    yield begin
    for process in started:
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def after_term(process: "subprocess.Popen[bytes]") -> int:
    """Send TERM and return how the process ends."""
    process.terminate()
    return process.wait(30)


def make_service(directory: Path, run: str) -> None:
    """A service directory."""
    directory.mkdir()
    (directory / "run").write_text(f"#!/bin/sh\n{run}\n")
    (directory / "run").chmod(0o755)


def wait_until_up(programs: str, service: Path) -> int:
    """Wait for ./run, and return its process id."""

    def pid() -> "re.Match[str] | None":
        seen = subprocess.run(
            [f"{programs}/svstat", service], check=False, capture_output=True, text=True
        )
        return re.search(r": up \(pid ([0-9]+)\)", seen.stdout)

    found = eventually(pid)
    assert found
    return int(found[1])


def wait_until_open(pid: int, file: Path) -> None:
    """Wait until the process has the file open and sleeps."""

    def waits() -> bool:
        names = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
        return str(file) in names and state.startswith("S")

    eventually(waits)


def wait_until_taken(pid: int) -> None:
    """Wait until no signal is pending for the process."""
    eventually(lambda: "ShdPnd:\t0000000000000000\n" in Path(f"/proc/{pid}/status").read_text())


def is_there(pid: int) -> bool:
    """Does the process run, and not only as a zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def is_stopped(pid: int) -> bool:
    """Has a signal stopped the process?"""
    return ") T " in Path(f"/proc/{pid}/stat").read_text()


def pause(programs: str, service: Path, run: int) -> None:
    """Pause a service, and wait for that."""
    subprocess.run([f"{programs}/svc", "-p", service], check=True)
    eventually(lambda: is_stopped(run))


def is_djbs(programs: str) -> bool:
    """Are these djb's programs?"""
    return programs in ("/command", "/usr/bin")


def need_directory_as_argument(programs: str, program: str) -> None:
    """Skip the test if this svscanboot scans one directory only."""
    if program == "svscanboot" and is_djbs(programs):
        pytest.skip("djb's svscanboot takes no directory")


@contextmanager
def job(programs: str, folder: Path, program: str, *words: str) -> Iterator[int]:
    """The process id of a program that is a job of a shell, as at a terminal."""
    shell = subprocess.Popen(
        [sys.executable, "-c", JOB, f"{programs}/{program}", *words],
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        cwd=folder,
        stdout=PIPE,
        start_new_session=True,
    )
    assert shell.stdout
    yield int(shell.stdout.readline())
    shell.wait()
    shell.stdout.close()


def test_svscan_is_killed_and_the_rest_goes_on(programs: str, tmp_path: Path, start: Start) -> None:
    make_service(tmp_path / "a", "exec sleep 1000")
    svscan = start("svscan")
    run = wait_until_up(programs, tmp_path / "a")
    assert after_term(svscan) == KILLED
    assert is_there(run)
    assert subprocess.run([f"{programs}/svok", tmp_path / "a"], check=False).returncode == 0


class Logged:
    """A service with a log, under svscan. At each start the service writes a number."""

    def __init__(self, programs: str, folder: Path, start: Start) -> None:
        self.programs, self.service, self.log = programs, folder / "a", folder / "a/log"
        make_service(self.service, "cat say && mv say said\nexec sleep 1000")
        make_service(self.log, "exec multilog ./main")
        (self.log / "down").touch()
        (self.service / "say").write_text("1\n")
        self.svscan = start("svscan")
        eventually((self.service / "said").exists)
        eventually(lambda: self.answers("svok", self.log) == 0)

    def answers(self, program: str, *words: "str | Path") -> int:
        """Run a program; its exit code."""
        return subprocess.run([f"{self.programs}/{program}", *words], check=False).returncode

    def say(self, number: int) -> None:
        """Have the service start once more, and write this."""
        (self.service / "said").unlink()
        (self.service / "say").write_text(f"{number}\n")
        self.answers("svc", "-t", self.service)
        eventually((self.service / "said").exists)

    def end(self, directory: Path) -> None:
        """End a service or a logger, and its supervise."""
        self.answers("svc", "-dx", directory)
        eventually(lambda: self.answers("svok", directory) == 100)

    def is_logged(self, text: str) -> bool:
        """Is this all that has been logged?"""
        current = self.log / "main/current"
        return current.exists() and current.read_text() == text


@pytest.mark.parametrize("is_paused", [False, True])
@pytest.mark.parametrize("program", ["svscan", "svscanboot"])
def test_hup_ends_a_tree_that_is_a_job_of_a_shell_if_a_service_is_paused(
    programs: str, tmp_path: Path, program: str, *, is_paused: bool
) -> None:
    need_directory_as_argument(programs, program)
    make_service(tmp_path / "a", "exec sleep 1000")
    make_service(tmp_path / "b", "exec sleep 1000")
    with job(programs, tmp_path, program, str(tmp_path)) as first:
        runs = [wait_until_up(programs, tmp_path / name) for name in "ab"]
        if is_paused:
            pause(programs, tmp_path / "a", runs[0])
        os.kill(first, signal.SIGTERM)
        eventually(lambda: not is_there(first))
        if is_paused:
            eventually(lambda: not any(map(is_there, runs)))
        else:
            never(lambda: not all(map(is_there, runs)), during=0.3)


def test_without_svscan_the_supervises_hold_the_pipe(
    programs: str, tmp_path: Path, start: Start
) -> None:
    logged = Logged(programs, tmp_path, start)
    assert after_term(logged.svscan) == KILLED
    logged.say(2)
    logged.answers("svc", "-u", logged.log)
    eventually(lambda: logged.is_logged("1\n2\n"))


def test_the_pipe_is_lost_when_logger_and_supervise_have_ended(
    programs: str, tmp_path: Path, start: Start
) -> None:
    logged = Logged(programs, tmp_path, start)
    assert after_term(logged.svscan) == KILLED
    for directory in (logged.log, logged.service):
        logged.end(directory)
    (logged.service / "say").write_text("2\n")
    (logged.log / "down").unlink()
    svscan = start("svscan")
    eventually(lambda: logged.is_logged("2\n"))
    assert after_term(svscan) == KILLED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a pid namespace")
@pytest.mark.parametrize(
    ("program", "directory"), [("svscan", ""), ("svscanboot", ""), ("supervise", "a")]
)
def test_as_process_1_a_program_ignores_term(
    programs: str, tmp_path: Path, program: str, directory: str
) -> None:
    need_directory_as_argument(programs, program)
    make_service(tmp_path / "a", "exec sleep 1000")
    command = [
        "unshare",
        "-pf",
        "--kill-child",
        "--mount-proc",
        f"{programs}/{program}",
        str(tmp_path / directory),
    ]
    env = {"PATH": f"{programs}:/usr/bin:/bin"}
    with subprocess.Popen(command, env=env) as unshare:
        wait_until_up(programs, tmp_path / "a")
        children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text()
        first = int(children.split()[0])
        os.kill(first, signal.SIGTERM)
        wait_until_taken(first)
        never(lambda: not is_there(first), during=0.5)
        unshare.kill()


def test_supervise_is_killed_and_run_goes_on(programs: str, tmp_path: Path, start: Start) -> None:
    make_service(tmp_path / "a", "exec sleep 1000")
    supervise = start("supervise", "a")
    run = wait_until_up(programs, tmp_path / "a")
    assert after_term(supervise) == KILLED
    assert is_there(run)


def test_a_paused_run_stays_paused_without_its_supervise(
    programs: str, tmp_path: Path, start: Start
) -> None:
    make_service(tmp_path / "a", "exec sleep 1000")
    supervise = start("supervise", "a")  # no job of a shell: no group becomes an orphan
    run = wait_until_up(programs, tmp_path / "a")
    pause(programs, tmp_path / "a", run)
    assert after_term(supervise) == KILLED
    os.kill(run, signal.SIGTERM)
    never(lambda: not is_stopped(run), during=0.3)
    os.kill(run, signal.SIGCONT)
    eventually(lambda: not is_there(run))


def test_hup_ends_a_paused_run_whose_supervise_was_a_job_of_a_shell(
    programs: str, tmp_path: Path
) -> None:
    make_service(tmp_path / "a", "trap 'echo hup > said' HUP\nwhile :; do sleep 0.1; done")
    with job(programs, tmp_path, "supervise", "a") as supervise:
        run = wait_until_up(programs, tmp_path / "a")
        pause(programs, tmp_path / "a", run)
        os.kill(supervise, signal.SIGTERM)
        eventually((tmp_path / "a/said").exists)
        os.kill(run, signal.SIGKILL)


@pytest.mark.parametrize(("program", "directory"), [("supervise", "a"), ("svscan", ".")])
def test_hup_ends_the_run_of_a_leader_of_a_terminals_session(
    programs: str, program: str, directory: str, tmp_path: Path
) -> None:
    make_service(tmp_path / "a", "exec sleep 1000")
    hand, terminal = os.openpty()
    leader = subprocess.Popen(
        ["setsid", "-c", f"{programs}/{program}", directory],
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        cwd=tmp_path,
        stdin=terminal,
    )
    os.close(terminal)
    run = wait_until_up(programs, tmp_path / "a")
    assert after_term(leader) == KILLED
    eventually(lambda: not is_there(run))
    os.close(hand)


def test_svscanboot_is_killed_and_the_tree_goes_on(
    programs: str, tmp_path: Path, start: Start
) -> None:
    need_directory_as_argument(programs, "svscanboot")
    make_service(tmp_path / "a", "exec sleep 1000")
    boot = start("svscanboot", str(tmp_path))
    run = wait_until_up(programs, tmp_path / "a")
    assert after_term(boot) == KILLED
    assert is_there(run)
    assert subprocess.run([f"{programs}/svok", tmp_path / "a"], check=False).returncode == 0


def test_multilog_ends_with_0_and_has_written_the_line(tmp_path: Path, start: Start) -> None:
    multilog = start("multilog", "./log", stdin=PIPE)
    assert multilog.stdin
    multilog.stdin.write(b"one\ntw")
    eventually(lambda: (tmp_path / "log/current").read_text() == "one\n")
    multilog.terminate()
    wait_until_taken(multilog.pid)
    multilog.stdin.write(b"o\nthree\n")
    assert multilog.wait(30) == 0
    assert (tmp_path / "log/current").read_text() == "one\ntwo\n"


def test_term_does_not_end_a_multilog_that_may_not_take_a_step(
    programs: str, tmp_path: Path, start: Start
) -> None:
    multilog = start("multilog", "./log", stdin=PIPE)
    assert multilog.stdin
    current = tmp_path / "log/current"
    multilog.stdin.write(b"one\n")
    eventually(lambda: current.read_text() == "one\n")
    current.unlink()
    multilog.send_signal(signal.SIGALRM)
    wait_until_taken(multilog.pid)
    multilog.terminate()
    never(lambda: multilog.poll() is not None, during=0.5)
    current.touch()  # the next try comes within five seconds
    eventually(lambda: list((tmp_path / "log").glob("@*")), within=30)
    if is_djbs(programs):  # it was busy when TERM came
        never(lambda: multilog.poll() is not None, during=0.5)
        multilog.terminate()
    assert multilog.wait(30) == 0


def test_term_does_not_end_a_multilog_that_writes_an_alert_into_a_full_pipe(
    tmp_path: Path, programs: str
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    os.set_blocking(writing, True)
    command = [f"{programs}/multilog", "e", "./log"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=PIPE, stderr=writing, bufsize=0) as multilog:
        os.close(writing)
        assert multilog.stdin
        multilog.stdin.write(b"one\ntwo\n")
        wchan = Path(f"/proc/{multilog.pid}/wchan")
        eventually(lambda: wchan.read_text().endswith("pipe_write"))
        multilog.terminate()
        never(lambda: multilog.poll() is not None, during=0.5)
        while len(os.read(reading, 65536)) == 65536:  # the reader goes on
            pass
        multilog.stdin.close()
        assert multilog.wait(30) == 0
    os.close(reading)
    assert (tmp_path / "log/current").read_text() == "one\ntwo\n"


def test_what_multilog_has_read_may_fill_files_that_are_processed_before_it_ends(
    programs: str, tmp_path: Path, start: Start
) -> None:
    processor = "!touch ../ran; until [ -e ../go ]; do sleep 0.05; done; cat"
    multilog = start("multilog", "s4096", processor, "./log", stdin=PIPE)
    assert multilog.stdin
    multilog.stdin.write(b"a line of sixteen\n" * 900)  # less than one read of the reference
    eventually((tmp_path / "ran").exists)
    multilog.terminate()
    (tmp_path / "go").touch()
    assert multilog.wait(30) == 0
    processed = len(list((tmp_path / "log").glob("@*.s")))
    assert processed == 1 if is_djbs(programs) else processed > 1


@pytest.mark.parametrize("program", ["tai64n", "tai64nlocal"])
def test_a_filter_is_killed(program: str, start: Start) -> None:
    filtering = start(program, stdin=PIPE)
    assert filtering.stdin
    assert filtering.stdout
    filtering.stdin.write(b"line\n")
    assert filtering.stdout.readline().endswith(b"line\n")
    assert after_term(filtering) == KILLED
    with pytest.raises(BrokenPipeError):
        filtering.stdin.write(b"line\n")


@pytest.mark.parametrize("program", ["tai64n", "tai64nlocal"])
def test_a_filter_that_is_killed_loses_what_it_has_not_written(program: str, start: Start) -> None:
    reading, writing = os.pipe()
    filtering = start(program, stdin=reading)
    assert filtering.stdout
    os.set_blocking(writing, False)
    lines, is_stuck = 0, False
    while not is_stuck:  # asleep, and its input is full: so is its output
        was_asleep = is_asleep(filtering.pid)
        try:
            lines += os.write(writing, b"line 7\n") // 7
        except BlockingIOError:
            is_stuck = was_asleep and lines > 9999  # more than one pipe holds
    assert after_term(filtering) == KILLED
    left = os.read(reading, 1 << 20).count(b"\n")
    assert filtering.stdout.read().count(b"\n") + left < lines
    os.write(writing, b"line 7\n")  # no SIGPIPE, since this process can read the pipe, too
    os.close(reading)
    os.close(writing)


def test_readproctitle_is_killed(start: Start) -> None:
    reading = start("readproctitle", "words:", "." * 40, stdin=PIPE)
    assert reading.stdin
    reading.stdin.write(b"seen")
    eventually(lambda: b"seen" in Path(f"/proc/{reading.pid}/cmdline").read_bytes())
    assert after_term(reading) == KILLED


@pytest.mark.parametrize("program", ["svscan", "supervise"])
def test_a_warning_that_nobody_reads_kills_djbs(
    program: str, programs: str, tmp_path: Path
) -> None:
    make_service(tmp_path / "a", "exec sleep 1000")
    (tmp_path / "b").symlink_to("nowhere")  # svscan warns of this
    (tmp_path / "a/supervise/status.new").mkdir(parents=True)  # and supervise of this
    words = [f"{programs}/{program}", *(["a"] if program == "supervise" else [])]
    env = {"PATH": f"{programs}:/usr/bin:/bin"}
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(words, cwd=tmp_path, env=env, stderr=writer) as process:
        os.close(writer)
        if is_djbs(programs):
            assert process.wait(30) == -signal.SIGPIPE
        else:
            svok = [f"{programs}/svok", tmp_path / "a"]
            eventually(lambda: subprocess.run(svok, check=False).returncode == 0)
            never(lambda: process.poll() is not None, during=0.5)
            process.kill()


def test_fghack_is_killed_and_the_daemon_goes_on(start: Start) -> None:
    fghack = start("fghack", "sh", "-c", "echo $$; exec sleep 1000")
    assert fghack.stdout
    daemon = int(fghack.stdout.readline())
    assert after_term(fghack) == KILLED
    assert is_there(daemon)


def test_setlock_is_killed_while_it_waits(tmp_path: Path, start: Start) -> None:
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = start("setlock", "lock", "touch", "ran")
        wait_until_open(waiting.pid, tmp_path / "lock")
        assert after_term(waiting) == KILLED
    assert not (tmp_path / "ran").exists()


def test_svc_is_killed_while_the_fifo_is_full(tmp_path: Path, start: Start) -> None:
    (tmp_path / "a/supervise").mkdir(parents=True)
    control = tmp_path / "a/supervise/control"
    os.mkfifo(control)
    held = os.open(control, os.O_RDWR | os.O_NONBLOCK)
    full = fcntl.fcntl(held, fcntl.F_GETPIPE_SZ)
    assert os.write(held, b"h" * full) == full
    svc = start("svc", "-u", "a")
    wait_until_open(svc.pid, control)
    assert after_term(svc) == KILLED
    assert os.read(held, full + 1) == b"h" * full
    os.close(held)


def test_svstat_is_killed_while_its_output_is_full(start: Start) -> None:
    svstat = start("svstat", *["a" * 1000] * 1000)
    assert svstat.stdout
    pipe = svstat.stdout.fileno()
    eventually(lambda: any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))) and is_asleep(svstat.pid))
    assert after_term(svstat) == KILLED


@pytest.mark.parametrize(
    "chain", ["setuidgid nobody", "envuidgid nobody", "envdir env", "softlimit -c 0", "pgrphack"]
)
def test_term_is_the_next_programs(chain: str, tmp_path: Path, start: Start) -> None:
    if chain.startswith("setuidgid") and os.geteuid() != 0:
        pytest.skip("only root may become another user")
    (tmp_path / "env").mkdir()
    program, *words = chain.split()
    text = 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
    process = start(program, *words, "sh", "-c", text)
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    assert after_term(process) == 3


def test_the_page_has_a_row_for_each_program() -> None:
    programs = Path(__file__).parent.glob("man/*.md")
    known = {page.stem for page in programs} - {"index", "daemontools"}
    assert {name for names in ROWS for name in names.split(", ")} - {"program"} == known
    assert {what for what in ROWS.values() if "kill" in what} == {
        "kills it",
        "kills it while it waits",
    }
