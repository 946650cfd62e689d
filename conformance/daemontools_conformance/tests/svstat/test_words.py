"""svstat: what the line says."""

import re
import signal

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svstat.handmade import (
    answer,
    masked,
    reading_ok,
    said_of,
    service,
    status_bytes,
)


@clause("svstat/state/up")
def test_the_line_of_a_service_that_is_up_shows_its_process_id(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711)):
        assert b"4711" in sandbox.run("svstat", "s").out


@clause("svstat/state/down")
def test_the_line_of_a_service_that_is_down_is_another_and_shows_none(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711)):
        up = sandbox.run("svstat", "s").out
    sandbox.write("s/supervise/status", status_bytes())
    with reading_ok(sandbox):
        down = sandbox.run("svstat", "s").out
    assert down
    assert re.sub(rb"\d+", b"N", down) != re.sub(rb"\d+", b"N", up)
    assert b"4711" not in down


@clause("svstat/state/not-running")
def test_the_line_without_a_supervise_is_another_and_shows_no_process_id(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711)):
        up = sandbox.run("svstat", "s").out
    gone = sandbox.run("svstat", "s").out  # ok has no reader any more
    assert gone
    assert re.sub(rb"\d+", b"N", gone) != re.sub(rb"\d+", b"N", up)
    assert b"4711" not in gone


@clause("svstat/words/up")
def test_a_service_that_is_up(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/words/down")
def test_a_service_that_is_down(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/words/combinations")
def test_the_words_for_each_combination(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/words/real-service")
def test_a_paused_service(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    sandbox.supervise("s")
    pid = eventually(lambda: sandbox.status("s").pid)
    sandbox.control("s", b"p")
    eventually(lambda: sandbox.status("s").paused)
    assert masked(answer(sandbox)) == b"up (pid %d) S seconds, paused" % pid


@clause("svstat/words/real-service")
def test_a_service_that_does_not_go_down(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    sandbox.supervise("s", prepare=["--ignore", "TERM"])
    pid = eventually(lambda: sandbox.status("s").pid)
    sandbox.control("s", b"d")
    eventually(lambda: sandbox.status("s").want == b"d")
    assert masked(answer(sandbox)) == b"up (pid %d) S seconds, want down" % pid


@clause("svstat/words/pid-little-endian")
def test_the_process_id(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/words/any-paused-byte")
def test_paused_byte_255(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/words/any-want-byte")
def test_other_want_bytes(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/words/dangling-down")
def test_a_dangling_down_file(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711)):
        (sandbox.path / "s/down").symlink_to("nowhere")
        assert masked(answer(sandbox)) == b"up (pid 4711) S seconds"


@clause("svstat/answer/not-running")
def test_after_supervise_was_killed(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    supervise = sandbox.supervise("s")
    eventually(lambda: sandbox.status("s").pid)
    supervise.signal(signal.SIGKILL)
    supervise.wait()
    # A child that has not yet executed ./run would still have its descriptors.
    eventually(lambda: answer(sandbox) == b"supervise not running")
