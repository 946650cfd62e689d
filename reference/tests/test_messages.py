"""unix/messages.py: a message is one line, whatever it is made of, and whatever becomes of it."""

import errno
import os
import posix
import subprocess
import sys

import pytest

from daemontools.unix import messages
from daemontools.unix.messages import error_text, warn


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (b"\xff", b"\xff"),
        ("text", b"text"),
        (OSError(errno.ENOENT, "other words"), b"file does not exist"),
        (OSError(errno.EPERM, ""), b"permission denied"),
        (OSError("without a number"), b"no error"),
        (OSError(9999, ""), b"unknown error"),
        (MemoryError(), b"out of memory"),
        (ValueError("\xe4\n"), b"internal error: ValueError('\\xe4\\n')"),
    ],
)
def test_each_part_has_its_bytes(
    capfdbinary: pytest.CaptureFixture[bytes], part: bytes | str | Exception, text: bytes
) -> None:
    warn("tool: ", part, b".")
    assert capfdbinary.readouterr().err == b"tool: " + text + b".\n"


def test_every_error_that_has_a_name_here_has_one_line_of_text() -> None:
    texts = [error_text(code) for code in errno.errorcode]
    assert all(text and "\n" not in text for text in texts)
    assert error_text(0) == "no error"
    assert error_text(-1) == "unknown error"


def test_each_error_of_the_list_has_its_own_name_and_a_text() -> None:
    names, texts = zip(*messages._TEXTS, strict=True)  # noqa: SLF001 - no system has all of them
    assert len(set(names)) == len(names)
    assert all(name.startswith("E") and name.isupper() for name in names)
    assert all(text.strip() for text in texts)


def test_a_line_for_which_there_is_no_memory(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def refuse(_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(messages, "_as_bytes", refuse)
    warn("tool: fatal: something long")
    assert capfdbinary.readouterr().err == b"out of memory\n"


def test_a_line_that_is_cut_is_continued_and_one_that_fails_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[tuple[int, bytes]] = []

    def write(fd: int, line: bytes) -> int:
        written.append((fd, line))
        if len(written) == 3:
            raise BrokenPipeError
        return 3

    monkeypatch.setattr(posix, "write", write)
    warn("abcdefgh")
    assert written == [(2, b"abcdefgh\n"), (2, b"defgh\n"), (2, b"gh\n")]


@pytest.mark.parametrize("code", [100, 111])
def test_to_die_is_to_say_why_and_to_end_with_the_code(code: int) -> None:
    said = f"from daemontools.unix.messages import die; die({code}, 'tool: ', b'why'); print('on')"
    ended = subprocess.run([sys.executable, "-c", said], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, b"", b"tool: why\n")


def test_nobody_needs_to_read_a_message() -> None:
    said = "import os; os.close(2)\nfrom daemontools.unix.messages import warn\nwarn('x'); print(1)"
    ended = subprocess.run([sys.executable, "-c", said], stdout=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stdout) == (0, f"1{os.linesep}".encode())
