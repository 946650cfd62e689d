"""svok: the exit code is the answer."""

import os
import signal

import pytest

from daemontools_conformance.helpers.marks import AS_USER, clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox


@clause("svok/exit/running")
def test_running_supervise_gives_0(sandbox: Sandbox) -> None:
    sandbox.service("clock", "exec sleep 1000")
    sandbox.supervise("clock")
    answer = sandbox.run("svok", "clock")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")


@clause("svok/exit/killed")
def test_killed_supervise_gives_100(sandbox: Sandbox) -> None:
    sandbox.service("clock", "exec sleep 1000", down=True)
    supervise = sandbox.supervise("clock")
    supervise.signal(signal.SIGKILL)
    supervise.wait()
    assert os.path.exists(sandbox.path / "clock/supervise/ok")
    assert sandbox.run("svok", "clock").code == 100


@clause("svok/exit/never-supervised")
def test_directory_without_supervise_gives_100(sandbox: Sandbox) -> None:
    sandbox.write("new/run")
    answer = sandbox.run("svok", "new")
    assert (answer.code, answer.out, answer.err) == (100, b"", b"")


@clause("svok/exit/no-directory")
def test_missing_directory_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("svok", "nowhere")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svok: fatal: unable to chdir to nowhere: file does not exist\n"


@clause("svok/exit/not-a-directory")
def test_file_instead_of_directory_gives_111(sandbox: Sandbox) -> None:
    sandbox.write("file")
    answer = sandbox.run("svok", "file")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svok: fatal: unable to chdir to file: not a directory\n"


@clause("svok/exit/closed-ok")
def test_ok_that_may_not_be_opened_gives_111(sandbox: Sandbox) -> None:
    sandbox.write("s/supervise/ok", mode=0o000)
    answer = sandbox.run("svok", "s", prepare=AS_USER)
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svok: fatal: unable to open s/supervise/ok: access denied\n"


@clause("svok/exit/ok-is-directory")
def test_ok_as_directory_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise/ok").mkdir(parents=True)
    answer = sandbox.run("svok", "s")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svok: fatal: unable to open s/supervise/ok: is a directory\n"


@clause("svok/exit/supervise-is-file")
def test_supervise_as_file_gives_111(sandbox: Sandbox) -> None:
    sandbox.write("s/supervise")
    answer = sandbox.run("svok", "s")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svok: fatal: unable to open s/supervise/ok: not a directory\n"


@clause("svok/exit/plain-file")
def test_ok_as_plain_file_gives_0(sandbox: Sandbox) -> None:
    sandbox.write("s/supervise/ok")
    answer = sandbox.run("svok", "s")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")


@clause("svok/effect/asks-without-waiting")
def test_supervise_is_not_disturbed(sandbox: Sandbox) -> None:
    sandbox.service("clock", "exec sleep 1000")
    sandbox.supervise("clock")
    before = eventually(lambda: (status := sandbox.status("clock")).pid and status)
    sandbox.run("svok", "clock")
    assert sandbox.status("clock") == before


@clause("svok/effect/nothing-written")
def test_the_fifo_stays_empty(sandbox: Sandbox) -> None:
    folder = sandbox.path / "clock/supervise"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "ok")
    # A FIFO that is open for writing too has no end: reading it shows that nothing is there.
    ok = os.open(folder / "ok", os.O_RDWR | os.O_NONBLOCK)
    assert sandbox.run("svok", "clock").code == 0
    with pytest.raises(BlockingIOError):
        os.read(ok, 1)
    os.close(ok)
