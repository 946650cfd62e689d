"""svscanboot: the two extensions, and how it finds services that an earlier svscan left."""

import errno
import fcntl
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ended import REASON, Ended, ended, failing_always, saying

from daemontools.programs import svscanboot

DJBS = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"


def test_its_own_directory_comes_first_on_path() -> None:
    assert svscanboot.path_after(b"/opt/daemontools/bin") == b"/opt/daemontools/bin:" + DJBS


def test_in_command_the_path_is_that_of_the_original() -> None:
    assert svscanboot.path_after(b"/command") == DJBS


def test_left_over_are_services_and_logs_without_dotted_names(tmp_path: Path) -> None:
    for name in ("b", "a/log", ".hidden/log"):
        (tmp_path / name).mkdir(parents=True)
    folder = os.fsencode(tmp_path)
    assert svscanboot.left_over(folder) == [folder + name for name in (b"/a", b"/b", b"/a/log")]


def test_a_missing_directory_has_nothing_left_over(tmp_path: Path) -> None:
    assert svscanboot.left_over(os.fsencode(tmp_path / "nowhere")) == []


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Launchers of all programs."""
    folder = tmp_path / "bin"
    subprocess.run([sys.executable, "-I", "-m", "daemontools.install", folder], check=True)
    return folder


@pytest.fixture
def path_in_tree(tmp_path: Path) -> Iterator[Callable[..., bytes]]:
    """Start a command, svscanboot without its operand; the PATH of a service in its tree."""
    service = tmp_path / "service" / "here"
    service.mkdir(parents=True)
    (service / "run").write_text(
        "#!/bin/sh\necho $PATH >path.new\nmv path.new path\nexec sleep 99\n"
    )
    (service / "run").chmod(0o755)
    started = []

    def start(*command: str | Path) -> bytes:
        boot = subprocess.Popen([*command, service.parent], process_group=0, cwd=tmp_path)
        started.append(boot)
        deadline = time.monotonic() + 30
        while not (service / "path").exists():
            assert time.monotonic() < deadline, "the service was not started"
            time.sleep(0.01)
        return (service / "path").read_bytes().strip()

    yield start
    for boot in started:
        # ./run is in the process group of svscanboot, like the other processes.
        os.killpg(boot.pid, signal.SIGKILL)
        boot.wait()


def test_the_directory_may_be_given(path_in_tree: Callable[..., bytes], programs: Path) -> None:
    path = path_in_tree(programs / "svscanboot")
    assert path == os.fsencode(programs) + b":" + DJBS


def test_called_through_a_link_it_takes_the_directory_of_its_file(
    path_in_tree: Callable[..., bytes], programs: Path, tmp_path: Path
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links/boot").symlink_to("more")
    (tmp_path / "links/more").symlink_to(programs / "svscanboot")
    for name in ("svscan", "supervise", "readproctitle", "svc"):  # of somebody else's
        (tmp_path / "links" / name).write_text("#!/bin/sh\ntouch trapped\n")
        (tmp_path / "links" / name).chmod(0o755)
    path = path_in_tree(tmp_path / "links/boot")
    assert path == os.fsencode(programs) + b":" + DJBS


@pytest.mark.parametrize("file", [b"/command/svscanboot", b"/command/../command/svscanboot"])
def test_called_in_command_it_takes_command(file: bytes) -> None:
    assert svscanboot.own_directory(file) == b"/command"


def test_ignored_sigchld_does_not_hinder(
    path_in_tree: Callable[..., bytes], programs: Path
) -> None:
    assert path_in_tree("env", "--ignore-signal=CHLD", programs / "svscanboot")


# Its steps, in a fork of this process


def standing_in(code: int | None = 0) -> Callable[[], None]:
    """A change: svscanboot only says what it does; the end of readproctitle has this code."""

    def spawn(command: list[bytes], descriptors: dict[int, int]) -> int:
        saying("spawn")(command, descriptors)
        return next(pids)

    def await_all(processes: set[int]) -> dict[int, int]:
        saying("await", *sorted(processes))()
        codes = {77: 1, 78: 2} if code is None else {77: 1, 78: 2, 79: code}
        return {pid: codes[pid] for pid in processes if pid in codes}

    def change() -> None:
        vars(svscanboot).update(
            set_title=saying("title"),
            own_directory=lambda file: b"/of/" + file,
            become=saying("become"),
            read_and_write_nothing=saying("nothing"),
            left_over=lambda service: [service + b"/old"],
            spawn=spawn,
            await_all=await_all,
        )
        vars(os).update(pipe=lambda: (50, 51), close=saying("close"))

    pids = itertools.count(77)
    return change


@pytest.mark.parametrize(
    ("words", "service"), [([], "/service"), (["s"], "s"), (["s", "more"], "s")]
)
def test_its_steps_have_an_order(words: list[str], service: str) -> None:
    name = service.encode()
    title = [b"readproctitle", b"service", b"errors:", b"." * 400]
    steps = [
        f"title {[b'svscanboot', *map(str.encode, words)]}",
        f"become {[b'PATH=/of/svscanboot:' + DJBS]}",
        "nothing",
        f"spawn {[b'svc', b'-dx', name + b'/old']} {{}}",
        "await 77",
        f"spawn {[b'svscan', name]} {{1: 51, 2: 51}}",
        f"spawn {title} {{0: 50}}",
        "close 50",
        "close 51",
        "await 78 79",
    ]
    assert ended(["svscanboot", *words], standing_in()) == (0, "\n".join([*steps, ""]), "")


@pytest.mark.parametrize(
    ("code", "shown"), [(0, 0), (1, 1), (111, 111), (-1, 129), (-9, 137), (None, 0)]
)
def test_its_code_is_that_of_readproctitle(code: int | None, shown: int) -> None:
    assert ended("svscanboot", standing_in(code))[0] == shown


def doing(work: Callable[[], object]) -> Ended:
    """What becomes of this work in a fork of this process."""

    def change() -> None:
        work()
        os._exit(0)

    return ended("svscanboot", change)


@pytest.mark.parametrize("closed", [(), (0,), (2,), (0, 1, 2)])
def test_it_reads_and_writes_nothing(tmp_path: Path, closed: tuple[int, ...]) -> None:
    def work() -> None:
        os.closerange(3, 99)
        for fd in closed:
            os.close(fd)
        svscanboot.read_and_write_nothing()
        null, ways = os.stat("/dev/null"), [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in range(3)]
        assert all(os.path.samestat(os.fstat(fd), null) for fd in range(3))
        assert {way & os.O_ACCMODE for way in ways} == {os.O_RDWR}
        assert all(os.get_inheritable(fd) for fd in range(3))
        assert os.open(tmp_path / "done", os.O_CREAT) == 3  # the lowest that is free

    assert doing(work) == (0, "", "")
    assert (tmp_path / "done").exists()


def test_its_directory_comes_before_one_that_is_only_like_it() -> None:
    assert svscanboot.path_after(b"/comm") == b"/comm:" + DJBS


def test_its_own_directory_is_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("far/away/svscanboot")
    place = os.fsencode(tmp_path)
    assert svscanboot.own_directory(place + b"/link") == place + b"/far/away"
    assert svscanboot.own_directory(place + b"/file") == place


def test_without_a_working_directory_it_takes_command(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()

    def work() -> None:
        os.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        saying(svscanboot.own_directory(b"svscanboot"))()

    assert doing(work) == (0, "b'/command'\n", "")


def test_a_dangling_log_is_left_over_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/log").symlink_to("nowhere")
    folder = os.fsencode(tmp_path)
    assert svscanboot.left_over(folder) == [folder + b"/a", folder + b"/a/log"]


def test_a_program_is_started_with_its_descriptors() -> None:
    def work() -> None:
        reader, writer = os.pipe()
        child = svscanboot.spawn([b"sh", b"-c", b"echo a; exec echo b >&2"], {1: writer, 2: writer})
        killed = svscanboot.spawn([b"sh", b"-c", b"kill -9 $$"], {0: reader})
        other = svscanboot.spawn([b"sh", b"-c", b"exit 7"], {})
        os.close(writer)
        codes = svscanboot.await_all({child, killed, other})
        saying(codes == {child: 0, killed: -9, other: 7}, os.read(reader, 9))()

    assert doing(work) == (0, "True b'a\\nb\\n'\n", "")


def test_it_says_what_it_cannot_start() -> None:
    def work() -> None:
        child = svscanboot.spawn([b"./nowhere", b"a"], {})
        saying(svscanboot.await_all({child}) == {child: 111})()
        vars(os)["fork"] = failing_always(errno.EIO)
        svscanboot.spawn([b"svc", b"a"], {})

    said = "svscanboot: fatal: unable to run ./nowhere: file does not exist\n"
    said += f"svscanboot: fatal: unable to fork for svc{REASON}"
    assert doing(work) == (111, "True\n", said)


def test_it_waits_for_all_whatever_the_kernel_says() -> None:
    def wait() -> tuple[int, int]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer, 256 * answer

    def work() -> None:
        vars(svscanboot)["pause"] = saying("pause")
        vars(os)["wait"] = wait
        saying(svscanboot.await_all({2, 3}))()
        saying(svscanboot.await_all({4, 5}))()

    answers: Iterator[int | OSError]
    answers = iter([1, OSError(errno.EIO, ""), 2, 3, 4, ChildProcessError(errno.ECHILD, "")])
    assert doing(work) == (0, "pause 1\n{2: 2, 3: 3}\n{4: 4}\n", "")
