"""softlimit: options and usage."""

import signal

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox

USAGE = (
    b"softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes]"
    b" [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes]"
    b" [-s stackbytes] [-t cpusecs] child\n"
)


@clause("softlimit/amount/not-a-number")
@pytest.mark.parametrize(
    "amount", [b"abc", b"-1", b"5k", b" 5", b"5 ", b"0x10", b"==", b"=5", b"+5", b"\xff"]
)
@pytest.mark.parametrize("letter", ["o", "m", "c"])
def test_not_a_number(sandbox: Sandbox, letter: str, amount: bytes) -> None:
    answer = sandbox.run("softlimit", f"-{letter}", amount, "echo", "ran")
    assert (answer.code, answer.out, answer.err) == (100, b"", USAGE)


@clause("softlimit/options/next-word")
@pytest.mark.parametrize("word", ["-c", "--", "-", "true"])
def test_the_next_word_is_the_argument(sandbox: Sandbox, word: str) -> None:
    answer = sandbox.run("softlimit", "-o", word, "echo", "ran")
    assert (answer.code, answer.out, answer.err) == (100, b"", USAGE)


@clause("softlimit/options/end-at-operand")
def test_the_childs_options_are_its_own(sandbox: Sandbox) -> None:
    answer = sandbox.run("softlimit", "printf", "%s ", "-o", "5", "-z")
    assert (answer.code, answer.out, answer.err) == (0, b"-o 5 -z ", b"")


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
@pytest.mark.parametrize("words", [[], ["-o", "50"], ["--"], ["-o50", "--"]])
def test_no_child_is_a_usage_error(sandbox: Sandbox, words: list[str]) -> None:
    answer = sandbox.run("softlimit", *words)
    assert (answer.code, answer.out, answer.err) == (100, b"", USAGE)


@clause("softlimit/usage/illegal-option")
@pytest.mark.parametrize("word", [b"-z", b"-A", b"-\xff", b"-:", b"-1"])
def test_an_illegal_option(sandbox: Sandbox, word: bytes) -> None:
    answer = sandbox.run("softlimit", word, "5", "echo", "ran")
    assert (answer.code, answer.out) == (100, b"")
    assert answer.err == b"softlimit: illegal option -- " + word[1:] + b"\n" + USAGE


@clause("softlimit/usage/argument-missing")
@pytest.mark.parametrize("letter", "acdflmoprst")
def test_the_last_argument_is_missing(sandbox: Sandbox, letter: str) -> None:
    answer = sandbox.run("softlimit", f"-{letter}")
    assert (answer.code, answer.out) == (100, b"")
    message = f"softlimit: option requires an argument -- {letter}\n"
    assert answer.err == message.encode() + USAGE


@clause("softlimit/usage/name-in-message")
def test_the_first_line_shows_the_base_name(sandbox: Sandbox) -> None:
    file = sandbox.file("softlimit")
    (sandbox.path / "other name").symlink_to(file)
    answer = sandbox.start_command([sandbox.path / "other name", "-z"]).wait()
    assert answer.code == 100
    assert answer.err == b"other name: illegal option -- z\n" + USAGE
