"""The log reader in odd cases: names that are not files, gzip, no directory, no output."""

import errno
import gzip
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemontools import logs, services

NAME = "@4000000065000000{:08d}.s"
COMMAND = [sys.executable, "-I", "-m", "daemontools.logs"]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "FIFO": (os.mkfifo, "not a regular file"),
    "directory": (os.mkdir, "not a regular file"),
    "socket": (make_socket, "device not configured"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "a symbolic link"),
    "link to a file": (lambda path: path.symlink_to(__file__), "a symbolic link"),
    "loop": (lambda path: path.symlink_to(path.name), "a symbolic link"),
}


def read(directory: Path) -> tuple[list[bytes], list[str]]:
    """The lines of a directory, and the complaints of the reader."""
    complaints: list[str] = []
    found = [line.raw for line in logs.lines(directory, complain=complaints.append)]
    return found, complaints


def run(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60} | options
    return subprocess.run([*COMMAND, *arguments], check=False, **settings)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["current", "previous", NAME.format(1)])
def test_what_is_no_regular_file_is_skipped(tmp_path: Path, name: str, odd: str) -> None:
    make, reason = ODD[odd]
    for other in {"current", "previous", NAME.format(0), NAME.format(2)} - {name}:
        (tmp_path / other).write_bytes(other.encode() + b"\n")
    make(tmp_path / name)
    names = [NAME.format(0), NAME.format(2), "previous", "current"]
    shown = [other.encode() for other in names if other != name]
    assert read(tmp_path) == (shown, [f"{tmp_path / name}: {reason}"])


