"""svstat: what it says when something stands in the way."""

import os
import re

import pytest

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.helpers.strace import messages, under_strace
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svstat.handmade import (
    answer,
    masked,
    said_of,
    service,
    status_bytes,
)


@clause("svstat/answer/not-running")
def test_without_a_reader_of_ok_supervise_is_not_running(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711)):
        pass
    assert answer(sandbox) == b"supervise not running"


@clause("svstat/answer/never-supervised")
def test_a_service_without_ok_cannot_be_opened(sandbox: Sandbox) -> None:
    sandbox.write("s/run")
    assert answer(sandbox) == b"unable to open supervise/ok: file does not exist"


@clause("svstat/answer/ok-is-directory")
def test_a_directory_as_ok_cannot_be_opened(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise/ok").mkdir(parents=True)
    assert answer(sandbox) == b"unable to open supervise/ok: is a directory"


@clause("svstat/answer/closed-ok")
def test_ok_that_is_closed_cannot_be_opened(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes()):
        (sandbox.path / "s/supervise/ok").chmod(0o000)
        finished = sandbox.run("svstat", "s", prepare=AS_USER)
    assert finished.out == b"s: unable to open supervise/ok: access denied\n"


@clause("svstat/answer/no-directory")
def test_a_directory_that_does_not_exist(sandbox: Sandbox) -> None:
    assert answer(sandbox, "nowhere") == b"unable to chdir: file does not exist"


@clause("svstat/answer/empty-name")
def test_the_empty_name_does_not_exist(sandbox: Sandbox) -> None:
    assert answer(sandbox, "") == answer(sandbox, "nowhere")


@clause("svstat/answer/not-a-directory")
def test_a_file_is_not_a_directory(sandbox: Sandbox) -> None:
    sandbox.write("file")
    assert answer(sandbox, "file") == b"unable to chdir: not a directory"


@clause("svstat/answer/closed-directory")
def test_a_directory_that_is_closed(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000").chmod(0o000)
    finished = sandbox.run("svstat", "s", prepare=AS_USER)
    assert finished.out == b"s: unable to chdir: access denied\n"


@clause("svstat/answer/down-cannot-be-looked-at")
def test_down_that_is_a_loop_cannot_be_looked_at(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes()):
        (sandbox.path / "s/down").symlink_to("down")
        assert answer(sandbox) == b"unable to stat down: symbolic link loop"


@clause("svstat/answer/down-cannot-be-looked-at")
@pytest.mark.parametrize("ok", ["none", "without a reader"])
def test_svstat_looks_at_down_first(sandbox: Sandbox, ok: str) -> None:
    (sandbox.path / "s/supervise").mkdir(parents=True)
    (sandbox.path / "s/down").symlink_to("down")
    if ok != "none":
        os.mkfifo(sandbox.path / "s/supervise/ok")
    assert answer(sandbox) == b"unable to stat down: symbolic link loop"


@clause("svstat/answer/no-status")
def test_a_service_without_status_cannot_be_opened(sandbox: Sandbox) -> None:
    with service(sandbox):
        assert answer(sandbox) == b"unable to open supervise/status: file does not exist"


@clause("svstat/answer/closed-status")
def test_status_that_is_closed_cannot_be_opened(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes()):
        (sandbox.path / "s/supervise/ok").chmod(0o666)
        (sandbox.path / "s/supervise/status").chmod(0o000)
        finished = sandbox.run("svstat", "s", prepare=AS_USER)
    assert finished.out == b"s: unable to open supervise/status: access denied\n"


@clause("svstat/answer/short-status")
def test_a_status_that_is_too_short_has_a_bad_format(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/answer/longer-status")
def test_what_follows_18_bytes_of_status_is_not_read(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/answer/fifo-status")
def test_a_fifo_as_status_has_a_bad_format(sandbox: Sandbox) -> None:
    with service(sandbox):
        os.mkfifo(sandbox.path / "s/supervise/status")
        assert answer(sandbox) == b"unable to read supervise/status: bad format"


@clause("svstat/answer/unreadable-status")
def test_a_directory_as_status_cannot_be_read(sandbox: Sandbox) -> None:
    with service(sandbox):
        (sandbox.path / "s/supervise/status").mkdir()
        assert answer(sandbox) == b"unable to read supervise/status: is a directory"


@clause("svstat/answer/close-fails")
@needs("strace")
def test_an_error_of_close_changes_no_line(sandbox: Sandbox) -> None:
    status = sandbox.path.resolve() / "s/supervise/status"
    with service(sandbox, status=status_bytes(pid=4711)):
        without = sandbox.run("svstat", "s").out
        tampering = ["-e", "inject=close:error=EIO"]
        finished = under_strace(sandbox, [status], tampering, ["s"], "svstat").wait()
    assert (finished.code, messages(finished.err)) == (0, b"")
    assert re.sub(rb"[0-9]+", b"N", finished.out) == re.sub(rb"[0-9]+", b"N", without)


@clause("svstat/answer/descriptors")
@pytest.mark.parametrize("hindrance", ["supervise/status", "supervise/ok", "down"])
def test_fifty_directories_need_no_more_than_twenty_descriptors(
    sandbox: Sandbox, hindrance: str
) -> None:
    few = ["--limit", "NOFILE=20"]
    with service(sandbox, status=status_bytes()):
        (sandbox.path / "s" / hindrance).unlink(missing_ok=True)
        (sandbox.path / "s" / hindrance).mkdir()
        lines = sandbox.run("svstat", *(["s"] * 50), prepare=few).out.splitlines()
    assert len(lines) == 50
    assert len(set(map(masked, lines))) == 1
