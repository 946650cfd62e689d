"""svstat: what the line says."""

import itertools
import re
import signal

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svstat.handmade import (
    answer,
    masked,
    reading_ok,
    service,
    status_bytes,
)

COMBINATIONS = list(itertools.product([4711, 0], [True, False], [0, 1], [b"u", b"d", b"\0"]))


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
def test_a_service_that_is_up(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711)):
        assert masked(answer(sandbox)) == b"up (pid 4711) S seconds"


@clause("svstat/words/down")
def test_a_service_that_is_down(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(want=b"d"), down=True):
        assert masked(answer(sandbox)) == b"down S seconds"


@clause("svstat/words/combinations")
@pytest.mark.parametrize(("pid", "down", "paused", "want"), COMBINATIONS)
def test_the_words_for_each_combination(
    sandbox: Sandbox, pid: int, down: bool, paused: int, want: bytes
) -> None:
    expected = b"up (pid 4711) S seconds" if pid else b"down S seconds"
    if pid and down:
        expected += b", normally down"
    if not pid and not down:
        expected += b", normally up"
    if pid and paused:
        expected += b", paused"
    if not pid and want == b"u":
        expected += b", want up"
    if pid and want == b"d":
        expected += b", want down"
    with service(sandbox, status=status_bytes(pid, paused, want), down=down):
        assert masked(answer(sandbox)) == expected


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
@pytest.mark.parametrize("pid", [1, 256, 0x01020304, 2**31, 2**32 - 1])
def test_the_process_id(sandbox: Sandbox, pid: int) -> None:
    with service(sandbox, status=status_bytes(pid=pid)):
        assert masked(answer(sandbox)) == b"up (pid %d) S seconds" % pid


@clause("svstat/words/any-paused-byte")
def test_paused_byte_255(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711, paused=255)):
        assert masked(answer(sandbox)) == b"up (pid 4711) S seconds, paused"


@clause("svstat/words/any-want-byte")
@pytest.mark.parametrize("want", [b"U", b"D", b"\xff", b"x"])
def test_other_want_bytes(sandbox: Sandbox, want: bytes) -> None:
    with service(sandbox, status=status_bytes(pid=4711, want=want)):
        assert masked(answer(sandbox)) == b"up (pid 4711) S seconds"


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
