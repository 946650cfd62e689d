"""svc: every set of options."""

import itertools

import pytest

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svc.handmade import service

FIRST, SECOND = "udopc", "haitkx"


def subsets(letters: str) -> list[str]:
    """All sets of these letters, in their order."""
    sizes = range(len(letters) + 1)
    return ["".join(s) for n in sizes for s in itertools.combinations(letters, n)]


@heavy("exhaustive")
@clause("svc/letters/joined")
@pytest.mark.parametrize("first", subsets(FIRST))
def test_every_set_of_options_joined_and_apart(sandbox: Sandbox, first: str) -> None:
    with service(sandbox) as control:
        for second in subsets(SECOND):
            letters = first + second
            joined = [f"-{letters}"] if letters else []
            for options in (joined, [f"-{letter}" for letter in letters]):
                assert sandbox.run("svc", *options, "s").code == 0
                assert control.read() == letters.encode()


@heavy("exhaustive")
@clause("svc/usage/illegal-option-sends-nothing")
@pytest.mark.parametrize("begin", range(1, 256, 32))
def test_every_other_byte_as_an_option(sandbox: Sandbox, begin: int) -> None:
    others = set(range(begin, min(begin + 32, 256))) - set(FIRST.encode() + SECOND.encode())
    with service(sandbox) as control:
        for number in sorted(others - {ord("-")}):
            letter = bytes([number])
            sandbox.run("svc", b"-u" + letter, "s")
            assert control.read() == b""
