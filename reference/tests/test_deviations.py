"""The rows of docs/reference/deviations.md that no clause can test."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from access import is_closed_to_others, open_to_everybody

from daemontools import install

PYTHON = os.path.realpath(sys.executable)
LIBRARY = str(Path(install.__file__).parents[1])

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")


needs_open_interpreter = pytest.mark.skipif(
    is_closed_to_others(Path(PYTHON)), reason="nobody may run this interpreter"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with launchers in `bin`, `s`, a service that is down, and `env`."""
    install.install(tmp_path / "bin", PYTHON, LIBRARY)
    (tmp_path / "env").mkdir()
    (tmp_path / "service/s").mkdir(parents=True)
    (tmp_path / "service/s/down").touch()
    open_to_everybody(tmp_path)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a command there, with an open pipe as its input; it is killed when the test ends."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {"PATH": f"{folder}/bin:/usr/bin:/bin"}

    def start(*words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            process_group=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def run(
    folder: Path,
    *words: str,
    stdin: int = subprocess.DEVNULL,
    executable: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command there, with the launchers on PATH, to its end."""
    return subprocess.run(
        words,
        cwd=folder,
        env={"PATH": f"{folder}/bin:/usr/bin:/bin"},
        stdin=stdin,
        executable=executable,
        capture_output=True,
        check=False,
        timeout=60,
    )


def run_in_namespace(folder: Path, script: str) -> bytes:
    """What a shell script prints in a mount namespace of its own. Skips if there cannot be one."""
    answer = run(folder, "unshare", "-m", "sh", "-ec", f"exec 2>&1; {script}")
    if re.search(rb"unshare:|mount:", answer.stdout + answer.stderr):
        pytest.skip("mount namespaces are not permitted here")
    return answer.stdout


def wait_until(question: Callable[[], bool]) -> None:
    """Wait until the condition is true, for at most half a minute."""
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kilobytes(pid: int, what: str) -> int:
    """The number in a line of /proc/PID/smaps_rollup."""
    [line] = re.findall(rf"^{what}: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return int(line)


def child_of(pid: int) -> int:
    """The first child of a process, 0 if there is none."""
    return int((Path(f"/proc/{pid}/task/{pid}/children").read_text().split() or ["0"])[0])


def is_djbs() -> bool:
    """Is there a multilog in /usr/bin that is a program in C?"""
    file = Path("/usr/bin/multilog")
    return file.exists() and file.read_bytes().startswith(b"\x7fELF")


def executed(folder: Path, *words: str) -> list[bytes]:
    """The base names of the files that were executed successfully, the last one included."""
    run(folder, "strace", "-f", "-e", "trace=execve", "-e", "signal=none", "-o", "trace", *words)
    done = re.findall(rb'execve\("([^"]+)".* = 0$', (folder / "trace").read_bytes(), re.M)
    return [os.path.basename(file) for file in done]


# What Python cannot do: all programs


def test_a_directory_as_input_ends_every_program(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    for words in (["svok", "s"], ["envdir", "env", "true"]):
        answer = run(folder, *words, stdin=directory)
        assert (answer.returncode, b"is a directory" in answer.stderr) == (1, True)
    os.close(directory)


WITH_ODD_ENTRIES = """
import ctypes
libc = ctypes.CDLL(None)
argv = (ctypes.c_char_p * 4)(b"envdir", b"env", b"/usr/bin/env", None)
envp = (ctypes.c_char_p * 5)(b"LC_CTYPE=C", b"A=1", b"A=2", b"odd", None)
libc.execve(b"bin/envdir", argv, envp)
"""


@needs_root
def test_without_proc_what_is_odd_in_the_environment_is_lost(folder: Path) -> None:
    (folder / "env/NEW").write_text("1")
    (folder / "exec.py").write_text(WITH_ODD_ENTRIES)
    seen = run_in_namespace(folder, f"mount -t tmpfs none /proc; exec {PYTHON} exec.py")
    assert seen == b"LC_CTYPE=C.UTF-8\nA=1\nNEW=1\n"


@needs_root
def test_without_proc_programs_that_show_a_title_work_all_the_same(folder: Path) -> None:
    script = "mount -t tmpfs none /proc; echo x | readproctitle words ..... && supervise nowhere"
    message = b"supervise: fatal: unable to chdir to nowhere: file does not exist\n"
    assert run_in_namespace(folder, script) == message


def test_an_illegal_option_names_the_file_whatever_argv0_is(folder: Path) -> None:
    for program in ("svc", "setlock", "softlimit"):
        answer = run(folder, "other", "-Q", executable=folder / "bin" / program)
        assert answer.stderr.splitlines()[0] == b"%s: illegal option -- Q" % program.encode()
    answer = run(folder, "other", "-m", executable=folder / "bin/softlimit")
    assert answer.stderr.splitlines()[0] == b"softlimit: option requires an argument -- m"


@pytest.mark.parametrize("option", ["-1", "-2", "-q"])
def test_options_of_descendants_are_answered_with_the_usage(folder: Path, option: str) -> None:
    answer = run(folder, "svc", option, "s")
    assert (answer.returncode, answer.stderr[:19]) == (100, b"svc: illegal option")


def test_memory_is_that_of_an_interpreter_but_for_a_forked_supervise(
    start: Callable[..., subprocess.Popen[bytes]],
) -> None:
    svscan, multilog = start("svscan", "service"), start("multilog", "./log")
    wait_until(lambda: child_of(svscan.pid) > 0)
    supervise = child_of(svscan.pid)
    wait_until(lambda: Path(f"/proc/{supervise}/cwd/supervise/status").exists())
    wait_until(lambda: kilobytes(multilog.pid, "Rss") > 7000)
    assert 7000 < kilobytes(multilog.pid, "Rss") < 12000
    assert 2000 < kilobytes(multilog.pid, "Private_Dirty") < 4500
    assert 300 < kilobytes(supervise, "Private_Dirty") < 900
    folder = Path(f"/proc/{supervise}/cwd/supervise")
    (folder / "control").write_bytes(b"haptc" * 300 + b"d")
    wait_until(lambda: (folder / "status").read_bytes().endswith(b"d"))  # it has read them all
    assert kilobytes(supervise, "Private_Dirty") < 900
    svscan.kill()  # what the two shared is now the supervise's own
    svscan.wait()
    wait_until(lambda: kilobytes(supervise, "Private_Dirty") > 2000)


@pytest.mark.skipif(not is_djbs(), reason="djb's multilog is not in /usr/bin")
def test_memory_of_djbs_programs_is_mostly_shared(
    start: Callable[..., subprocess.Popen[bytes]], folder: Path
) -> None:
    multilog = start("/usr/bin/multilog", "./log")
    wait_until((folder / "log/current").exists)
    assert 900 < kilobytes(multilog.pid, "Rss") < 1600
    assert 50 < kilobytes(multilog.pid, "Private_Dirty") < 200


def test_a_start_takes_little_more_than_an_interpreters(folder: Path) -> None:
    def processor_time(file: str | Path, *words: str) -> float:
        """The processor time of one run, in seconds; other processes do not count."""
        pid = os.posix_spawn(file, [str(file), *words], {"PATH": "/bin"})
        return sum(os.wait4(pid, 0)[2][:2])

    turns = [
        (processor_time(PYTHON, "-IS", "-c", "pass"), processor_time(folder / "bin/svok", "/"))
        for _ in range(30)
    ]
    bare, svok = map(min, zip(*turns, strict=True))
    assert 0.7 * bare < svok < 2 * bare


# Send a signal at the n-th call of lseek, which the interpreter makes for each module that it
# reads. So the signal always comes at the same place of a start that takes milliseconds.
PLACES = range(1, 60)


def with_signal(
    folder: Path, name: str, place: int, *words: str
) -> subprocess.CompletedProcess[bytes]:
    inject = f"inject=lseek:signal={name}:when={place}"
    options = ["-o", "trace", "-e", "trace=lseek", "-e", inject]
    return run(folder, "strace", *options, *words)


@needs_strace
def test_an_interrupt_during_the_start_kills_or_ends_it(folder: Path) -> None:
    answers = []
    for place in PLACES:
        answer = with_signal(folder, "INT", place, "setlock", "lock", "echo", "run")
        if b"--- SIGINT" in (folder / "trace").read_bytes():  # there were so many calls
            answers.append(answer)
    assert {(answer.returncode, answer.stdout) for answer in answers} == {(-2, b""), (1, b"")}


@needs_strace
def test_an_interrupt_in_our_part_of_the_start_kills_without_a_word(folder: Path) -> None:
    library = f"{LIBRARY}/daemontools/unix/__pycache__"
    inject = "inject=fstat,newfstatat:signal=INT"
    options = ["-o", "trace", "-P", library, "-P", f"{LIBRARY}/daemontools", "-e", inject]
    answer = run(folder, "strace", *options, "setlock", "lock", "echo", "run")
    assert (answer.returncode, answer.stdout + answer.stderr) == (-signal.SIGINT, b"")


@needs_strace
@pytest.mark.parametrize("name", ["TERM", "ALRM"])
def test_term_or_alrm_during_the_start_of_multilog_kills_it(folder: Path, name: str) -> None:
    codes = {with_signal(folder, name, place, "multilog").returncode for place in (1, 10, 20)}
    assert codes == {-signal.Signals[f"SIG{name}"]}


@needs_strace
def test_an_error_in_the_interpreters_part_of_the_start_shows_its_words(folder: Path) -> None:
    encodings = os.path.dirname(os.__file__) + "/encodings"
    options = ["-o", "trace", "-P", encodings, "-e", "inject=openat:error=EIO"]
    answer = run(folder, "strace", *options, "svok", "s")
    assert (answer.returncode, b"Fatal Python error" in answer.stderr) == (1, True)


def test_an_error_before_the_interpreter_is_the_linkers_or_the_kernels(folder: Path) -> None:
    linkers = run(folder, "prlimit", "--nofile=3", "svok", "s")
    assert (linkers.returncode, linkers.stdout) == (127, b"")
    assert b"svok: " not in linkers.stderr
    kernels = run(folder, "prlimit", "--as=2000000", "svok", "s")
    # An interpreter with a library of its own may fit where that library does not.
    assert kernels.returncode in (-signal.SIGSEGV, -signal.SIGKILL, 127)
    assert b"svok: " not in kernels.stderr


@needs_strace
@pytest.mark.parametrize("call", ["?open,?openat", "flock", "?read", "?write"])
def test_a_call_that_is_interrupted_is_made_again(folder: Path, call: str) -> None:
    for name in ("lock", "input", "output"):
        (folder / name).write_bytes(b"")
    (folder / "input").write_bytes(b"a\n")
    inject = ["-e", f"inject={call}:error=EINTR:when=1"]
    tracing = ["strace", "-f", "-o", "trace", "-P", "lock", *inject]
    for name in ("lock", "input", "output"):
        tracing += ["-P", str(folder / name)]
    script = "setlock lock true && tai64nlocal <input >output"
    answer = run(folder, *tracing, "sh", "-c", script)
    assert (answer.returncode, (folder / "output").read_bytes()) == (0, b"a\n")
    assert b"(INJECTED)" in (folder / "trace").read_bytes()


# Signals, descriptors and memory of programs that live long


def ignored(pid: int) -> set[int]:
    """The signals that a process ignores."""
    mask = int(re.findall(r"SigIgn:\t(\w+)", Path(f"/proc/{pid}/status").read_text())[0], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_supervise_and_svscan_ignore_pipe_and_file_size_and_what_they_run_does_not(
    start: Callable[..., subprocess.Popen[bytes]], folder: Path
) -> None:
    service = folder / "service/s"
    (service / "down").unlink()
    (service / "run").write_text("#!/bin/sh\nexec sleep 1000\n")
    (service / "run").chmod(0o755)
    svscan = start("svscan", "service")
    wait_until(lambda: child_of(child_of(svscan.pid) or svscan.pid) > 0)
    supervise = child_of(svscan.pid)
    both = {signal.SIGPIPE, signal.SIGXFSZ}
    assert both <= ignored(svscan.pid)
    wait_until(lambda: both <= ignored(supervise))  # svscan forks with the defaults
    wait_until(lambda: child_of(supervise) > 0)
    wait_until(lambda: Path(f"/proc/{child_of(supervise)}/comm").read_text() == "sleep\n")
    assert not both & ignored(child_of(supervise))


@needs_strace
@pytest.mark.parametrize("when", [3, 5, 9])
def test_kill_costs_multilog_a_read_and_less_than_1000_bytes_of_a_line(
    folder: Path, when: int
) -> None:
    (folder / "text").write_bytes(b"%0699d\n" % 7 * 400)
    inject = ["-e", "trace=write", "-e", f"inject=write:signal=KILL:when={when}"]
    words = ["multilog", "s16777215", "./log"]
    with open(folder / "text", "rb", buffering=0) as text:
        run(folder, "strace", "-o", "trace", *inject, *words, stdin=text.fileno())
        lost = text.tell() - (folder / "log/current").stat().st_size
    assert 1024 + 1000 < lost < 16384 + 1000


@pytest.mark.parametrize(
    "words",
    [("multilog", "./log"), ("tai64n",), ("tai64nlocal",), ("readproctitle", "log:", "." * 20)],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize(
    ("limit", "too_low", "enough"),
    [("as", 14_500_000, 22_000_000), ("data", 6_000_000, 9_500_000)],
    ids=["address space", "data"],
)
def test_what_reads_lines_starts_with_17_megabytes_or_not_at_all(
    folder: Path, words: tuple[str, ...], limit: str, too_low: int, enough: int
) -> None:
    (folder / "text").write_bytes(b"line\n")

    def codes_and_read(size: int) -> tuple[int, int]:
        with open(folder / "text", "rb", buffering=0) as text:
            answer = run(folder, "prlimit", f"--{limit}={size}", *words, stdin=text.fileno())
            return answer.returncode, text.tell()

    code, bytes_read = codes_and_read(too_low)
    assert (code > 0, bytes_read) == (True, 0)
    assert codes_and_read(enough) == (0, 5)


@pytest.mark.parametrize(
    "words", [("multilog", "./log"), ("tai64n",), ("tai64nlocal",), ("readproctitle", "." * 20)],
    ids=lambda words: words[0],
)  # fmt: skip
def test_what_lacks_memory_at_the_start_says_so(folder: Path, words: tuple[str, ...]) -> None:
    limits = range(22_000_000, 12_000_000, -250_000)
    answers = (run(folder, "prlimit", f"--as={limit}", *words) for limit in limits)
    refused = next(answer for answer in answers if answer.returncode > 0)
    said = f"{words[0]}: fatal: out of memory\n".encode()
    assert (refused.returncode, refused.stdout, refused.stderr) == (111, b"", said)


SHORT_OF_MEMORY = """\
import sys
from daemontools.programs import multilog
feed, failures = multilog.Selection.feed, [MemoryError()] * 3
def feed_or_fail(*words):
    if failures:
        raise failures.pop()
    return feed(*words)
multilog.Selection.feed = feed_or_fail
multilog.pause = lambda seconds: print(seconds, flush=True)
sys.exit(multilog.main([b"multilog", b"./log"]))
"""


def test_a_line_for_which_there_is_no_memory_is_tried_again(folder: Path) -> None:
    (folder / "text").write_bytes(b"x\n")
    program = f"import sys; sys.path.insert(0, {LIBRARY!r})\n{SHORT_OF_MEMORY}"
    with open(folder / "text", "rb") as text:
        answer = run(folder, PYTHON, "-ISc", program, stdin=text.fileno())
    assert (answer.returncode, answer.stdout) == (0, b"5\n5\n")
    said = b"multilog: warning: unable to judge a line, pausing: out of memory\n"
    assert answer.stderr == said * 2
    assert (folder / "log/current").read_bytes() == b"x\n"


@needs_strace
def test_lines_of_one_read_share_the_writes_of_a_status_file_and_of_alerts(folder: Path) -> None:
    (folder / "text").write_bytes(b"a\nb\nc\n")
    with open(folder / "text", "rb") as text:
        tracing = ["strace", "-o", "trace", "-e", "trace=write", "-e", "signal=none"]
        run(folder, *tracing, "multilog", "e", "=status", stdin=text.fileno())
    written = re.findall(rb'^write\((\d+), "(.).* = (\d+)$', (folder / "trace").read_bytes(), re.M)
    alerts, status = written[-2:]  # before them, a name for ps
    assert (alerts, status[1:]) == ((b"2", b"a", b"6"), (b"c", b"1001"))
    assert [size for _, _, size in written].count(b"1001") == 1


def without_a_reader(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """Start multilog; nobody reads the pipe that is its standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {"PATH": f"{folder}/bin:/usr/bin:/bin"}
    process = subprocess.Popen(
        ["multilog", *words], cwd=folder, env=environment, stdin=subprocess.PIPE, stderr=writer
    )
    os.close(writer)
    return process


def test_an_alert_without_a_reader_ends_multilog_and_costs_no_line(folder: Path) -> None:
    process = without_a_reader(folder, "e", "./log")
    process.communicate(b"line\n" * 2000, timeout=60)
    assert process.returncode == -signal.SIGPIPE
    assert (folder / "log/current").read_bytes() == b"line\n" * 2000


def test_a_warning_without_a_reader_does_not_end_multilog(folder: Path) -> None:
    process = without_a_reader(folder, "!echo tried >> ../tried; exit 1", "s4096", "./log")
    assert process.stdin is not None
    process.stdin.write(b"line\n" * 1000)
    process.stdin.flush()
    tried = folder / "tried"
    while not tried.exists() or tried.read_text().count("\n") < 2:  # it has warned in between
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"".join(file.read_bytes() for file in old_files(folder / "log")) == b"line\n" * 1000


def old_files(log: Path) -> list[Path]:
    """The finished files of a log and its current one, the oldest first."""
    return [*sorted(log.glob("@*")), log / "current"]


def test_multilog_needs_nine_descriptors_to_start(folder: Path) -> None:
    codes = [run(folder, "prlimit", f"--nofile={n}", "multilog", "./log") for n in (8, 9)]
    assert [answer.returncode for answer in codes] == [111, 0]


@pytest.mark.skipif(not is_djbs(), reason="djb's multilog is not in /usr/bin")
def test_djbs_multilog_needs_seven_descriptors_to_start(folder: Path) -> None:
    words = ["/usr/bin/multilog", "./log"]
    codes = [run(folder, "prlimit", f"--nofile={n}", *words) for n in (6, 7)]
    assert [answer.returncode for answer in codes] == [111, 0]


def rotates(folder: Path, multilog: str, descriptors: int) -> bool:
    """Does multilog with so many descriptors write 3000 lines into files of 4096 bytes?"""
    (folder / "lines").write_text("line\n" * 3000)
    shutil.rmtree(folder / "log", ignore_errors=True)
    limit = ["prlimit", f"--nofile={descriptors}", "timeout", "-s", "KILL", "3"]
    with (folder / "lines").open("rb") as lines:
        answer = run(folder, *limit, multilog, "s4096", "./log", stdin=lines.fileno())
    written = b"".join(file.read_bytes() for file in old_files(folder / "log"))
    return answer.returncode == 0 and written == b"line\n" * 3000


@pytest.mark.skipif(not is_djbs(), reason="djb's multilog is not in /usr/bin")
def test_djbs_multilog_needs_eight_descriptors_to_rotate(folder: Path) -> None:
    assert [rotates(folder, "/usr/bin/multilog", n) for n in (7, 8)] == [False, True]


@pytest.mark.skipif(not is_djbs(), reason="djb's multilog is not in /usr/bin")
def test_djbs_multilog_that_has_stopped_goes_on_with_more_descriptors(folder: Path) -> None:
    words = ["/usr/bin/softlimit", "-o", "7", "/usr/bin/multilog", "s4096", "./log"]
    says = folder / "says"
    with says.open("wb") as err:
        multilog = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stderr=err)
    assert multilog.stdin is not None
    multilog.stdin.write(b"line\n" * 3000)
    multilog.stdin.flush()
    wait_until(lambda: b"cannot open more files" in says.read_bytes())
    run(folder, "prlimit", "--nofile=64", "--pid", str(multilog.pid))
    multilog.communicate(timeout=60)
    assert multilog.returncode == 0
    assert b"".join(file.read_bytes() for file in old_files(folder / "log")) == b"line\n" * 3000


# Chains


def test_a_launcher_that_is_open_for_writing_is_run_in_a_chain(folder: Path) -> None:
    with open(folder / "bin/pgrphack", "ab"):
        assert run(folder, "envdir", "env", "pgrphack", "echo", "run").stdout == b"run\n"


def test_no_processor_time_at_all_ends_an_interpreter_at_the_end_of_a_chain(folder: Path) -> None:
    def end(*words: str) -> int:
        return run(folder, "softlimit", "-t", "0", *words).returncode

    assert (end("multilog"), end(PYTHON, "-c", "pass")) == (-signal.SIGXCPU, -signal.SIGXCPU)
    assert 0 in [end("true") for _ in range(20)]  # usually the start is short enough


# tai64nlocal


@needs_root
def test_a_change_of_etc_localtime_does_not_count_until_the_next_start(folder: Path) -> None:
    zones = "/usr/share/zoneinfo"
    if not Path(zones, "Asia/Tokyo").exists():
        pytest.skip("needs the zones of the system")
    label = "@4000000037c219bf2ef02e94"
    seen = run_in_namespace(
        folder,
        f"cp {zones}/Asia/Tokyo zone; mount --bind zone /etc/localtime; mkfifo in out;"
        f"tai64nlocal <in >out & exec 3>in 4<out; echo {label} >&3; read line <&4; echo $line;"
        f"cat {zones}/America/New_York >zone; echo {label} >&3; read line <&4; echo $line;"
        f"echo {label} | tai64nlocal",
    )
    tokyo, new_york = b"1999-08-24 13:04:05.787492500", b"1999-08-24 00:04:05.787492500"
    assert seen.splitlines() == [tokyo, tokyo, new_york]


# svscanboot


@needs_strace
@pytest.mark.skipif(Path("/service").exists(), reason="its services would be stopped")
def test_svscanboot_without_an_argument_watches_service(folder: Path) -> None:
    run(folder, "strace", "-f", "-e", "trace=execve", "-s", "99", "-o", "trace", "svscanboot")
    assert b'["svscan", "/service"]' in (folder / "trace").read_bytes()


def test_with_1_and_2_closed_no_alert_gets_into_a_status_file(folder: Path) -> None:
    script = r"printf 'one\ntwo\n' | bin/multilog e =status 1>&- 2>&-"
    assert run(folder, "sh", "-c", script).returncode == 0
    assert (folder / "status").read_bytes() == b"two".ljust(1001, b"\n")


def test_old_files_whose_names_sort_last_are_removed_like_others(folder: Path) -> None:
    (folder / "log").mkdir()
    for end in "ab":
        (folder / "log" / f"@{'{' * 24}{end}").touch()
    assert run(folder, "sh", "-c", "seq 5000 | bin/multilog s4096 n2 ./log").returncode == 0
    assert [file.name for file in (folder / "log").glob("@*")] == [f"@{'{' * 24}b"]


@needs_root
@needs_open_interpreter
def test_a_launcher_that_may_only_be_executed_does_not_run(folder: Path) -> None:
    (folder / "bin/svok").chmod(0o711)
    ended = subprocess.run(
        [folder / "bin/svok"], check=False, capture_output=True, user="nobody", extra_groups=[]
    )
    assert ended.returncode == 2
    assert b"can't open file" in ended.stderr


@needs_root
@needs_open_interpreter
def test_the_set_user_id_bit_of_a_launcher_counts_for_nothing(folder: Path) -> None:
    (folder / "bin/pgrphack").chmod(0o4755)
    ended = subprocess.run(
        [folder / "bin/pgrphack", "/usr/bin/id", "-un"],
        check=False,
        capture_output=True,
        user="nobody",
        extra_groups=[],
    )
    assert ended.stdout == b"nobody\n"


@pytest.mark.skipif(not is_djbs(), reason="djb's supervise is not in /usr/bin")
def test_a_link_to_a_long_name_ends_debians_supervise_alone(
    folder: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    target = folder / ("k" * 150) / ("k" * 150)
    target.mkdir(parents=True)
    (folder / "service/s/supervise").symlink_to(target)
    answer = run(folder, "/usr/bin/supervise", "service/s")
    assert answer.returncode == 111
    assert answer.stderr.startswith(b"unable to readlink ./supervise: ")
    supervise = start("supervise", "service/s")
    while run(folder, "svok", "service/s").returncode != 0:
        assert supervise.poll() is None
        time.sleep(0.05)
