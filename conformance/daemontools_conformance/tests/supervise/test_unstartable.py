"""supervise: a ./run that cannot be started."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.samples import TRUE
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.supervise.services import noted, wait_until_up

RUNS: dict[str, tuple[Callable[[Sandbox], object], bytes]] = {
    "not executable": (lambda box: box.write("s/run", "#!/bin/sh\n", 0o644), b"access denied"),
    "directory": (lambda box: (box.path / "s/run").mkdir(parents=True), b"access denied"),
    "no first line": (lambda box: box.write("s/run", "exit\n", 0o755), b"exec format error"),
    "empty": (lambda box: box.write("s/run", "", 0o755), b"exec format error"),
    "no interpreter": (lambda box: box.script("s/run", "", "/nowhere"), b"file does not exist"),
    "link to nowhere": (lambda box: _link(box, "nowhere"), b"file does not exist"),
    "link to itself": (lambda box: _link(box, "run"), b"symbolic link loop"),
}


def _link(sandbox: Sandbox, target: str) -> None:
    (sandbox.path / "s").mkdir()
    (sandbox.path / "s/run").symlink_to(target)


@clause("supervise/unstartable/missing")
@pytest.mark.parametrize("name", ["s", "./s", "s/"])
def test_without_a_run_it_says_so_and_tries_again(sandbox: Sandbox, name: str) -> None:
    (sandbox.path / "s").mkdir()
    supervise = sandbox.start("supervise", name)
    why = f"supervise: fatal: unable to start {name}/run: file does not exist\n"
    supervise.wait_until_err(why.encode() * 3)
    assert not supervise.has_ended()


@clause("supervise/unstartable/reasons")
@pytest.mark.parametrize("kind", RUNS)
def test_the_reason_is_told_at_each_try(sandbox: Sandbox, kind: str) -> None:
    make, reason = RUNS[kind]
    make(sandbox)
    supervise = sandbox.start("supervise", "s")
    line = b"supervise: fatal: unable to start s/run: " + reason + b"\n"
    eventually(lambda: supervise.err.startswith(line * 2))
    assert not supervise.has_ended()


@clause("supervise/unstartable/reasons")
def test_run_is_being_written(sandbox: Sandbox) -> None:
    run = sandbox.script("s/run", "")
    run.write_bytes(Path(TRUE).read_bytes())
    with open(run, "ab"):
        supervise = sandbox.start("supervise", "s")
        eventually(lambda: b"unable to start s/run: text busy\n" in supervise.err)


@clause("supervise/unstartable/recovers")
def test_a_run_that_appears_is_started(sandbox: Sandbox) -> None:
    (sandbox.path / "s").mkdir()
    supervise = sandbox.start("supervise", "s")
    eventually(lambda: b"file does not exist" in supervise.err)
    sandbox.script("ready", f"{history.NOTE_START}\nexec sleep 1000").rename(sandbox.path / "s/run")
    eventually(lambda: noted(sandbox))
    assert wait_until_up(sandbox) == noted(sandbox)[0].pid


@clause("supervise/unstartable/pauses")
def test_once_a_second(sandbox: Sandbox) -> None:
    (sandbox.path / "s").mkdir()
    begin = time.monotonic()
    supervise = sandbox.start("supervise", "s")
    eventually(lambda: supervise.err.count(b"\n") >= 4)
    seen = supervise.err.count(b"\n")
    assert time.monotonic() - begin >= seen - 1
