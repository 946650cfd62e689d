"""setlock: the lock, who holds it, and how long."""

import fcntl
import os
import re
import shlex
import signal
import time

import pytest

from daemontools_conformance.helpers.locks import is_locked, locked_through, need_separate_locks
from daemontools_conformance.helpers.logdirs import mode
from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.helpers.states import LOCK_FLAGS, O_LARGEFILE, child, wait_until_runs
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.table import HAS_PROC, proc


def hold(sandbox: Sandbox, file: str = "lock") -> Running:
    """Start a setlock whose child holds the lock until its input ends."""
    holder = sandbox.start("setlock", file, "cat", stdin=PIPE)
    holder.write(b"ready\n")
    eventually(lambda: holder.out, what="the holder's child runs")
    return holder


def wait_until_waiting(waiter: Running) -> None:
    """Wait until the kernel lists it among those that wait for a lock."""
    line = re.compile(rf"-> .* {waiter.pid} ")
    eventually(lambda: line.search(proc("locks").read_text()), what="it waits for the lock")


@clause("setlock/lock/held-by-child")
def test_the_child_holds_the_lock(sandbox: Sandbox) -> None:
    seen = child(sandbox, "setlock", "lock")
    assert len(locked_through(seen, sandbox.path / "lock")) == 1
    assert is_locked(sandbox.path / "lock")


@clause("setlock/lock/lowest-descriptor")
@pytest.mark.parametrize(("closed", "expected"), [([], 3), (["--close", "0"], 0)])
def test_the_lowest_free_descriptor(sandbox: Sandbox, closed: list[str], expected: int) -> None:
    seen = child(sandbox, "setlock", "lock", prepare=closed)
    assert locked_through(seen, sandbox.path / "lock") == [expected]
    assert int(seen.descriptor_flags[expected], 8) & ~O_LARGEFILE == LOCK_FLAGS


@clause("setlock/lock/released-at-death")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_child_releases_the_lock(sandbox: Sandbox, number: int) -> None:
    holder = hold(sandbox)
    assert is_locked(sandbox.path / "lock")
    os.kill(wait_until_runs(holder, b"cat"), number)
    holder.wait()
    assert not is_locked(sandbox.path / "lock")


@clause("setlock/lock/released-at-death")
def test_a_child_that_ends_releases_the_lock(sandbox: Sandbox) -> None:
    assert sandbox.run("setlock", "lock", "true").code == 0
    assert not is_locked(sandbox.path / "lock")


@clause("setlock/lock/descendants")
def test_a_descendant_keeps_the_lock(sandbox: Sandbox) -> None:
    sandbox.script("leave", "sleep 1000 </dev/null & echo $!")
    answer = sandbox.run("setlock", "lock", "./leave")
    assert answer.code == 0
    assert is_locked(sandbox.path / "lock")
    os.kill(int(answer.out), signal.SIGKILL)
    eventually(lambda: not is_locked(sandbox.path / "lock"), what="the lock is free")


