"""process: the filters and readproctitle, short of memory: not started, or nothing is lost."""

import resource
from collections.abc import Callable

import pytest

from daemontools_conformance.helpers.limits import (
    LINES,
    bytes_in,
    check_all_or_nothing,
    least,
    prlimit,
)
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Finished, is_asleep
from daemontools_conformance.running.sandbox import PIPE, Sandbox

LABEL = b"@4000000037c219bf2ef02e94 "
DATED = (LABEL + b"x\n") * 2300

WORDS = {"tai64n": [], "tai64nlocal": [], "readproctitle": ["errors:", "." * 30]}
TEXTS = {**LINES, "dated": DATED}


def is_whole(program: str, text: bytes) -> Callable[[Finished], bool]:
    """Does the output hold all that the lines say behind their labels?"""

    def kept(ended: Finished) -> bool:
        if program == "readproctitle":
            return ended.out == b""
        if program == "tai64n":
            return [line[26:] for line in ended.out.splitlines()] == text.splitlines()
        if text is DATED:
            return ended.out.count(b" x\n") == len(ended.out.splitlines()) == text.count(b"\n")
        return ended.out == text

    return kept


def sweep(sandbox: Sandbox, program: str, name: str, kind: str, step: int, steps: range) -> None:
    words, text = WORDS[program], TEXTS[kind]
    lowest = least(sandbox, program, words, name, step)
    for number in steps:
        limit = f"{name}={max(lowest + number * step, 1)}"
        check_all_or_nothing(sandbox, program, words, limit, text, is_whole(program, text))


@clause("process/limit/memory")
@pytest.mark.parametrize("name", ["AS", "DATA"])
@pytest.mark.parametrize(
    ("program", "kind"),
    [("tai64n", "empty"), ("tai64nlocal", "dated"), ("readproctitle", "long")],
)
def test_short_of_memory(sandbox: Sandbox, program: str, kind: str, name: str) -> None:
    sweep(sandbox, program, name, kind, step=400_000, steps=range(-1, 4))


@heavy("exhaustive")
@clause("process/limit/memory")
@pytest.mark.parametrize("name", ["AS", "DATA", "NOFILE"])
@pytest.mark.parametrize("kind", [kind for kind in TEXTS if kind != "labels"])
@pytest.mark.parametrize("program", WORDS)
def test_every_limit_means_all_lines_or_none_read(
    sandbox: Sandbox, program: str, kind: str, name: str
) -> None:
    step = 1 if name == "NOFILE" else 100_000
    sweep(sandbox, program, name, kind, step, range(-6, 6 if name == "NOFILE" else 60))


@clause("process/limit/lowered-memory")
@needs("linux")
@pytest.mark.parametrize("name", ["AS", "DATA"])
@pytest.mark.parametrize("program", WORDS)
def test_a_lowered_limit_of_memory_costs_nothing(sandbox: Sandbox, program: str, name: str) -> None:
    running = sandbox.start(program, *WORDS[program], stdin=PIPE)
    first, rest = b"a first line\n", b"x\n" * 30_000  # the pipe takes that at once
    running.write(first)
    pipe = running.popen.stdin.fileno()  # type: ignore[union-attr]
    eventually(lambda: bytes_in(pipe) == 0 and is_asleep(running.pid))
    limit = (4096, resource.RLIM_INFINITY)
    prlimit(running.pid, getattr(resource, f"RLIMIT_{name}"), limit)
    running.write(rest)
    running.end_input()
    ended = running.wait(within=40)
    assert ended.code == 0
    assert is_whole(program, first + rest)(ended)
