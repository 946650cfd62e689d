"""multilog: short of memory or descriptors, it does not start, or it keeps all lines."""

import os
import resource
import shutil
import signal
from collections.abc import Callable

import pytest

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.limits import LINES, check_all_or_nothing, least, prlimit
from daemontools_conformance.helpers.logdirs import contents
from daemontools_conformance.helpers.marks import clause, heavy, needs, slow
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.table import proc

SCRIPTS = {
    "plain": ["n999", "./log"],
    "stamp": ["t", "n999", "./log"],
    "patterns": ["t", "n999", "-*never*", "+*zz*", "-*no such*", "./log"],
    "alert": ["t", "n999", "e", "./log"],
    "status": ["t", "n999", "=status", "=other", "./log"],
    "directories": ["t", "n999", "./log", "-*zz*", "./second", "-*zzz*", "./third"],
    "large": ["t", "n999", "s16777215", "./log"],
    "many-patterns": ["t", "n999", *(f"{'+-'[n % 2]}*{n}?*" for n in range(3000)), "./log"],
}


def keeps(sandbox: Sandbox, script: list[str], text: bytes) -> Callable[[Finished], bool]:
    """Is every line of the text in ./log once and in order? Forgets the log afterwards."""
    stamp_bytes = 26 if script[0] == "t" else 0

    def kept(_ended: Finished) -> bool:
        found = contents(sandbox.path / "log")
        for name in ("log", "second", "third"):
            shutil.rmtree(sandbox.path / name, ignore_errors=True)
        return [line[stamp_bytes:] for line in found.split(b"\n")] == text.split(b"\n")

    return kept


def sweep(
    sandbox: Sandbox, name: str, script: list[str], kind: str, step: int, steps: range
) -> None:
    lowest, text = least(sandbox, "multilog", script, name, step), LINES[kind]
    for number in steps:
        limit = f"{name}={max(lowest + number * step, 1)}"
        kept = keeps(sandbox, script, text)
        check_all_or_nothing(sandbox, "multilog", script, limit, text, kept)


@clause("multilog/limit/memory")
@pytest.mark.parametrize("name", ["AS", "DATA"])
@pytest.mark.parametrize(
    ("script", "kind"),
    [("stamp", "empty"), ("patterns", "two-bytes"), ("plain", "usual"), ("alert", "empty")],
)
def test_short_of_memory(sandbox: Sandbox, script: str, kind: str, name: str) -> None:
    sweep(sandbox, name, SCRIPTS[script], kind, step=400_000, steps=range(-1, 4))


@clause("multilog/limit/descriptors")
@pytest.mark.parametrize("script", ["patterns", "status", "directories"])
def test_short_of_descriptors(sandbox: Sandbox, script: str) -> None:
    sweep(sandbox, "NOFILE", SCRIPTS[script], "usual", step=1, steps=range(-2, 3))


@heavy("exhaustive")
@clause("multilog/limit/memory")
@pytest.mark.parametrize("name", ["AS", "DATA", "STACK"])
@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_limit_of_memory(sandbox: Sandbox, script: str, kind: str, name: str) -> None:
    step = 8192 if name == "STACK" else 100_000
    sweep(sandbox, name, SCRIPTS[script], kind, step, steps=range(-10, 50))


@heavy("exhaustive")
@clause("multilog/limit/descriptors")
@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_limit_of_descriptors(sandbox: Sandbox, script: str, kind: str) -> None:
    sweep(sandbox, "NOFILE", SCRIPTS[script], kind, step=1, steps=range(-8, 6))


def waiting(sandbox: Sandbox, *script: str, inherited: range = range(0)) -> int:
    """The process id of a multilog that has not read anything yet, but waits for input."""
    most = max([*inherited, 0]) + 100  # a login may have a soft limit of 1024
    if 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < most:
        raise Unavailable(f"needs a hard limit of {most} descriptors")
    prepare = ["--limit", f"NOFILE={most}"] * bool(inherited)
    prepare += [word for fd in inherited for word in ("--open", str(fd))]
    multilog = sandbox.start("multilog", *script, stdin=PIPE, prepare=prepare)
    eventually((sandbox.path / "log/current").exists)
    eventually(lambda: asleep_in_start(multilog.pid))
    return multilog.pid


def asleep_in_start(pid: int) -> bool:
    with proc(pid, "wchan").open() as file:
        return "poll" in (where := file.read()) or "pipe" in where


@clause("multilog/limit/lowered-descriptors")
@needs("linux")
@pytest.mark.parametrize("amount", [3, 1, 0])
def test_a_lowered_limit_of_descriptors_costs_nothing(sandbox: Sandbox, amount: int) -> None:
    pid = waiting(sandbox, "-*", "+*fatal*", "./log")
    prlimit(pid, resource.RLIMIT_NOFILE, (amount, amount))
    multilog = sandbox.started[-1]
    multilog.write(b"this is fatal\n")
    eventually(lambda: contents(sandbox.path / "log") == b"this is fatal\n")
    multilog.end_input()
    answer = multilog.wait()
    assert (answer.code, answer.err) == (0, b"")


@clause("multilog/limit/lowered-descriptors")
@needs("linux")
@pytest.mark.parametrize("amount", [3, 1, 0])
def test_many_inherited_descriptors_make_no_difference(sandbox: Sandbox, amount: int) -> None:
    pid = waiting(sandbox, "./log", inherited=range(3, 1100))
    prlimit(pid, resource.RLIMIT_NOFILE, (amount, amount))
    multilog = sandbox.started[-1]
    multilog.write(b"a line\n")
    eventually(lambda: contents(sandbox.path / "log") == b"a line\n")
    multilog.signal(signal.SIGTERM)
    answer = multilog.wait()
    assert (answer.code, answer.err) == (0, b"")


@slow
@clause("multilog/limit/lowered-memory")
@needs("linux")
@pytest.mark.parametrize("name", ["AS", "DATA"])
@pytest.mark.parametrize("script", ["stamp", "patterns", "alert", "status"])
def test_a_lowered_limit_of_memory_costs_nothing(sandbox: Sandbox, script: str, name: str) -> None:
    pid = waiting(sandbox, *SCRIPTS[script])
    which = getattr(resource, f"RLIMIT_{name}")
    prlimit(pid, which, (4096, resource.RLIM_INFINITY))
    multilog = sandbox.started[-1]
    os.set_blocking(multilog.popen.stdin.fileno(), False)  # type: ignore[union-attr]
    text = LINES["empty"][:60_000]
    multilog.write(text)
    eventually(lambda: multilog.has_ended() or contents(sandbox.path / "log") or multilog.err)
    prlimit(pid, which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    multilog.end_input()
    ended = multilog.wait(within=40)
    assert ended.code == 0
    assert keeps(sandbox, SCRIPTS[script], text)(ended)
