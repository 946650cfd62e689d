"""How many system calls a block of lines costs: no benchmark, but a program that crawls is seen."""

import re

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.sandbox import Argument, Sandbox

LINES = 1000
TEXT = b"a short line\n" * LINES
MOST = LINES // 4  # 0.76 takes 13 reads and 19 writes for such a block
CALLS = "read,readv,pread64,write,writev,pwrite64"


def calls_for_a_block(sandbox: Sandbox, program: str, *words: Argument) -> int:
    """How often the program reads its input, and writes what it makes of it."""
    file, argv = sandbox.argv(program, *words)
    source, target = sandbox.write("input", TEXT), sandbox.path / "output"
    paths: list[Argument] = [word for path in (source, target) for word in ("-P", path.resolve())]
    paths += ["-P", sandbox.path.resolve() / "log/current"]
    strace: list[Argument] = ["strace", "-f", "-o", "trace", "-e", f"trace={CALLS}", *paths]
    with open(source, "rb") as stdin, open(target, "wb") as stdout:
        command = [*strace, file, *argv[1:]]
        assert sandbox.start_command(command, stdin=stdin, stdout=stdout).wait(60).code == 0
    trace = (sandbox.path / "trace").read_text(errors="replace")
    return len(re.findall(r"^(?:\d+ +)?(?:read|write|p?readv?|p?writev?)", trace, re.MULTILINE))


@clause("tai64n/output/few-calls")
@needs("strace")
def test_tai64n_takes_few_calls_for_many_lines(sandbox: Sandbox) -> None:
    assert 2 <= calls_for_a_block(sandbox, "tai64n") <= MOST


@clause("tai64nlocal/output/few-calls")
@needs("strace")
def test_tai64nlocal_takes_few_calls_for_many_lines(sandbox: Sandbox) -> None:
    assert 2 <= calls_for_a_block(sandbox, "tai64nlocal") <= MOST


@clause("multilog/line/few-calls")
@needs("strace")
def test_multilog_takes_few_calls_for_many_lines(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir()
    assert 2 <= calls_for_a_block(sandbox, "multilog", "t", "./log") <= MOST
