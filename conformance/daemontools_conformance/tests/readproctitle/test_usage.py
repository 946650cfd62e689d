"""readproctitle: arguments and exit codes."""

import os
import signal

from daemontools_conformance.helpers.limits import bytes_in
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox


@clause("readproctitle/usage/no-argument")
def test_no_argument_gives_100(sandbox: Sandbox) -> None:
    answer = sandbox.run("readproctitle")
    assert (answer.code, answer.out, answer.err) == (100, b"", b"")


@clause("readproctitle/usage/short-screen")
def test_four_bytes_give_100(sandbox: Sandbox) -> None:
    answer = sandbox.run("readproctitle", "errors:", "....")
    assert (answer.code, answer.out, answer.err) == (100, b"", b"")


@clause("readproctitle/usage/short-screen")
def test_an_empty_last_argument_gives_100(sandbox: Sandbox) -> None:
    answer = sandbox.run("readproctitle", "a label long enough", "")
    assert (answer.code, answer.out, answer.err) == (100, b"", b"")


@clause("readproctitle/usage/input-untouched")
def test_a_usage_error_leaves_the_input(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"still here")
    sandbox.run("readproctitle", "....", stdin=reader)
    os.close(writer)
    assert os.read(reader, 100) == b"still here"
    os.close(reader)


@clause("readproctitle/usage/five-bytes")
def test_five_bytes_are_enough(sandbox: Sandbox) -> None:
    assert sandbox.run("readproctitle", "errors:", ".....", input=b"hello").code == 0


@clause("readproctitle/exit/end-of-input")
def test_end_of_input_gives_0(sandbox: Sandbox) -> None:
    answer = sandbox.run("readproctitle", "errors:", "." * 40, input=b"one\ntwo\n")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")


@clause("readproctitle/exit/read-error")
def test_input_open_for_writing_only_gives_111(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    answer = sandbox.run("readproctitle", ".....", stdin=writer)
    os.close(reader)
    os.close(writer)
    assert (answer.code, answer.out, answer.err) == (111, b"", b"")


@clause("readproctitle/exit/directory-as-input")
def test_a_directory_as_input_gives_111(sandbox: Sandbox) -> None:
    directory = os.open(sandbox.path, os.O_RDONLY)
    answer = sandbox.run("readproctitle", ".....", stdin=directory)
    os.close(directory)
    assert (answer.code, answer.out, answer.err) == (111, b"", b"")


@clause("readproctitle/exit/closed-input")
def test_closed_input_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("readproctitle", ".....", prepare=["--close", "0"])
    assert (answer.code, answer.out, answer.err) == (111, b"", b"")


@clause("readproctitle/exit/no-waiting-input")
def test_an_empty_pipe_that_does_not_wait_gives_111(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    answer = sandbox.run("readproctitle", ".....", stdin=reader)
    os.close(reader)
    os.close(writer)
    assert (answer.code, answer.out, answer.err) == (111, b"", b"")


@clause("readproctitle/exit/killed")
def test_term_kills_it(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a line\n")
    program = sandbox.start("readproctitle", "x" * 9, stdin=reader)
    eventually(lambda: bytes_in(reader) == 0, what="it has read the line")
    program.signal(signal.SIGTERM)
    assert program.wait().code == -signal.SIGTERM
    os.close(reader)
    os.close(writer)
