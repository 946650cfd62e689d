"""supervise: the status file."""

import os
import re
import signal
import struct
import time
from subprocess import DEVNULL

import pytest

from daemontools_conformance.helpers.logdirs import mode
from daemontools_conformance.helpers.marks import AS_NOBODY, clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import TAI64_UNIX_EPOCH
from daemontools_conformance.tests.supervise.services import (
    FAILS_AT_ONCE,
    SLEEP,
    wait_until_down,
    wait_until_obeyed,
    wait_until_up,
    witnessed,
)


def status_bytes(sandbox: Sandbox) -> bytes:
    """The status file as it is."""
    return (sandbox.path / "s/supervise/status").read_bytes()


def inode(sandbox: Sandbox) -> int:
    """The inode of the status file."""
    return (sandbox.path / "s/supervise/status").stat().st_ino


@clause("supervise/status/size")
def test_a_reader_never_sees_a_short_file(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    supervise = sandbox.supervise("s")
    lengths: set[int] = set()
    for _burst in range(20):
        sandbox.control("s", b"d" * 100)
        lengths.update(len(status_bytes(sandbox)) for _look in range(100))
    sandbox.control("s", b"x")
    supervise.wait(within=30)
    assert lengths == {18}
    assert len(status_bytes(sandbox)) == 18


@clause("supervise/status/size")
@pytest.mark.parametrize("letters", [b"", b"u", b"o", b"p", b"d", b"x"])
def test_18_bytes_in_every_state(sandbox: Sandbox, letters: bytes) -> None:
    witnessed(sandbox)
    sandbox.control("s", letters)
    wait_until_obeyed(sandbox)
    assert len(status_bytes(sandbox)) == 18


@clause("supervise/status/renamed")
def test_an_open_file_keeps_its_content(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    wait_until_up(sandbox)
    wait_until_obeyed(sandbox)
    before, old_inode = status_bytes(sandbox), inode(sandbox)
    with open(sandbox.path / "s/supervise/status", "rb") as file:
        sandbox.control("s", b"o")
        eventually(lambda: sandbox.status("s").want == b"\0")
        assert inode(sandbox) != old_inode
        assert file.read() == before


@clause("supervise/status/never-written-in-place")
@needs("strace")
def test_the_status_file_is_never_opened_for_writing(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    trace = sandbox.path / "trace"
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=%file"]
    supervise = sandbox.start_command([*strace, *sandbox.words("supervise", "s")])
    eventually(lambda: sandbox.is_supervised("s"))
    sandbox.control("s", b"dx")
    supervise.wait()
    calls = re.findall(r'^\d+ +(.*supervise/status".*)', trace.read_text(), flags=re.MULTILINE)
    assert any(call.startswith("rename") and 'supervise/status.new"' in call for call in calls)
    writing = re.compile(r"creat\(|truncate|O_WRONLY|O_RDWR")
    assert not list(filter(writing.search, calls))


@clause("supervise/status/same-descriptors")
def test_status_files_leave_no_descriptor_open(sandbox: Sandbox) -> None:
    supervise = witnessed(sandbox)
    wait_until_obeyed(sandbox)
    before = record(supervise.pid).descriptors
    sandbox.control("s", b"u" * 50)
    wait_until_obeyed(sandbox)
    assert record(supervise.pid).descriptors == before


@clause("supervise/status/mode")
@pytest.mark.parametrize("umask", ["022", "077", "000"])
def test_the_mode_of_each_new_file(sandbox: Sandbox, umask: str) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s", prepare=["--umask", umask])
    wait_until_up(sandbox)
    (sandbox.path / "s/supervise/status").chmod(0o400)
    wait_until_obeyed(sandbox)
    assert mode(sandbox.path / "s/supervise/status") == f"{0o644 & ~int(umask, 8):04o}"


@clause("supervise/status/pid")
def test_the_process_id_of_run(sandbox: Sandbox) -> None:
    sandbox.service("s", "echo $$ >pid\nexec sleep 1000")
    sandbox.supervise("s")
    pid = eventually(lambda: int((sandbox.path / "s/pid").read_text() or 0))
    eventually(lambda: any(status_bytes(sandbox)[12:16]), what="there is a process id")
    assert status_bytes(sandbox)[12:16] == struct.pack("<I", pid)


@clause("supervise/status/pid")
def test_no_process_id_while_down(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    eventually(lambda: any(status_bytes(sandbox)[12:16]), what="there is a process id")
    sandbox.control("s", b"d")
    wait_until_down(sandbox)
    assert status_bytes(sandbox)[12:16] == bytes(4)


def stamp(sandbox: Sandbox) -> float:
    """The stamp as Unix time in seconds."""
    seconds, nanoseconds = struct.unpack(">QI", status_bytes(sandbox)[:12])
    return float(seconds - TAI64_UNIX_EPOCH + nanoseconds / 1e9)


@clause("supervise/status/stamp")
def test_the_stamp_of_the_start_of_supervise(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    before = time.time()
    sandbox.supervise("s")
    assert before - 0.01 <= stamp(sandbox) <= time.time() + 0.01


@clause("supervise/status/stamp")
def test_the_stamp_of_an_end_and_of_a_start(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    os.kill(wait_until_up(sandbox), 0)
    before = time.time()
    sandbox.control("s", b"d")
    wait_until_down(sandbox)
    assert before - 0.01 <= stamp(sandbox) <= time.time() + 0.01
    before = time.time()
    sandbox.control("s", b"u")
    wait_until_up(sandbox)
    assert before - 0.01 <= stamp(sandbox) <= time.time() + 0.01


@clause("supervise/status/half-microsecond")
def test_the_nanoseconds_end_in_500(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    wait_until_up(sandbox)
    (nanoseconds,) = struct.unpack(">I", status_bytes(sandbox)[8:12])
    assert nanoseconds % 1000 == 500
    assert nanoseconds < 10**9


@clause("supervise/status/stamp-kept")
@pytest.mark.parametrize("letters", [b"u", b"o", b"p", b"c", b"d", b"hait", b"x", b"pcud"])
def test_commands_leave_the_stamp(sandbox: Sandbox, letters: bytes) -> None:
    witnessed(sandbox)
    before = status_bytes(sandbox)[:16]
    sandbox.control("s", letters)
    wait_until_obeyed(sandbox)
    assert status_bytes(sandbox)[:16] == before


@clause("supervise/status/paused")
def test_byte_16_says_whether_it_is_paused(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    assert status_bytes(sandbox)[16] == 0
    sandbox.control("s", b"p")
    eventually(lambda: status_bytes(sandbox)[16] == 1)
    sandbox.control("s", b"c")
    eventually(lambda: status_bytes(sandbox)[16] == 0)


@clause("supervise/status/paused")
def test_byte_16_after_the_paused_run_was_killed(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    first = sandbox.status("s").pid
    sandbox.control("s", b"pk")
    eventually(lambda: sandbox.status("s").pid not in (0, first))
    assert status_bytes(sandbox)[16] == 0


@clause("supervise/status/paused")
def test_byte_16_while_down_after_the_paused_run_was_killed(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    sandbox.control("s", b"pok")
    wait_until_down(sandbox)
    assert status_bytes(sandbox)[16] == 0


@clause("supervise/status/paused")
def test_byte_16_of_a_paused_run_that_is_to_end(sandbox: Sandbox) -> None:
    witnessed(sandbox)  # it notes TERM and goes on
    sandbox.control("s", b"pd")
    wait_until_byte_17_is(sandbox, ord("d"))
    assert sandbox.status("s").pid != 0
    assert status_bytes(sandbox)[16] == 0


@clause("supervise/status/want")
def test_byte_17_says_what_is_wanted(sandbox: Sandbox) -> None:
    witnessed(sandbox)
    for letter, want in ((b"o", 0), (b"d", ord("d")), (b"u", ord("u")), (b"d", ord("d"))):
        sandbox.control("s", letter)
        wait_until_byte_17_is(sandbox, want)


def wait_until_byte_17_is(sandbox: Sandbox, want: int) -> None:
    """Wait until this is what is wanted."""
    eventually(lambda: status_bytes(sandbox)[17] == want)


@clause("supervise/status/want-at-first")
@pytest.mark.parametrize("down", [False, True])
def test_byte_17_at_first(sandbox: Sandbox, down: bool) -> None:
    sandbox.service("s", SLEEP, down=down)
    sandbox.supervise("s")
    assert status_bytes(sandbox)[17:18] == (b"d" if down else b"u")


@clause("supervise/status/after-exit")
def test_the_file_after_the_end(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    wait_until_up(sandbox)
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0
    assert status_bytes(sandbox)[12:18] == bytes(4) + b"\0d"


# A status that cannot be written


def warnings(sandbox: Sandbox, what: str) -> None:
    """supervise warns `what` about s/supervise/status.new, and starts the service all the same."""
    sandbox.service("s", FAILS_AT_ONCE)
    check_warnings(sandbox, sandbox.start("supervise", "s"), what)


def check_warnings(sandbox: Sandbox, supervise: Running, what: str) -> None:
    """This supervise warns `what`, whenever it writes the status, and starts the service."""
    line = b"supervise: warning: unable to " + what.encode() + b"\n"
    eventually(lambda: supervise.err.count(line) >= 3)
    assert set(supervise.err.splitlines(keepends=True)) == {line}
    eventually((sandbox.path / "s/history").read_bytes)
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0


@clause("supervise/trouble/status-new-unopenable")
def test_status_new_is_a_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise/status.new").mkdir(parents=True)
    warnings(sandbox, "open s/supervise/status.new: is a directory")


@clause("supervise/trouble/status-new-followed")
def test_status_new_is_a_fifo_without_reader(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise").mkdir(parents=True)
    os.mkfifo(sandbox.path / "s/supervise/status.new")
    warnings(sandbox, "open s/supervise/status.new: device not configured")


@clause("supervise/trouble/status-new-followed")
@needs("/dev/full")
def test_status_new_is_a_link_to_a_full_device(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise").mkdir(parents=True)
    (sandbox.path / "s/supervise/status.new").symlink_to("/dev/full")
    warnings(sandbox, "write s/supervise/status.new: out of disk space")


@clause("supervise/trouble/status-new-unwritable")
@needs("strace")
def test_status_new_is_full(sandbox: Sandbox) -> None:
    status = sandbox.path.resolve() / "s/supervise/status.new"
    full = ["-P", str(status), "-e", "inject=write,writev,pwrite64:error=ENOSPC"]
    sandbox.service("s", FAILS_AT_ONCE)
    command = ["strace", "-qq", "-o", "trace", *full, *sandbox.words("supervise", "s")]
    supervise = sandbox.start_command(command)
    check_warnings(sandbox, supervise, "write s/supervise/status.new: out of disk space")


@clause("supervise/trouble/partial-write")
def test_only_a_part_can_be_written(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    reader, writer = os.pipe()  # a limit of ten bytes would hold for a file of messages too
    os.set_blocking(reader, False)
    sandbox.start("supervise", "s", prepare=["--limit", "FSIZE=10"], stderr=writer)
    line = b"supervise: warning: unable to write s/supervise/status.new: partial write\n"
    try:
        eventually(lambda: os.read(reader, 1000).startswith(line))
        eventually(lambda: sandbox.is_supervised("s"))
    finally:
        os.close(reader)
        os.close(writer)


@clause("supervise/trouble/old-status-kept")
def test_the_old_status_stays_if_only_a_part_can_be_written(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    old = sandbox.write("s/supervise/status", b"o" * 18)
    sandbox.supervise("s", prepare=["--limit", "FSIZE=10"], stderr=DEVNULL)
    assert old.read_bytes() == b"o" * 18


@clause("supervise/trouble/old-status-kept")
def test_the_old_status_stays(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    wait_until_up(sandbox)
    wait_until_obeyed(sandbox)
    before = status_bytes(sandbox)
    (sandbox.path / "s/supervise/status.new").mkdir()
    sandbox.control("s", b"dx")
    supervise.wait()
    assert status_bytes(sandbox) == before


@clause("supervise/trouble/rename")
def test_status_is_a_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise/status").mkdir(parents=True)
    warnings(sandbox, "rename s/supervise/status.new to status: is a directory")


@clause("supervise/trouble/status-new-unopenable")
@needs("root")
def test_a_folder_of_another_user(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    first = sandbox.supervise("s")
    first.signal(signal.SIGKILL)
    first.wait()
    folder = sandbox.path / "s/supervise"
    folder.chmod(0o755)
    for name in ("lock", "control", "ok"):
        (folder / name).chmod(0o666)
    before = status_bytes(sandbox)
    supervise = sandbox.supervise("s", prepare=AS_NOBODY)
    line = b"supervise: warning: unable to open s/supervise/status.new: access denied\n"
    eventually(lambda: line in supervise.err)
    assert status_bytes(sandbox) == before
