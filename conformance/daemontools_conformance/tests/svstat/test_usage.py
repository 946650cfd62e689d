"""svstat: how it is called."""

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svstat.handmade import answer


@clause("svstat/usage/no-operand")
def test_no_operand_is_nothing_to_do(sandbox: Sandbox) -> None:
    finished = sandbox.run("svstat")
    assert (finished.code, finished.out, finished.err) == (0, b"", b"")


@clause("svstat/usage/no-options")
@pytest.mark.parametrize("name", ["-x", "--", "--help", "-"])
def test_a_word_with_a_dash_is_a_directory(sandbox: Sandbox, name: str) -> None:
    assert answer(sandbox, name) == b"unable to chdir: file does not exist"
