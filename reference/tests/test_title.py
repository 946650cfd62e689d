"""Titles: what the kernel shows, and what becomes of words that do not fit."""

import doctest
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemontools import install
from daemontools.unix import title

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")

SHOW = """
import sys
from daemontools.unix import title
words = [word.encode() for word in sys.argv[1:]]
title.set_title(words)
print(title.fits(words))
print(open("/proc/self/cmdline", "rb").read())
print(open("/proc/self/comm").read().strip())
print(open("/proc/self/environ", "rb").read())
"""


def shown(*words: str) -> list[str]:
    """What a process with this title reads of itself: fits, cmdline, comm, environ."""
    command = [sys.executable, "-c", SHOW, *words]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"MARK": "untouched"}
    )
    return finished.stdout.splitlines()


def test_the_words_are_shown_and_the_rest_is_nul() -> None:
    fits, arguments, name, _ = shown("supervise", "clock")
    assert (fits, name) == ("True", "supervise")
    assert arguments.startswith(r"b'supervise\x00clock\x00\x00")
    assert arguments.removeprefix(r"b'supervise\x00clock").strip("'").replace(r"\x00", "") == ""


def test_the_environment_is_not_touched() -> None:
    assert "MARK=untouched" in shown("supervise", "clock")[3]


TOO_LONG = """
from daemontools.unix import title
words = [b"supervise", b"n" * 4000]
title.set_title(words)
print(title.fits(words))
content = open("/proc/self/cmdline", "rb").read()
print(content[:12], content[-1:], len(content))
"""


def test_words_that_do_not_fit_are_cut_and_end_in_nul() -> None:
    command = [sys.executable, "-c", TOO_LONG]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    room = sum(len(word.encode()) + 1 for word in command)
    assert finished.stdout == f"False\nb'supervise\\x00nn' b'\\x00' {room}\n"


@pytest.mark.parametrize("words", [["svstat", "nowhere"], ["envdir", "nowhere", "true"]], ids=str)
def test_a_program_that_lives_for_milliseconds_shows_the_interpreter(
    tmp_path: Path, words: list[str]
) -> None:
    """The program writes into a full pipe, so that there is time to look."""
    python = os.path.realpath(sys.executable)
    install.install(tmp_path / "bin", python, str(Path(install.__file__).parents[1]))
    file = str(tmp_path / "bin" / words[0])
    reader, writer = os.pipe()
    fill(writer)
    with subprocess.Popen([file, *words[1:]], stdout=writer, stderr=writer) as program:
        wait_until_asleep(program.pid)
        content = Path(f"/proc/{program.pid}/cmdline").read_bytes()
        name = Path(f"/proc/{program.pid}/comm").read_text()
        os.read(reader, 65536)
    os.close(reader)
    os.close(writer)
    assert content == joined(python, install.FLAGS, file, *words[1:])
    assert name == f"{words[0]}\n"


def fill(writer: int) -> None:
    """Write into the pipe until it is full."""
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)


def wait_until_asleep(pid: int) -> None:
    """Wait until the process waits for something."""
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert time.monotonic() < until, "it does not wait"


def joined(*words: str) -> bytes:
    """The words as the kernel shows them."""
    return title.joined([word.encode() for word in words])


def test_joined_words_end_in_nul_each() -> None:
    assert title.joined([b"a", b"", b"b"]) == b"a\0\0b\0"


def test_examples() -> None:
    assert doctest.testmod(title).failed == 0
