"""svok: arguments."""

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox


@clause("svok/usage/no-operand")
def test_no_operand_gives_100_and_the_usage_line(sandbox: Sandbox) -> None:
    answer = sandbox.run("svok")
    assert (answer.code, answer.out, answer.err) == (100, b"", b"svok: usage: svok dir\n")


@clause("svok/usage/further-operands")
def test_further_operands_are_ignored(sandbox: Sandbox) -> None:
    sandbox.service("clock", "exec sleep 1000", down=True)
    sandbox.supervise("clock")
    assert sandbox.run("svok", "clock", "nowhere").code == 0


@clause("svok/usage/no-options")
def test_operand_with_a_dash_is_a_directory(sandbox: Sandbox) -> None:
    sandbox.write("-x/run")
    answer = sandbox.run("svok", "-x")
    assert (answer.code, answer.err) == (100, b"")
