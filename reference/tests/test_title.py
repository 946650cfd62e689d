"""Titles: what the kernel shows, and what becomes of words that do not fit."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_joined_words_end_in_nul_each() -> None:
    assert title.joined([b"a", b"", b"b"]) == b"a\0\0b\0"


def test_examples() -> None:
    assert doctest.testmod(title).failed == 0
