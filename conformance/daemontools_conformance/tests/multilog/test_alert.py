"""multilog: the action e prints selected lines on standard error."""

import os
import re
import signal

from daemontools_conformance.helpers.logdirs import contents, lines
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import PIPE, Sandbox


@clause("multilog/alert/selected")
def test_selected_lines_are_printed(sandbox: Sandbox) -> None:
    answer = sandbox.run("multilog", "-b", "e", input=b"a\nb\n\nc")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"a\n\nc\n")


@clause("multilog/alert/at-most-200")
def test_200_characters_are_printed_whole(sandbox: Sandbox) -> None:
    line = b"y" * 199 + b"z"
    assert sandbox.run("multilog", "e", input=line + b"\n").err == line + b"\n"


@clause("multilog/alert/at-most-200")
def test_longer_lines_are_cut(sandbox: Sandbox) -> None:
    text = b"y" * 201 + b"\n" + b"z" * 5000 + b"\nshort\n"
    first, second, short = sandbox.run("multilog", "e", input=text).err.splitlines()
    assert (first[:200], first.count(b"y")) == (b"y" * 200, 200)
    assert (second[:200], second.count(b"z")) == (b"z" * 200, 200)
    assert short == b"short"


@clause("multilog/alert/dots")
def test_longer_lines_end_in_dots(sandbox: Sandbox) -> None:
    text = b"y" * 201 + b"\n" + b"z" * 5000 + b"\nshort\n"
    expected = b"y" * 200 + b"...\n" + b"z" * 200 + b"...\nshort\n"
    assert sandbox.run("multilog", "e", input=text).err == expected


@clause("multilog/alert/stamp-counts")
def test_stamp_counts_among_the_200(sandbox: Sandbox) -> None:
    text = b"y" * 174 + b"\n" + b"z" * 175 + b"\n"
    answer = sandbox.run("multilog", "t", "e", input=text)
    expected = rb"@[0-9a-f]{24} y{174}\n@[0-9a-f]{24} z{174}\.\.\.\n"
    assert re.fullmatch(expected, answer.err)


@clause("multilog/alert/prompt")
def test_an_alert_is_printed_while_input_goes_on(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "e", stdin=PIPE)
    multilog.write(b"one\n")
    multilog.wait_until_err(b"one\n")


@clause("multilog/alert/prompt")
def test_a_long_line_alerts_before_it_ends(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "e", stdin=PIPE)
    multilog.write(b"a" * 1000)
    multilog.wait_until_err(b"a" * 200 + b"...\n")


@clause("multilog/alert/nobody-listens")
def test_closed_standard_error_does_not_matter(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir()
    text = b"one\ntwo\n"
    answer = sandbox.run("multilog", "e", "./log", input=text, prepare=["--close", "2"])
    assert answer.code == 0
    assert (sandbox.path / "log/current").read_bytes() == text


@clause("multilog/alert/closed-standard-error")
def test_alerts_that_nobody_gets_are_in_no_log(sandbox: Sandbox) -> None:
    text = lines(500)
    sandbox.run("multilog", "s4096", "n100", "e", "./log", input=text, prepare=["--close", "2"])
    assert contents(sandbox.path / "log") == text


@clause("multilog/alert/pipe")
def test_standard_error_without_a_reader_kills_it(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    multilog = sandbox.start("multilog", "e", stdin=PIPE, stderr=writer)
    os.close(writer)
    multilog.write(b"one\n")
    assert multilog.wait().code == -signal.SIGPIPE
