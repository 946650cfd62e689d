"""The pauses between attempts: neither shorter nor longer than 0.76's."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemontools_conformance.helpers.marks import clause, slow
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.signals import interrupt
from daemontools_conformance.tests.timing.prompt import check_prompt, seconds

PAUSE = 5.0  # seconds
LATE = 0.25  # the most by which a warning is seen after it was written, on a machine with load
LONGEST = PAUSE + 0.9  # a pause of six seconds is one too long


def refuse_rename(log: Path) -> None:
    (log / "current").unlink()


# What makes multilog try for ever -> its script, and what happens to the log before ALRM.
TROUBLES: dict[str, tuple[list[str], Callable[[Path], object]]] = {
    "a call for the log": (["./log"], refuse_rename),
    "a status file that cannot be rewound": (["=fifo", "./log"], lambda _: None),
    "a processor that fails": (["!exit 1", "./log"], lambda _: None),
    "a processor that crashes": (["!kill -9 $$", "./log"], lambda _: None),
}


def in_trouble(sandbox: Sandbox, trouble: str) -> Running:
    """A multilog that has met this trouble for the first time."""
    script, spoil = TROUBLES[trouble]
    os.mkfifo(sandbox.path / "fifo")
    reader = os.open(sandbox.path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    multilog = sandbox.start("multilog", *script, stdin=PIPE)
    multilog.write(b"begun\n")
    log = sandbox.path / "log"
    eventually(lambda: multilog.err or (log / "current").read_bytes())
    os.close(reader)
    if not multilog.err:
        spoil(log)
        interrupt(multilog, signal.SIGALRM)
    return multilog


def next_warning(multilog: Running, after: int) -> float:
    """Wait until there is more than `after` bytes of warnings; the moment of the clock."""
    eventually(lambda: len(multilog.err) > after, within=30)
    return time.monotonic()


def pauses(multilog: Running, warnings: int) -> list[float]:
    """How long each pause lasts that begins and ends with a warning."""
    found: list[float] = []
    said = 0
    moment = 0.0
    for _ in range(warnings):
        seen = next_warning(multilog, said)
        found += [seen - moment] if said else []
        said, moment = len(multilog.err), seen
    return found


@slow
@clause("multilog/fault/five-seconds")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_it_tries_again_after_five_seconds(sandbox: Sandbox, trouble: str) -> None:
    multilog = in_trouble(sandbox, trouble)
    found = pauses(multilog, 2)
    assert min(found) > PAUSE - LATE
    if min(found) > LONGEST:  # a busy machine may delay one, but not all
        found += pauses(multilog, 3)
    assert min(found) < LONGEST


@clause("supervise/unstartable/pauses")
def test_an_unstartable_run_is_tried_again_within_two_seconds(sandbox: Sandbox) -> None:
    (sandbox.path / "s").mkdir()
    supervise = sandbox.start("supervise", "s")

    def attempt() -> float:
        before = supervise.err.count(b"\n")
        return seconds(lambda: eventually(lambda: supervise.err.count(b"\n") > before))

    attempt()  # the first try follows at once
    check_prompt(attempt, within=1.9)
