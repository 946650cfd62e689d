"""multilog: status files."""

import os
import re

import pytest

from daemontools_conformance.helpers.logdirs import mode
from daemontools_conformance.helpers.marks import AS_NOBODY, clause, needs
from daemontools_conformance.helpers.strace import fed, messages, under_strace
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.multilog.refusing import without_reading


def padded(line: bytes) -> bytes:
    """A status file of this line."""
    return line.ljust(1001, b"\n")


@clause("multilog/status/content")
@pytest.mark.parametrize("line", [b"one", b"", b"x" * 999, b"x" * 1000, b"a\0b"])
def test_file_holds_the_line_padded_with_newlines(sandbox: Sandbox, line: bytes) -> None:
    answer = sandbox.run("multilog", "=status", input=line + b"\n")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")
    assert (sandbox.path / "status").read_bytes() == padded(line)


@clause("multilog/status/first-1000")
def test_file_holds_the_first_1000_characters(sandbox: Sandbox) -> None:
    line = b"x" * 999 + b"yzzz"
    sandbox.run("multilog", "=status", input=line + b"\n")
    assert (sandbox.path / "status").read_bytes() == line[:1000] + b"\n"


@clause("multilog/status/last-selected")
def test_each_selected_line_replaces_the_one_before(sandbox: Sandbox) -> None:
    text = b"STAT a long line\nSTAT b\nother\n"
    sandbox.run("multilog", "-*", "+STAT*", "=status", input=text)
    assert (sandbox.path / "status").read_bytes() == padded(b"STAT b")


@clause("multilog/status/last-selected")
def test_file_follows_the_input(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "=status", stdin=PIPE)
    status = sandbox.path / "status"
    multilog.write(b"a longer line\n")
    eventually(lambda: status.read_bytes() == padded(b"a longer line"))
    multilog.write(b"b\n")
    eventually(lambda: status.read_bytes() == padded(b"b"))


@clause("multilog/status/created")
def test_file_is_created_empty_at_the_start(sandbox: Sandbox) -> None:
    sandbox.start("multilog", "=status", stdin=PIPE)
    file = sandbox.path / "status"
    eventually(file.exists)
    assert (file.read_bytes(), mode(file)) == (b"", "0600")


@clause("multilog/status/created")
def test_file_stays_empty_without_a_selected_line(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "-*", "=status", input=b"one\n")
    assert (sandbox.path / "status").read_bytes() == b""


@clause("multilog/status/close-fails")
@needs("strace")
def test_an_error_of_close_does_not_keep_the_line_from_the_file(sandbox: Sandbox) -> None:
    status = sandbox.path.resolve() / "status"
    tampering = ["-e", "inject=close:error=EIO:when=1"]
    multilog = under_strace(sandbox, [status], tampering, ["=status"], stdin=PIPE)
    answer = fed(multilog, b"one\n")
    assert (answer.code, messages(answer.err)) == (0, b"")
    assert status.read_bytes() == padded(b"one")


@clause("multilog/status/in-place")
def test_file_is_overwritten_in_place_and_never_made_shorter(sandbox: Sandbox) -> None:
    file = sandbox.write("status", b"o" * 3000, mode=0o640)
    inode = file.stat().st_ino
    sandbox.run("multilog", "=status", input=b"one\n")
    assert file.read_bytes() == padded(b"one") + b"o" * 1999
    assert (file.stat().st_ino, mode(file)) == (inode, "0640")


@clause("multilog/status/in-place")
def test_a_later_line_is_written_over_an_earlier_one(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "=status", stdin=PIPE)
    for line in (b"a long one", b"two"):
        multilog.write(line + b"\n")
        eventually(lambda: (sandbox.path / "status").read_bytes() == padded(line))  # noqa: B023


@clause("multilog/status/kept-at-start")
def test_content_is_kept_until_a_line_is_selected(sandbox: Sandbox) -> None:
    file = sandbox.write("status", b"old")
    sandbox.run("multilog", "-*", "=status", input=b"one\n")
    assert file.read_bytes() == b"old"


@clause("multilog/status/stamped")
@pytest.mark.parametrize(
    ("line", "written"), [(b"one", rb"one\n{972}"), (b"x" * 1500, rb"x{974}\n")]
)
def test_line_has_its_stamp(sandbox: Sandbox, line: bytes, written: bytes) -> None:
    sandbox.run("multilog", "t", "=status", input=line + b"\n")
    assert re.fullmatch(rb"@[0-9a-f]{24} " + written, (sandbox.path / "status").read_bytes())


@clause("multilog/status/several")
def test_several_files_each_at_its_place_in_the_script(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "=all", "-b", "=not-b", "=same", input=b"a\nb\n")
    found = [(sandbox.path / name).read_bytes() for name in ("all", "not-b", "same")]
    assert found == [padded(b"b"), padded(b"a"), padded(b"a")]


@clause("multilog/status/same-file-twice")
def test_of_two_actions_on_one_file_the_last_line_counts(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "=status", "-b", "=status", input=b"a\nb\n")
    assert (sandbox.path / "status").read_bytes() == padded(b"b")
    sandbox.run("multilog", "-b", "=status", "+b", "=status", input=b"a\nb\na\n")
    assert (sandbox.path / "status").read_bytes() == padded(b"a")


@clause("multilog/status/relative")
def test_file_is_found_from_the_directory_of_the_start(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir()
    answer = sandbox.run("multilog", "./log", "=log/status", "=status", input=b"one\n")
    assert (answer.code, answer.err) == (0, b"")
    assert (sandbox.path / "log/status").read_bytes() == padded(b"one")
    assert (sandbox.path / "status").read_bytes() == padded(b"one")


@clause("multilog/status/before-directories")
def test_files_are_opened_before_directories_are_made(sandbox: Sandbox) -> None:
    answer = sandbox.run("multilog", "./log", "=log/status", input=b"one\n")
    assert answer.code == 111
    assert list(sandbox.path.iterdir()) == []


@clause("multilog/status/cannot-create")
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("", b"file does not exist"),
        ("no/such", b"file does not exist"),
        ("directory", b"is a directory"),
        ("plain/file", b"not a directory"),
        ("fifo", b"device not configured"),
        ("n" * 300, b"file name too long"),
    ],
)
def test_file_that_cannot_be_created_gives_111(sandbox: Sandbox, file: str, reason: bytes) -> None:
    (sandbox.path / "directory").mkdir()
    sandbox.write("plain")
    os.mkfifo(sandbox.path / "fifo")
    expected = b"multilog: fatal: unable to create %s: %s\n" % (file.encode(), reason)
    answer = without_reading(sandbox, f"={file}")
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/status/cannot-create")
@needs("root")
def test_file_that_may_not_be_written_gives_111(sandbox: Sandbox) -> None:
    sandbox.write("status", mode=0o444)
    expected = b"multilog: fatal: unable to create status: access denied\n"
    answer = without_reading(sandbox, "=status", prepare=AS_NOBODY)
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/status/cannot-be-sought")
def test_file_without_a_beginning_makes_it_wait(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "fifo")
    reader = os.open(sandbox.path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    multilog = sandbox.start("multilog", "=fifo", stdin=PIPE)
    multilog.write(b"one\n")
    expected = (
        b"multilog: warning: unable to move to beginning of fifo, pausing: unseekable descriptor\n"
    )
    multilog.wait_until_err(expected)
    os.close(reader)
    assert not multilog.has_ended()
