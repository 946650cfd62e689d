"""Great process ids: written whole, and waited for and signalled as ever."""

import os

import pytest

from daemontools_conformance.helpers.logdirs import codes, lines
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, children
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    services,
    supervises_among,
    waiting_supervise,
)
from daemontools_conformance.tests.values.pids import LAST_IDS, after, check_permitted

great = pytest.mark.parametrize("last", LAST_IDS)


def numbers(sandbox: Sandbox) -> list[int]:
    """The process ids that ./run has noted, as its namespace counts them."""
    noted = sandbox.path / "s/numbers"
    return [int(word) for word in noted.read_text().split()] if noted.exists() else []


def supervised(sandbox: Sandbox, last: int) -> Running:
    """A supervise whose process id is last + 1, and whose ./run notes its own."""
    sandbox.service("s", "echo $$ >>numbers; exec sleep 1000")
    running = sandbox.start_command(after(last, sandbox, "supervise", "s"))
    eventually(lambda: numbers(sandbox) or running.has_ended(), what="./run has started")
    check_permitted(running)
    return running


@clause("supervise/status/great-pids")
@needs("namespaces")
@great
def test_the_status_holds_the_whole_process_id(sandbox: Sandbox, last: int) -> None:
    supervised(sandbox, last)
    assert numbers(sandbox)[0] >= last + 2
    eventually(lambda: sandbox.status("s").pid == numbers(sandbox)[0])


@clause("supervise/command/great-pids")
@needs("namespaces")
@great
def test_a_run_with_a_great_process_id_is_commanded(sandbox: Sandbox, last: int) -> None:
    running = supervised(sandbox, last)
    sandbox.control("s", b"k")
    eventually(lambda: len(numbers(sandbox)) == 2, what="./run is started again")
    eventually(lambda: sandbox.status("s").pid == numbers(sandbox)[1])
    sandbox.control("s", b"dx")
    assert running.wait().code == 0


@clause("svstat/words/great-pids")
@needs("namespaces")
@great
def test_svstat_shows_the_whole_process_id(sandbox: Sandbox, last: int) -> None:
    supervised(sandbox, last)
    shown = b"s: up (pid %d) " % numbers(sandbox)[0]
    eventually(lambda: sandbox.run("svstat", "s").out.startswith(shown))


@slow
@clause("svscan/scan/great-pids")
@needs("namespaces")
@great
def test_svscan_notices_the_end_of_a_supervise(sandbox: Sandbox, last: int) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000", "1001")
    file, _ = sandbox.argv("svscan")
    command = after(last, sandbox, "svscan", "service")
    assert command[command.index(str(last)) + 1] == file
    running = sandbox.start_command(command)

    def supervises() -> dict[str, int]:
        check_permitted(running)
        return supervises_among(grandchildren(running.pid))

    eventually(lambda: len(supervises()) == 2, what="both supervises run")
    before = supervises()
    for pid in before.values():
        os.kill(pid, 9)

    def is_new() -> bool:
        now = supervises()
        return now.keys() == before.keys() and not set(now.values()) & set(before.values())

    eventually(is_new, within=40, what="both are started again")


def grandchildren(unshare: int) -> list[int]:
    """The children of what process 1 of the namespace runs."""
    firsts = children(unshare)
    programs = [program for first in firsts for program in children(first)]
    return [pid for program in programs for pid in children(program)]


@clause("fghack/wait/great-pids")
@needs("namespaces")
@great
def test_fghack_waits_for_its_child(sandbox: Sandbox, last: int) -> None:
    running = sandbox.start_command(after(last, sandbox, "fghack", "sh", "-c", "echo $$; exit 7"))
    answer = running.wait()
    check_permitted(running)
    assert (answer.code, answer.err) == (7, b"")
    assert int(answer.out) >= last + 2


@clause("multilog/processor/great-pids")
@needs("namespaces")
@great
def test_multilog_waits_for_its_processor(sandbox: Sandbox, last: int) -> None:
    script = ["s4096", "!echo $$ >../number; cat", "./log"]
    source = sandbox.write("input", lines(60))
    with open(source, "rb") as stdin:
        running = sandbox.start_command(after(last, sandbox, "multilog", *script), stdin=stdin)
        answer = running.wait()
    check_permitted(running)
    assert (answer.code, answer.err) == (0, b"")
    assert set(codes(sandbox.path / "log")) == {"s"}
    assert int((sandbox.path / "number").read_text()) >= last + 2