def test_the_directory_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/current").write_bytes(b"line\n")
    (tmp_path / "main").symlink_to("disk")
    assert read(tmp_path / "main") == ([b"line"], [])
    assert services.newest(tmp_path / "main").line == b"line"


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["current", "previous", NAME.format(1)])
def test_the_newest_line_is_not_that_of_what_is_no_regular_file(
    tmp_path: Path, name: str, odd: str
) -> None:
    make, reason = ODD[odd]
    make(tmp_path / name)
    assert services.newest(tmp_path) == services.Log(tmp_path, problem=reason)
    (tmp_path / NAME.format(0)).write_bytes(b"line\n")
    assert services.last_lines(tmp_path, 5) == [b"line"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_skipped(tmp_path: Path) -> None:
    (tmp_path / NAME.format(1)).touch(mode=0)
    (tmp_path / "current").write_bytes(b"line\n")
    assert read(tmp_path) == ([b"line"], [f"{tmp_path / NAME.format(1)}: access denied"])


def test_out_of_descriptors_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "current").write_bytes(b"line\n")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            read(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_the_command_shows_the_rest_and_ends_with_code_1(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "previous")
    (tmp_path / "current").write_bytes(b"line\n")
    answer = run(tmp_path)
    assert (answer.returncode, answer.stdout) == (1, b"line\n")
    assert answer.stderr == b"daemontools.logs: %s: not a regular file\n" % bytes(
        tmp_path / "previous"
    )


def test_without_complain_a_warning_is_given(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "current")
    with pytest.warns(UserWarning, match="not a regular file"):
        assert list(logs.lines(tmp_path)) == []


# gzip


def test_a_file_of_gzip_is_shown_as_what_it_was_made_of(tmp_path: Path) -> None:
    text = b"".join(b"%d\n" % number for number in range(100_000))
    (tmp_path / NAME.format(1)).write_bytes(gzip.compress(text) + gzip.compress(b"second "))
    (tmp_path / NAME.format(2)).write_bytes(b"part\n")
    found, complaints = read(tmp_path)
    assert (b"\n".join([*found, b""]), complaints) == (text + b"second part\n", [])


def test_a_cut_file_of_gzip_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = gzip.compress(os.urandom(30_000).hex().encode() + b"\nend", 0)
    (tmp_path / NAME.format(1)).write_bytes(whole[:50_000])
    (tmp_path / NAME.format(2)).write_bytes(b"next\n")
    [cut, following], complaints = read(tmp_path)
    assert 40_000 < len(cut) < 50_000
    assert (following, len(complaints)) == (b"next", 1)


@pytest.mark.parametrize(
    "damaged", [b"\x1f\x8b\x08junk", b"\x1f\x8b\x08" + bytes(7) + 20 * b"\xff"]
)
def test_a_damaged_file_of_gzip_is_skipped(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / NAME.format(1)).write_bytes(damaged)
    (tmp_path / NAME.format(2)).write_bytes(b"next\n")
    found, complaints = read(tmp_path)
    assert (found, len(complaints)) == ([b"next"], 1)


@pytest.mark.skipif(not shutil.which("multilog"), reason="needs a multilog on PATH")
@pytest.mark.parametrize("processor", ["!gzip", "!cat"])
def test_following_a_processor_loses_and_doubles_nothing(tmp_path: Path, processor: str) -> None:
    log = tmp_path / "log"
    seen: list[bytes] = []

    def follow() -> None:
        for line in logs.lines(log, follow=True, pause=0.001):
            seen.append(line.raw)
            if line.raw == b"9999":
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()  # before the directory exists
    numbers = [b"%d" % number for number in range(10_000)]
    script = ["multilog", "s4096", "n1000", processor, str(log)]
    subprocess.run(script, input=b"\n".join([*numbers, b""]), check=True)
    thread.join(timeout=60)
    assert seen == numbers
    assert read(log) == (numbers, [])


# Large directories and long lines


def test_the_directory_is_not_listed_for_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(500):
        (tmp_path / NAME.format(number)).write_bytes(b"%d\n" % number)
    listed: list[Path] = []
    listdir = os.listdir

    def count(path: Path) -> list[str]:
        listed.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", count)
    assert read(tmp_path)[0] == [b"%d" % number for number in range(500)]
    assert len(listed) == 2


@pytest.mark.parametrize("option", [[], ["--local"]])
def test_the_command_needs_little_memory_for_a_line_of_64_megabytes(
    tmp_path: Path, option: list[str]
) -> None:
    with (tmp_path / "current").open("wb") as file:
        file.truncate(64 << 20)
    within = ["sh", "-c", 'ulimit -d 30000; "$@" | wc -c', "sh"]  # kilobytes
    answer = subprocess.run(
        [*within, *COMMAND, *option, tmp_path], capture_output=True, check=False, timeout=60
    )
    assert (int(answer.stdout), answer.stderr) == ((64 << 20) + 1, b"")


def test_a_line_of_64_megabytes_is_put_together_once(tmp_path: Path) -> None:
    with (tmp_path / "current").open("wb") as file:
        file.truncate(64 << 20)
    begin = time.process_time()
    [line] = read(tmp_path)[0]
    assert len(line) == 64 << 20
    assert time.process_time() - begin < 10  # joining it anew for each piece: more than a minute


# A directory that does not exist yet


def test_the_command_waits_for_the_directory_if_it_follows(tmp_path: Path) -> None:
    process = subprocess.Popen([*COMMAND, "--follow", tmp_path / "log"], stdout=subprocess.PIPE)
    assert process.stdout
    (tmp_path / "log").mkdir()
    (tmp_path / "log/current").write_bytes(b"line\n")
    assert process.stdout.readline() == b"line\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == -signal.SIGINT
    process.stdout.close()


# Output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of 300 KB."""
    (tmp_path / "current").write_bytes(b"line\n" * 60_000)
    return tmp_path


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_a_full_disk_is_one_line_and_code_1(log: Path, follow: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        answer = run(*follow, log, stdout=full)
    message = b"daemontools.logs: unable to write output: out of disk space\n"
    assert (answer.returncode, answer.stderr) == (1, message)


@pytest.mark.parametrize("closed", ["1", "1 2", "0 1 2"])
def test_closed_descriptors_end_it_with_code_1(log: Path, closed: str) -> None:
    closing = " ".join(f"{fd}>&-" for fd in closed.split())
    shell = ["sh", "-c", f'exec "$@" {closing}', "sh", *COMMAND, str(log)]
    answer = subprocess.run(shell, capture_output=True, check=False, timeout=60)
    message = b"daemontools.logs: unable to write output: file descriptor not open\n"
    assert (answer.returncode, answer.stderr) == (1, b"" if "2" in closed else message)


def test_a_reader_that_leaves_ends_it_silently(log: Path) -> None:
    process = subprocess.Popen([*COMMAND, log], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.read(1)
    process.stdout.close()
    assert (process.wait(timeout=60), process.stderr.read()) == (-signal.SIGPIPE, b"")
    process.stderr.close()
