"""multilog: killed at any moment; nothing that was written is lost."""

import fcntl
import os
import random
from pathlib import Path

import pytest

from daemontools_conformance.helpers.limits import F_SETPIPE_SZ, bytes_in
from daemontools_conformance.helpers.locks import is_locked
from daemontools_conformance.helpers.logdirs import lines
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.helpers.strace import CHANGES, every_call, files_of_log, under_strace
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.multilog.killing import KILLED, TEXT, run, written

PARTS = 4  # each a test, so that they run at the same time


def calls_of(sandbox: Sandbox, script: list[str], held: bytes) -> list[tuple[str, int]]:
    """Each call of a run that nothing disturbs, on a log that holds this."""
    assert run(sandbox, script, []) == 0
    assert written(sandbox.path / "log") == held + TEXT
    (sandbox.path / "log").rename(sandbox.path / "log.whole")
    calls = every_call(sandbox.path / "trace")
    assert calls
    return calls


def check_killed_at(
    sandbox: Sandbox, script: list[str], call: tuple[str, int], held: bytes
) -> None:
    """Killed at this call, it has lost nothing of what the log held, and the next one goes on."""
    log = sandbox.path / "log"
    name, count = call
    assert run(sandbox, script, ["-e", f"inject={name}:signal=KILL:when={count}"]) in KILLED
    before = written(log)
    assert (held + TEXT).startswith(before)
    assert before.startswith(held)
    sandbox.run("multilog", *script, input=b"after\n")
    assert written(log) == before + b"after\n"
    log.rename(sandbox.path / f"log.{name}.{count}")


@slow
@clause("multilog/kill/every-call")
@needs("strace")
@pytest.mark.parametrize("processor", [[], ["!cat"]], ids=["plain", "processor"])
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_each_call_of_a_rotation(
    sandbox: Sandbox, processor: list[str], part: int
) -> None:
    script = ["s4096", *processor, "./log"]
    for call in calls_of(sandbox, script, b"")[part::PARTS]:
        check_killed_at(sandbox, script, call, b"")


def make_interrupted_log(sandbox: Sandbox) -> bytes:
    """./log as a multilog leaves it that was killed while a processor ran; what it holds."""
    sandbox.write("log/previous", "previous\n", mode=0o744)
    sandbox.write("log/current", "current\n", mode=0o644)
    sandbox.write("log/processed", "previ", mode=0o644)
    sandbox.write("log/state", "state\n")
    return b"previous\ncurrent\n"


@slow
@clause("multilog/kill/restart")
@needs("strace")
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_each_call_of_a_restart(sandbox: Sandbox, part: int) -> None:
    script = ["s4096", "!cat", "./log"]
    held = make_interrupted_log(sandbox)
    for call in calls_of(sandbox, script, held)[:14][part::PARTS]:
        make_interrupted_log(sandbox)
        check_killed_at(sandbox, script, call, held)


@slow
@clause("multilog/kill/random")
@pytest.mark.parametrize("processor", [[], ["!cat"]], ids=["plain", "processor"])
def test_killed_at_random_moments(
    sandbox: Sandbox, dice: random.Random, processor: list[str]
) -> None:
    script = ["s4096", "n9999", *processor, "./log"]
    log = sandbox.path / "log"
    total = b""
    for turn in range(8):
        text = b"".join(b"turn %d line %d %s\n" % (turn, n, b"x" * (n % 90)) for n in range(3000))
        multilog = sandbox.start("multilog", *script, stdin=PIPE)
        enough = len(total) + dice.randrange(1, 60_000)
        written_so_far = 0
        while written_so_far < len(text) and len(wait_until_readable(log)) < enough:
            multilog.write(text[written_so_far : written_so_far + 3000])
            written_so_far += 3000
        multilog.popen.kill()
        multilog.wait()
        # A child that has not yet become the processor still holds the lock.
        eventually(lambda: not is_locked(log / "lock"))
        found = written(log)
        assert found.startswith(total)
        assert text.startswith(found[len(total) :])
        total = found
    sandbox.run("multilog", *script, input=b"after\n")
    assert written(log) == total + b"after\n"


MOST_LOST = 20_000  # bytes


@clause("multilog/kill/what-was-read")
@needs("strace", "linux")
@pytest.mark.parametrize("when", [1, 2, 7])
def test_kill_costs_little_of_what_was_read(sandbox: Sandbox, when: int) -> None:
    text = lines(4000)  # 240,000 bytes
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 1 << 20)
    os.write(writer, text)
    tampering = ["-e", f"trace={CHANGES},write", "-e", f"inject=write:signal=KILL:when={when}"]
    multilog = under_strace(
        sandbox, files_of_log(sandbox), tampering, ["s16777215", "./log"], stdin=reader
    )
    assert multilog.wait().code in KILLED
    found = written(sandbox.path / "log")
    was_read = len(text) - bytes_in(reader)
    os.close(reader)
    os.close(writer)
    assert text.startswith(found)
    assert was_read - len(found) <= MOST_LOST


def wait_until_readable(log: Path) -> bytes:
    """What the log holds just now; while files change their names a look may fail."""
    return eventually(lambda: written(log) or b"-")
