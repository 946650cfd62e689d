"""softlimit: options and usage."""

import signal

import pytest

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox

USAGE = (
    b"softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes]"
    b" [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes]"
    b" [-s stackbytes] [-t cpusecs] child\n"
)


@clause("softlimit/amount/not-a-number")
def test_not_a_number(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("softlimit", *vector.input["words"])
    assert (answer.code, answer.out, answer.err) == (vector.answer["exit"], b"", USAGE)


@clause("softlimit/options/next-word")
def test_the_next_word_is_the_argument(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("softlimit", *vector.input["words"])
    assert (answer.code, answer.out, answer.err) == (vector.answer["exit"], b"", USAGE)


@clause("softlimit/options/end-at-operand")
def test_the_childs_options_are_its_own(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("softlimit", *vector.input["words"])
    child = sandbox.start_command(vector.answer["child"]).wait()
    assert (answer.code, answer.out) == (0, child.out)


@clause("softlimit/options/single-dash")
def test_a_dash_alone_is_the_child(sandbox: Sandbox) -> None:
    answer = sandbox.run("softlimit", "-", "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"softlimit: fatal: unable to run -: file does not exist\n"


@clause("softlimit/options/act-in-turn")
@pytest.mark.parametrize("words", [["-z"], ["-o", "x"], ["-o"], ["-f", "=", "-f", "0"], ["nosuch"]])
def test_options_before_a_mistake_have_acted(sandbox: Sandbox, words: list[str]) -> None:
    answer = sandbox.run("softlimit", "-f", "0", *words)  # the messages go to a file
    assert (answer.code, answer.out, answer.err) == (-signal.SIGXFSZ, b"", b"")


@clause("softlimit/usage/no-operand")
def test_no_child_is_a_usage_error(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("softlimit", *vector.input["words"])
    assert (answer.code, answer.out, answer.err) == (vector.answer["exit"], b"", USAGE)


@clause("softlimit/usage/illegal-option")
def test_an_illegal_option(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("softlimit", *vector.input["words"])
    assert (answer.code, answer.out) == (vector.answer["exit"], b"")
    assert answer.err == vector.answer["stderr"] + b"\n" + USAGE


@clause("softlimit/usage/argument-missing")
def test_the_last_argument_is_missing(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("softlimit", *vector.input["words"])
    assert (answer.code, answer.out) == (vector.answer["exit"], b"")
    assert answer.err == vector.answer["stderr"] + b"\n" + USAGE


@clause("softlimit/usage/name-in-message")
def test_the_first_line_shows_the_base_name(sandbox: Sandbox) -> None:
    file = sandbox.file("softlimit")
    (sandbox.path / "other name").symlink_to(file)
    answer = sandbox.start_command([sandbox.path / "other name", "-z"]).wait()
    assert answer.code == 100
    assert answer.err == b"other name: illegal option -- z\n" + USAGE
