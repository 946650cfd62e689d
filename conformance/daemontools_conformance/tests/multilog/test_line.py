"""multilog: lines of every kind arrive whole."""

import os
import re

import pytest

from daemontools_conformance.helpers.logdirs import contents, lines, mode, old_files
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import resident_kilobytes
from daemontools_conformance.running.sandbox import PIPE, Sandbox


def logged(sandbox: Sandbox, text: bytes, *script: str) -> bytes:
    """What a log holds after this input."""
    assert sandbox.run("multilog", *script, "./log", input=text).code == 0
    return (sandbox.path / "log/current").read_bytes()


@clause("multilog/line/appended")
def test_lines_are_appended_in_order(sandbox: Sandbox) -> None:
    assert logged(sandbox, lines(1000)) == lines(1000)


@clause("multilog/line/appended")
def test_a_later_run_goes_on_in_the_same_file(sandbox: Sandbox) -> None:
    assert logged(sandbox, b"one\n") == b"one\n"
    assert logged(sandbox, b"two\n") == b"one\ntwo\n"


@clause("multilog/line/final-newline")
@pytest.mark.parametrize("text", [b"a", b"one\ntwo", b"x" * 999, b"x" * 1000, b"x" * 70_000])
def test_partial_last_line_gets_a_newline(sandbox: Sandbox, text: bytes) -> None:
    assert logged(sandbox, text) == text + b"\n"


@clause("multilog/line/final-newline")
def test_no_newline_is_added_to_a_whole_line_or_to_nothing(sandbox: Sandbox) -> None:
    assert logged(sandbox, b"") == b""
    assert logged(sandbox, b"a\n") == b"a\n"


@clause("multilog/line/empty")
def test_empty_lines_are_lines(sandbox: Sandbox) -> None:
    assert logged(sandbox, b"\n\na\n\n") == b"\n\na\n\n"


@clause("multilog/line/binary")
def test_every_byte_passes(sandbox: Sandbox) -> None:
    text = bytes(range(256)) * 20 + b"\n\0\n\0\0\n\r\n"
    assert logged(sandbox, text) == text


@clause("multilog/line/long")
@pytest.mark.parametrize("length", [999, 1000, 1001, 1023, 1024, 1025, 5000, 65536, 90_000])
def test_a_long_line_arrives_whole(sandbox: Sandbox, length: int) -> None:
    text = b"a\n" + os.urandom(length).replace(b"\n", b"x") + b"\nb\n"
    assert logged(sandbox, text) == text


@clause("multilog/line/longer-than-file")
def test_a_line_longer_than_a_file_goes_on_in_the_next(sandbox: Sandbox) -> None:
    text = b"a" * 5000 + b"b" * 5000 + b"\nshort\n"
    sandbox.run("multilog", "s4096", "./log", input=text)
    assert contents(sandbox.path / "log") == text
    assert old_files(sandbox.path / "log")


@clause("multilog/line/long-judged-once")
def test_beginning_of_a_long_line_decides_for_all_of_it(sandbox: Sandbox) -> None:
    dropped, kept = b"a" * 3000 + b"b\n", b"b" * 3000 + b"a\n"
    assert logged(sandbox, dropped + kept + dropped + b"b\n", "-a*") == kept + b"b\n"


@clause("multilog/line/long-for-some")
def test_rest_of_a_long_line_goes_where_its_beginning_went(sandbox: Sandbox) -> None:
    long = b"a" * 3000
    sandbox.run("multilog", "./all", "-a*", "./none", "+aa*", "./again", input=long + b"\nb\n")
    written = [(sandbox.path / d / "current").read_bytes() for d in ("all", "none", "again")]
    assert written == [long + b"\nb\n", b"b\n", long + b"\nb\n"]


@clause("multilog/line/prompt")
def test_a_line_is_in_the_file_while_input_goes_on(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"one\n")
    eventually(lambda: current.read_bytes() == b"one\n")
    multilog.write(b"two\nthree\n")
    eventually(lambda: current.read_bytes() == b"one\ntwo\nthree\n")


