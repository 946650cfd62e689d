"""envdir: a call that nothing but strace can make fail."""

import os

import pytest

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.strace import run_refused
from daemontools_conformance.running.sandbox import Sandbox

CHAINS = [[], ["pgrphack"], ["setlock", "lock"]]  # between softlimit and envdir


@clause("envdir/error/no-way-back")
@needs("strace")
def test_the_starting_directory_cannot_be_entered_again(sandbox: Sandbox) -> None:
    sandbox.write("e/A", b"x\n")
    answer = run_refused(sandbox, "fchdir", "EIO", "envdir", "e", "/bin/echo", "ran")
    expected = b"envdir: fatal: unable to switch to starting directory: input/output error\n"
    assert (answer.code, answer.out, answer.err) == (111, b"", expected)


@clause("envdir/error/out-of-memory")
def test_a_file_larger_than_the_memory(sandbox: Sandbox) -> None:
    with open(sandbox.write("e/A"), "wb") as file:
        file.truncate(300_000_000)
    answer = sandbox.run("envdir", "e", "true", prepare=["--limit", "AS=100000000"])
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to read e/A: out of memory\n"


@clause("envdir/error/out-of-memory")
def test_a_file_without_an_end(sandbox: Sandbox) -> None:
    (sandbox.path / "e").mkdir()
    (sandbox.path / "e/A").symlink_to("/dev/zero")
    answer = sandbox.run("envdir", "e", "true", prepare=["--limit", "AS=100000000"])
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to read e/A: out of memory\n"


@clause("envdir/error/out-of-memory-in-a-chain")
@pytest.mark.parametrize("chain", CHAINS)
def test_a_file_without_an_end_under_a_limit_of_the_chain(
    sandbox: Sandbox, chain: list[str]
) -> None:
    (sandbox.path / "e").mkdir()
    (sandbox.path / "e/A").symlink_to("/dev/zero")
    check_too_large(sandbox, chain)


@clause("envdir/error/out-of-memory-in-a-chain")
@pytest.mark.parametrize("chain", CHAINS)
def test_a_file_larger_than_a_limit_of_the_chain(sandbox: Sandbox, chain: list[str]) -> None:
    file = sandbox.write("e/A", b"short\n")
    os.truncate(file, 300_000_000)
    check_too_large(sandbox, chain)


def check_too_large(sandbox: Sandbox, chain: list[str]) -> None:
    """Behind a softlimit of 50 million bytes and `chain`, e/A is too large for envdir."""
    answer = sandbox.run("softlimit", "-m", "50000000", *chain, "envdir", "e", "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to read e/A: out of memory\n"


@clause("envdir/error/values-out-of-memory")
def test_values_that_are_too_much_together(sandbox: Sandbox) -> None:
    for number in range(600):
        sandbox.write(f"e/V{number}", bytes(100_000))
    answer = sandbox.run("softlimit", "-m", "50000000", "envdir", "e", "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: out of memory\n"


@clause("envdir/child/cannot-run-odd")
def test_odd_entries_change_no_message(sandbox: Sandbox) -> None:
    sandbox.write("e/A", b"x\n")
    answer = sandbox.run("envdir", "e", "./none", prepare=["--environ-entry", "odd"])
    expected = b"envdir: fatal: unable to run ./none: file does not exist\n"
    assert (answer.code, answer.err) == (111, expected)
