"""Titles: what the kernel shows, and what becomes of words that do not fit."""

import doctest
import os
import shutil
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
print(title.fits(words))
title.set_title(words)
print(open("/proc/self/cmdline", "rb").read())
print(open("/proc/self/comm").read().strip())
print(open("/proc/self/environ", "rb").read())
"""


def shown(*words: str) -> list[str]:
    """What a process with these words as its title sees of itself: fits, cmdline, comm, environ."""
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
print(title.fits(words))
title.set_title(words)
content = open("/proc/self/cmdline", "rb").read()
print(content[:12], content[-1:], len(content))
"""


def test_words_that_do_not_fit_are_cut_and_end_in_nul() -> None:
    command = [sys.executable, "-c", TOO_LONG]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    room = sum(len(word.encode()) + 1 for word in command)
    assert finished.stdout == f"False\nb'supervise\\x00nn' b'\\x00' {room}\n"


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_program_that_does_not_wait_shows_the_interpreter(tmp_path: Path) -> None:
    """Its exec of another program is held up, so that there is time to look."""
    python = os.path.realpath(sys.executable)
    install.install(tmp_path / "bin", python, str(Path(install.__file__).parents[1]))
    file = str(tmp_path / "bin/setlock")
    hold_up = "inject=execve:delay_enter=10000000:when=2"
    command = ["strace", "-o", "/dev/null", "-e", hold_up, file, "lock", "/bin/true"]
    with subprocess.Popen(command, cwd=tmp_path) as strace:
        try:
            children = Path(f"/proc/{strace.pid}/task/{strace.pid}/children")
            until = time.monotonic() + 9
            while not (tmp_path / "lock").exists():
                assert time.monotonic() < until, "setlock has not come to its lock"
            pid = children.read_text().strip()
            content = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert content == joined(python, "-ISXutf8", file, "lock", "/bin/true")
            assert Path(f"/proc/{pid}/comm").read_text() == "setlock\n"
        finally:
            strace.kill()


def joined(*words: str) -> bytes:
    """Words as the kernel shows them."""
    return title.joined([word.encode() for word in words])


def test_joined_words_end_in_nul_each() -> None:
    assert title.joined([b"a", b"", b"b"]) == b"a\0\0b\0"


def test_examples() -> None:
    assert doctest.testmod(title).failed == 0
