"""multilog with several logs: what the processor of one sees of the others."""

import os
import signal

import pytest

from daemontools_conformance.helpers.locks import is_locked
from daemontools_conformance.helpers.logdirs import lines, old_files
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import is_probe
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import need_probe
from daemontools_conformance.running.processes import Running, children
from daemontools_conformance.running.record import Record, descriptors_to, record
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.signals import interrupt
from daemontools_conformance.tests.multilog.logging import PROBING

LOGS = [["./a", "./b"], ["./a", "./b", "./c"], ["=status", "./a", "=other", "./b"]]


def at_processor(sandbox: Sandbox, script: list[str], which: int) -> tuple[Running, Record]:
    """A multilog whose log number `which` is at its processor, and the processor's record.

    The processors of the logs before it have ended at once. The descriptors 6 and 9 were
    given to multilog.
    """
    need_probe()
    logs = [word for word in script if word.startswith("./")]
    words = []
    for word in script:
        before = word in logs[:which]
        words += [f"!{'true' if before else PROBING}"] if word in logs else []
        words.append(word)
    prepare = ["--open", "6", "--open", "9"]
    multilog = sandbox.start("multilog", *words, stdin=PIPE, prepare=prepare)
    multilog.write(b"begun\n")
    eventually(lambda: all((sandbox.path / log / "current").read_bytes() for log in logs))
    interrupt(multilog, signal.SIGALRM)

    pids = eventually(lambda: [*filter(is_probe, children(multilog.pid))], what="it runs")
    return multilog, record(pids[0])


@clause("multilog/processor/several-logs")
@pytest.mark.parametrize("script", LOGS, ids=" ".join)
@pytest.mark.parametrize("which", [0, 1])
def test_a_processor_has_nothing_of_the_other_logs(
    sandbox: Sandbox, script: list[str], which: int
) -> None:
    _, seen = at_processor(sandbox, script, which)
    assert set(seen.descriptors) == {0, 1, 2, 4, 5, 6, 9}
    log = sandbox.path.resolve() / [word for word in script if word.startswith("./")][which]
    expected = {0: "previous", 1: "processed", 4: "state", 5: "newstate"}
    assert {n: descriptors_to(seen, log / name) for n, name in expected.items()} == {
        number: [number] for number in expected
    }


@clause("multilog/lock/not-inherited-by-others")
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_process_that_a_processor_leaves_locks_no_log(sandbox: Sandbox, which: int) -> None:
    logs = ["./a", "./b", "./c"]
    script = ["s4096"]
    for number, log in enumerate(logs):
        script += [f"!{'sleep 1000 & echo $! >../left' if number == which else 'true'}", log]
    assert sandbox.run("multilog", *script, input=lines(40)).code == 0
    left = int((sandbox.path / "left").read_text())
    os.kill(left, 0)  # it lives
    assert [log for log in logs if is_locked(sandbox.path / log / "lock")] == []
    assert all(old_files(sandbox.path / log) for log in logs)