@clause("setlock/lock/flock-not-fcntl")
def test_a_lock_of_fcntl_does_not_conflict(sandbox: Sandbox) -> None:
    need_separate_locks(sandbox.write("lock"))
    with open(sandbox.path / "lock", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert sandbox.run("setlock", "-n", "lock", "true").code == 0


@clause("setlock/lock/seen-by-flock")
@pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_a_lock_of_flock_conflicts(sandbox: Sandbox, kind: int) -> None:
    with open(sandbox.write("lock"), "rb") as file:
        fcntl.flock(file, kind)
        answer = sandbox.run("setlock", "-n", "lock", "touch", "ran")
    assert answer.code == 111
    assert not (sandbox.path / "ran").exists()


@clause("setlock/lock/other-file")
def test_other_files_have_other_locks(sandbox: Sandbox) -> None:
    hold(sandbox, "a")
    assert sandbox.run("setlock", "-n", "b", "true").code == 0


@clause("setlock/lock/same-file-by-link")
def test_two_names_of_a_file_are_one_lock(sandbox: Sandbox) -> None:
    os.link(sandbox.write("a"), sandbox.path / "hard")
    (sandbox.path / "soft").symlink_to("a")
    hold(sandbox, "a")
    assert sandbox.run("setlock", "-n", "hard", "true").code == 111
    assert sandbox.run("setlock", "-n", "soft", "true").code == 111


@clause("setlock/lock/not-nested")
def test_the_same_lock_twice_in_a_chain(sandbox: Sandbox) -> None:
    words = sandbox.words("setlock", "-n", "lock", "touch", "ran")
    sandbox.script("inner", f"exec {shlex.join(map(os.fsdecode, words))}")
    answer = sandbox.run("setlock", "lock", "./inner")
    assert answer.code == 111
    assert not (sandbox.path / "ran").exists()


@clause("setlock/wait/until-free")
def test_it_waits_until_the_lock_is_free(sandbox: Sandbox) -> None:
    holder = hold(sandbox)
    waiter = sandbox.start("setlock", "lock", "echo", "ran")
    never(lambda: waiter.has_ended() or waiter.out, during=0.5, what="the waiter goes on")
    holder.end_input()
    answer = waiter.wait()
    assert (answer.code, answer.out) == (0, b"ran\n")


@clause("setlock/wait/two-waiters")
def test_waiters_run_one_at_a_time(sandbox: Sandbox) -> None:
    holder = hold(sandbox)
    sandbox.script("turn", "echo in >>log; sleep 0.2; echo out >>log")
    waiters = [sandbox.start("setlock", "lock", "./turn") for _ in range(3)]
    never(lambda: any(w.has_ended() for w in waiters), during=0.3, what="a waiter goes on")
    holder.end_input()
    assert [waiter.wait().code for waiter in waiters] == [0, 0, 0]
    assert (sandbox.path / "log").read_text() == "in\nout\n" * 3


@clause("setlock/wait/killed")
def test_a_waiter_can_be_killed(sandbox: Sandbox) -> None:
    hold(sandbox)
    waiter = sandbox.start("setlock", "lock", "echo", "ran")
    if HAS_PROC:
        wait_until_waiting(waiter)
    never(waiter.has_ended, during=0.3)
    waiter.signal(signal.SIGTERM)
    answer = waiter.wait()
    assert (answer.code, answer.out) == (-signal.SIGTERM, b"")


@clause("setlock/wait/killed")
@needs("linux")
def test_a_waiter_obeys_ctrl_c(sandbox: Sandbox) -> None:
    hold(sandbox)
    waiter = sandbox.start("setlock", "lock", "echo", "ran")
    wait_until_waiting(waiter)
    waiter.signal(signal.SIGINT)
    answer = waiter.wait()
    assert (answer.code, answer.out) == (-signal.SIGINT, b"")


@clause("setlock/file/created")
@pytest.mark.parametrize(("umask", "expected"), [("0", "0600"), ("077", "0600"), ("277", "0400")])
def test_the_file_is_created_with_0600_less_the_umask(
    sandbox: Sandbox, umask: str, expected: str
) -> None:
    assert sandbox.run("setlock", "new", "true", prepare=["--umask", umask]).code == 0
    assert mode(sandbox.path / "new") == expected
    assert (sandbox.path / "new").read_bytes() == b""


@clause("setlock/file/not-truncated")
def test_the_file_is_not_changed(sandbox: Sandbox) -> None:
    path = sandbox.write("lock", b"content", mode=0o640)
    os.utime(path, (1000, 1000))
    assert sandbox.run("setlock", "lock", "true").code == 0
    assert path.read_bytes() == b"content"
    assert (mode(path), path.stat().st_mtime) == ("0640", 1000)


@clause("setlock/file/stays")
def test_the_file_stays(sandbox: Sandbox) -> None:
    assert sandbox.run("setlock", "lock", "true").code == 0
    assert (sandbox.path / "lock").exists()


@clause("setlock/file/link")
def test_a_link_to_nowhere_creates_its_target(sandbox: Sandbox) -> None:
    (sandbox.path / "lock").symlink_to("target")
    assert sandbox.run("setlock", "lock", "true").code == 0
    assert (sandbox.path / "target").is_file()
    assert (sandbox.path / "lock").is_symlink()


@clause("setlock/error/device")
def test_a_device_can_be_locked(sandbox: Sandbox) -> None:
    answer = sandbox.run("setlock", "/dev/null", "echo", "ran")
    assert (answer.code, answer.out) == (0, b"ran\n")


@clause("setlock/error/no-folder")
@pytest.mark.parametrize("file", [b"nowhere/l", b"", b"\xff/l"])
def test_a_missing_folder(sandbox: Sandbox, file: bytes) -> None:
    answer = sandbox.run("setlock", file, "echo", "ran")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setlock: fatal: unable to open " + file + b": file does not exist\n"


@clause("setlock/error/directory")
def test_a_directory_cannot_be_locked(sandbox: Sandbox) -> None:
    (sandbox.path / "d").mkdir()
    answer = sandbox.run("setlock", "d", "echo", "ran")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setlock: fatal: unable to open d: is a directory\n"


@clause("setlock/error/not-allowed")
@pytest.mark.parametrize("file", ["closed/l", "readable"])
def test_a_file_that_may_not_be_opened(sandbox: Sandbox, file: str) -> None:
    (sandbox.path / "closed").mkdir(mode=0o555)
    sandbox.write("readable", mode=0o444)
    answer = sandbox.run("setlock", file, "echo", "ran", prepare=AS_USER)
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setlock: fatal: unable to open %s: access denied\n" % file.encode()


@clause("setlock/error/fifo-without-reader")
def test_a_fifo_is_not_waited_for(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "fifo")
    started = time.monotonic()
    answer = sandbox.run("setlock", "fifo", "echo", "ran")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setlock: fatal: unable to open fifo: device not configured\n"
    assert time.monotonic() - started < 20
