"""fghack: arguments, and what it cannot do."""

from daemontools_conformance.helpers.marks import AS_USER, clause
from daemontools_conformance.helpers.runners import answer_of, refusal
from daemontools_conformance.running.sandbox import Sandbox


@clause("fghack/usage/no-operand")
def test_no_operand_gives_100_and_the_usage_line(sandbox: Sandbox) -> None:
    answer = sandbox.run("fghack")
    assert answer_of(answer) == (100, b"", b"fghack: usage: fghack child\n")


@clause("fghack/usage/no-options")
def test_word_with_a_dash_is_the_child(sandbox: Sandbox) -> None:
    answer = sandbox.run("fghack", "--", "true")
    assert answer_of(answer) == refusal("fghack", "--", "file does not exist")


@clause("fghack/error/pipe")
def test_no_pipe_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("fghack", "true", prepare=["--limit", "NOFILE=4"])
    message = b"fghack: fatal: unable to create pipe: process cannot open more files\n"
    assert answer_of(answer) == (111, b"", message)


@clause("fghack/error/fork")
def test_no_process_gives_111(sandbox: Sandbox) -> None:
    # The limit comes after the change of user: before it, it would forbid the exec.
    limited = [*AS_USER, "--limit", "NPROC=0"]
    answer = sandbox.run("fghack", "true", prepare=limited)
    assert answer_of(answer) == (111, b"", b"fghack: fatal: unable to fork: temporary failure\n")