@clause("multilog/line/partial-waits")
@pytest.mark.parametrize(("script", "length"), [([], 2), ([], 999), (["t"], 973)])
def test_a_short_partial_line_waits_for_its_end(
    sandbox: Sandbox, script: list[str], length: int
) -> None:
    multilog = sandbox.start("multilog", *script, "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"one\n" + b"x" * length)
    eventually(lambda: b"one\n" in current.read_bytes())
    never(lambda: not current.read_bytes().endswith(b"one\n"), during=0.2)
    multilog.write(b"\n")
    line = (b"@[0-9a-f]{24} " if script else b"") + b"x{%d}\n" % length
    eventually(lambda: re.search(rb"one\n" + line + rb"\Z", current.read_bytes()))


@clause("multilog/line/partial-long-does-not-wait")
def test_a_long_partial_line_does_not_wait(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    multilog.write(b"a" * 1000)
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"a" * 1000)
    multilog.write(b"b")
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"a" * 1000 + b"b")


@clause("multilog/line/in-pieces")
def test_a_line_that_arrives_in_pieces_is_one_line(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "e", "-*b*", "./log", stdin=PIPE)
    for piece in (b"a", b"a", b"b\na", b"c", b"\n"):
        multilog.write(piece)
        # They arrive apart, as a rule; the result is the same anyway.
        never(multilog.has_ended, during=0.02)
    multilog.end_input()
    assert multilog.wait().err == b"aab\nac\n"
    assert (sandbox.path / "log/current").read_bytes() == b"ac\n"


@clause("multilog/line/in-pieces")
@pytest.mark.parametrize(("script", "length"), [([], 999), (["t"], 973)])
def test_the_end_of_a_line_counts_although_it_comes_later(
    sandbox: Sandbox, script: list[str], length: int
) -> None:
    multilog = sandbox.start("multilog", *script, "-*x", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"one\n" + b"a" * (length - 1))
    eventually(lambda: b"one\n" in current.read_bytes())
    multilog.write(b"x\n")
    multilog.end_input()
    multilog.wait()
    assert current.read_bytes().endswith(b"one\n")


@clause("multilog/line/memory")
def test_memory_does_not_grow_with_the_line(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "t", "e", "-x*", "s16777215", "n2", "./log", stdin=PIPE)
    eventually((sandbox.path / "log/current").exists)
    multilog.write(b"a" * 100_000)
    eventually(lambda: (sandbox.path / "log/current").stat().st_size >= 100_000)
    before = resident_kilobytes(multilog.pid, peak=True)
    for number in range(60):
        multilog.write(b"a" * 1_000_000)
        if number % 10 == 9:  # often, where the kernel tells no peak
            assert resident_kilobytes(multilog.pid, peak=True) - before < 4000


@clause("multilog/line/read-error")
def test_input_that_cannot_be_read_is_at_its_end(sandbox: Sandbox) -> None:
    sandbox.write("unread", b"one\n")
    write_only = os.open(sandbox.path / "unread", os.O_WRONLY)
    answer = sandbox.run("multilog", "./log", stdin=write_only)
    os.close(write_only)
    assert (answer.code, answer.err) == (0, b"")
    current = sandbox.path / "log/current"
    assert (current.read_bytes(), mode(current)) == (b"", "0744")


@clause("multilog/line/directory-as-input")
def test_a_directory_as_input_is_at_its_end(sandbox: Sandbox) -> None:
    directory = os.open(sandbox.path, os.O_RDONLY)
    answer = sandbox.run("multilog", "./log", stdin=directory)
    os.close(directory)
    assert (answer.code, answer.err) == (0, b"")
    assert mode(sandbox.path / "log/current") == "0744"


@clause("multilog/line/no-waiting-input")
def test_an_empty_input_that_does_not_wait_is_waited_for(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    multilog = sandbox.start("multilog", "./log", stdin=reader)
    eventually(lambda: multilog.has_ended() or (sandbox.path / "log/current").exists())
    never(multilog.has_ended, during=0.3)
    os.write(writer, b"a line\n")
    os.close(writer)
    os.close(reader)
    assert multilog.wait().code == 0
    assert contents(sandbox.path / "log") == b"a line\n"


@clause("multilog/line/read-error")
def test_closed_input_is_at_its_end(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir()
    answer = sandbox.run("multilog", "./log", prepare=["--close", "0"])
    assert (answer.code, answer.err) == (0, b"")


@clause("multilog/line/everything-arrives")
def test_ten_megabytes_arrive_across_files(sandbox: Sandbox) -> None:
    text = b"".join(b"%d %s\n" % (n, b"z" * (n * 7919 % 300)) for n in range(66_000))
    sandbox.run("multilog", "s300000", "n1000", "./log", input=text, within=60)
    assert contents(sandbox.path / "log") == text
    assert len(old_files(sandbox.path / "log")) >= 2
