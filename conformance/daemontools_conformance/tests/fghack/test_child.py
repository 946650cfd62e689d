"""fghack: what its child is given."""

import os
from collections import Counter
from dataclasses import replace

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.samples import TRUE
from daemontools_conformance.helpers.states import DESCRIPTORS, PROBE, STATES, direct, is_probe
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import need_probe
from daemontools_conformance.running.processes import Running, children
from daemontools_conformance.running.record import Record, record
from daemontools_conformance.running.sandbox import Sandbox


def _wait_until_child_runs(running: Running) -> Record:
    """The record of the child, as soon as it is what fghack was to run."""

    def sleepers() -> list[Record]:
        return [record(pid) for pid in children(running.pid) if is_probe(pid)]

    return eventually(sleepers, what="the child runs")[0]


def _start(sandbox: Sandbox) -> Running:
    need_probe()
    return sandbox.start("fghack", *PROBE)


def _copies_by_pipe(child: Record) -> "Counter[str]":
    return Counter(to for to in child.descriptors.values() if to.startswith("pipe:"))


@clause("fghack/child/pipe-copies")
def test_child_holds_31_copies_of_one_pipe(sandbox: Sandbox) -> None:
    child = _wait_until_child_runs(_start(sandbox))
    assert list(_copies_by_pipe(child).values()) == [31]
    assert sorted(child.descriptors) == list(range(34))


@clause("fghack/child/no-reading-end")
def test_child_has_only_the_writing_end(sandbox: Sandbox) -> None:
    child = _wait_until_child_runs(_start(sandbox))
    ways = {
        int(child.descriptor_flags[fd], 8) & 0o3
        for fd, to in child.descriptors.items()
        if to.startswith("pipe:")
    }
    assert ways == {1}


@clause("fghack/child/few-descriptors")
def test_child_is_run_when_no_descriptor_is_left(sandbox: Sandbox) -> None:
    answer = sandbox.run("fghack", TRUE, prepare=["--limit", "NOFILE=16"])
    assert answer.code == 127
    assert b"shared object file" in answer.err


@clause("fghack/child/group")
def test_child_stays_in_group_and_session(sandbox: Sandbox) -> None:
    running = _start(sandbox)
    child = _wait_until_child_runs(running)
    parents = os.getpgid(running.pid), os.getsid(running.pid)
    assert (child.process_group, child.session) == parents


# Closed descriptors would be filled by the pipe, and a limit on them leaves none for a loader.
CALM = {
    name: options
    for name, options in STATES.items()
    if name not in DESCRIPTORS and not any("NOFILE" in str(word) for word in options)
}


@clause("fghack/child/nothing-else")
@pytest.mark.parametrize("state", CALM)
def test_nothing_else_changes(sandbox: Sandbox, state: str) -> None:
    before = direct(sandbox, prepare=CALM[state])
    with open(sandbox.messages, "ab") as out:
        running = sandbox.start("fghack", *PROBE, stdout=out, stderr=out, prepare=CALM[state])
    after = _wait_until_child_runs(running)
    own = {fd: to for fd, to in after.descriptors.items() if not to.startswith("pipe:")}
    flags = {fd: after.descriptor_flags[fd] for fd in own}
    assert running.pid == after.parent
    assert before == replace(after, descriptors=own, descriptor_flags=flags, parent=before.parent)
