"""A working directory that is too deep for its path to be named."""

import os

import pytest

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.runners import answer_of
from daemontools_conformance.helpers.samples import SAMPLES, call, each, is_as_ever
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.values.deep import deep_folder

TWICE = b"s: unable to open supervise/ok: file does not exist\n" * 2
CONTROL = b"svc: warning: unable to control s: file does not exist\n" * 2
SUPERVISE = b"supervise: fatal: unable to acquire f/supervise/lock: not a directory\n"
# program -> its arguments, and its exit code, output and messages
CALLS: dict[str, tuple[list[str], tuple[int, bytes, bytes]]] = {
    "svc": (["-u", "s", "s"], (0, b"", CONTROL)),
    "svok": (["s"], (100, b"", b"")),
    "svstat": (["s", "s"], (0, TWICE, b"")),
    "supervise": (["f"], (111, b"", SUPERVISE)),
    "setlock": (["l", "ls"], (0, b"e\nf\nl\ns\n", b"")),
    "envdir": (["e", "ls"], (0, b"e\nf\ns\n", b"")),
    "softlimit": (["ls"], (0, b"e\nf\ns\n", b"")),
    "fghack": (["ls"], (0, b"e\nf\ns\n", b"")),
    "multilog": (["=t", "./a", "e", "./s"], (0, b"", b"one\n")),
}


@clause("process/files/deep-working-directory")
@needs("linux")
@pytest.mark.parametrize("program", CALLS)
def test_a_working_directory_without_a_path(sandbox: Sandbox, program: str) -> None:
    words, expected = CALLS[program]
    with deep_folder() as folder:
        answer = sandbox.run(program, *words, input=b"one\n", cwd=folder)
        assert answer_of(answer) == expected
        if program == "multilog":
            assert {"a", "t"} < set(os.listdir(folder))


@clause("process/files/deep-working-directory")
@needs("linux")
@each([program for program in SAMPLES if program not in CALLS])
def test_a_usual_call_in_a_directory_without_a_path(sandbox: Sandbox, program: str) -> None:
    usual = call(sandbox, program)
    with deep_folder() as folder:
        answer = call(sandbox, program, cwd=folder)
    assert is_as_ever(program, answer, usual), answer
