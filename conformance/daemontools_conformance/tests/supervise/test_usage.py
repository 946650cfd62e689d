"""supervise: arguments."""

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import SLEEP, wait_until_up

USAGE = b"supervise: usage: supervise dir\n"


@clause("supervise/usage/no-operand")
def test_no_operand_is_a_usage_error(sandbox: Sandbox) -> None:
    finished = sandbox.run("supervise")
    assert (finished.code, finished.out, finished.err) == (100, b"", USAGE)


@clause("supervise/usage/second-operand")
def test_two_operands_are_a_usage_error(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    finished = sandbox.run("supervise", "s", "s")
    assert (finished.code, finished.out, finished.err) == (100, b"", USAGE)
    assert not (sandbox.path / "s/supervise").exists()


@clause("supervise/usage/no-options")
@pytest.mark.parametrize("name", ["-x", "--", "--help"])
def test_a_directory_with_a_dash(sandbox: Sandbox, name: str) -> None:
    sandbox.service(name, SLEEP)
    sandbox.supervise(name)
    assert wait_until_up(sandbox, name)


@clause("supervise/usage/odd-name")
@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b" ", b"%s"])
def test_odd_names_are_entered_and_shown_byte_for_byte(sandbox: Sandbox, name: bytes) -> None:
    missing = sandbox.run("supervise", name)
    sandbox.write(name + b"/supervise")
    entered = sandbox.run("supervise", name)
    assert (missing.code, entered.code) == (111, 111)
    assert missing.err == b"supervise: fatal: unable to chdir to %b: file does not exist\n" % name
    assert entered.err.endswith(b"supervise/lock: not a directory\n")


@clause("supervise/usage/symlink")
def test_a_link_to_the_directory(sandbox: Sandbox) -> None:
    sandbox.service("real", SLEEP)
    (sandbox.path / "s").symlink_to("real")
    sandbox.supervise("s")
    assert wait_until_up(sandbox, "s") == wait_until_up(sandbox, "real")
