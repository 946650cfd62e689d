"""supervise: the folder `supervise`, its files, its lock, and what is fatal."""

import fcntl
import re
import shlex
import signal
import stat

import pytest

from daemontools_conformance.helpers.listing import files
from daemontools_conformance.helpers.locks import is_locked, locked_through
from daemontools_conformance.helpers.logdirs import mode
from daemontools_conformance.helpers.marks import AS_NOBODY, clause, needs
from daemontools_conformance.helpers.strace import check_refused, start_refused
from daemontools_conformance.running.patience import eventually, until
from daemontools_conformance.running.processes import is_alive
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import HAS_PROC
from daemontools_conformance.tests.supervise.services import (
    SLEEP,
    wait_until_obeyed,
    wait_until_up,
)

UMASKS = pytest.mark.parametrize("umask", ["022", "077", "000", "027"])


@clause("supervise/folder/mode")
@UMASKS
def test_mode_of_the_folder(sandbox: Sandbox, umask: str) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s", prepare=["--umask", umask])
    assert mode(sandbox.path / "s/supervise") == f"{0o700 & ~int(umask, 8):04o}"


@clause("supervise/folder/files")
@UMASKS
def test_types_and_modes_of_the_files(sandbox: Sandbox, umask: str) -> None:
    sandbox.service("s", SLEEP, down=True)
    sandbox.supervise("s", prepare=["--umask", umask])
    found = eventually(lambda: len(seen := _modes(sandbox)) == 4 and seen)
    allowed = ~int(umask, 8)
    assert found == {
        "lock": stat.filemode(stat.S_IFREG | 0o600 & allowed),
        "control": stat.filemode(stat.S_IFIFO | 0o600 & allowed),
        "ok": stat.filemode(stat.S_IFIFO | 0o600 & allowed),
        "status": stat.filemode(stat.S_IFREG | 0o644 & allowed),
    }


def _modes(sandbox: Sandbox) -> dict[str, str]:
    # status.new comes and goes.
    folder = sandbox.path / "s/supervise"
    return {path.name: stat.filemode(path.lstat().st_mode) for path in folder.iterdir()}


@clause("supervise/folder/left-over")
@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("its_mode", ["0600", "0777"])
def test_a_status_new_that_was_left(sandbox: Sandbox, its_mode: str, *, down: bool) -> None:
    sandbox.service("s", SLEEP, down=down)
    (sandbox.path / "s/supervise").mkdir(mode=0o700)
    left = sandbox.path / "s/supervise/status.new"
    left.write_bytes(b"x" * 100)
    left.chmod(int(its_mode, 8))
    sandbox.supervise("s")
    status = sandbox.path / "s/supervise/status"
    eventually(lambda: mode(status) == "0644")
    assert 18 <= status.stat().st_size < 100


@clause("supervise/folder/kept")
def test_modes_that_were_changed_stay(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    folder = sandbox.path / "s/supervise"
    first = sandbox.supervise("s")
    folder.chmod(0o755)
    (folder / "ok").chmod(0o622)
    (folder / "control").chmod(0o620)
    before = {name: _inode_and_mode(sandbox, name) for name in ("", "ok", "control", "lock")}
    first.signal(signal.SIGKILL)
    first.wait()
    sandbox.supervise("s")
    after = {name: _inode_and_mode(sandbox, name) for name in ("", "ok", "control", "lock")}
    assert after == before


def _inode_and_mode(sandbox: Sandbox, name: str) -> tuple[int, str]:
    found = (sandbox.path / "s/supervise" / name).stat()
    return found.st_ino, stat.filemode(found.st_mode)


@clause("supervise/folder/order")
@needs("strace")
def test_the_order_of_the_files(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP, down=True)
    trace = sandbox.path / "trace"
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=%file"]
    sandbox.start_command([*strace, *sandbox.words("supervise", "s")])
    eventually(lambda: sandbox.is_supervised("s"))
    named = re.findall(r'supervise/(lock|control|status|ok)"', trace.read_text())
    first = list(dict.fromkeys(named))
    assert first == ["lock", "control", "status", "ok"]


@clause("supervise/folder/order")
def test_who_finds_ok_finds_a_status(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.start("supervise", "s")
    for _look in until(lambda: sandbox.is_supervised("s")):
        assert not supervise.has_ended()
    assert len((sandbox.path / "s/supervise/status").read_bytes()) >= 18


@clause("supervise/folder/link")
def test_the_folder_may_be_a_link(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "elsewhere").mkdir()
    (sandbox.path / "s/supervise").symlink_to("../elsewhere")
    sandbox.supervise("s")
    assert (sandbox.path / "elsewhere/status").exists()


@clause("supervise/folder/dangling-link")
@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_the_folder_is_a_dangling_link(sandbox: Sandbox, kind: str, variant: str) -> None:
    sandbox.service("s", SLEEP)
    target = "../elsewhere" if kind == "relative" else str(sandbox.path.resolve() / "elsewhere")
    (sandbox.path / "s/supervise").symlink_to(target)
    if variant == "plain":
        assert fatal(sandbox) == b"unable to acquire s/supervise/lock: file does not exist"
        assert not (sandbox.path / "elsewhere").exists()
        return
    sandbox.supervise("s")
    assert mode(sandbox.path / "elsewhere") == "0700"


@clause("supervise/folder/dangling-link-one-level")
def test_no_directory_above_the_target_is_made(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "s/supervise").symlink_to("../above/elsewhere")
    assert fatal(sandbox) == b"unable to acquire s/supervise/lock: file does not exist"
    assert not (sandbox.path / "above").exists()


@clause("supervise/folder/dangling-link-one-level")
def test_a_link_to_a_dangling_link_is_not_followed(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "s/supervise").symlink_to("../second")
    (sandbox.path / "second").symlink_to("elsewhere")
    assert fatal(sandbox) == b"unable to acquire s/supervise/lock: file does not exist"
    assert not (sandbox.path / "elsewhere").exists()


@clause("supervise/folder/looping-link")
def test_the_folder_is_a_link_to_itself(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "s/supervise").symlink_to("supervise")
    assert fatal(sandbox) == b"unable to acquire s/supervise/lock: symbolic link loop"


READ_ONLY = """\
mount --bind s s
mount -o remount,bind,ro s
! touch s/new 2>/dev/null
exec {supervise} s
"""


@clause("supervise/folder/read-only-service")
@needs("root", "namespaces")
def test_a_service_that_is_read_only(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    (sandbox.path / "run").mkdir()
    (sandbox.path / "s/supervise").symlink_to("../run")
    file = sandbox.file("supervise")
    script = READ_ONLY.format(supervise=shlex.quote(str(file)))
    supervise = sandbox.start_command(["unshare", "-m", "sh", "-ec", script])
    first = wait_until_up(sandbox)
    sandbox.control("s", b"t")
    eventually(lambda: sandbox.status("s").pid not in (0, first), what="./run is started again")
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0


# The lock


@clause("supervise/lock/second")
def test_a_second_supervise(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    assert fatal(sandbox) == b"unable to acquire s/supervise/lock: temporary failure"


@clause("supervise/lock/second-disturbs-nothing")
def test_a_second_supervise_disturbs_nothing(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    sandbox.supervise("s")
    pid = wait_until_up(sandbox)
    wait_until_obeyed(sandbox)
    before = files(sandbox.path / "s")
    for _ in range(3):
        assert sandbox.run("supervise", "s").code == 111
    assert files(sandbox.path / "s") == before
    assert is_alive(pid)


@clause("supervise/lock/flock")
def test_the_lock_is_an_exclusive_flock(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    lock = sandbox.path / "s/supervise/lock"
    assert is_locked(lock, kind=fcntl.LOCK_SH)
    assert not HAS_PROC or locked_through(record(supervise.pid), lock)


@clause("supervise/lock/respected")
def test_the_lock_of_somebody_else(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    with open(sandbox.write("s/supervise/lock"), "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert sandbox.run("supervise", "s").code == 111


@clause("supervise/lock/freed")
def test_the_lock_is_free_although_run_lives(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise("s")
    pid = wait_until_up(sandbox)
    supervise.signal(signal.SIGKILL)
    supervise.wait()
    assert is_alive(pid)
    with open(sandbox.path / "s/supervise/lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


# What is fatal


def fatal(sandbox: Sandbox, name: str = "s", prepare: list[str] | None = None) -> bytes:
    """What `supervise name` dies of: the message, without `supervise: fatal: ` and newline."""
    finished = sandbox.run("supervise", name, prepare=prepare or [])
    assert (finished.code, finished.out) == (111, b"")
    assert finished.err.startswith(b"supervise: fatal: ")
    assert finished.err.count(b"\n") == 1
    return finished.err[len(b"supervise: fatal: ") : -1]


@clause("supervise/fatal/pipe")
@needs("strace")
def test_without_a_pipe_it_does_not_start(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    supervise = start_refused(sandbox, "pipe,pipe2", "EMFILE", "supervise", "s")
    eventually(lambda: supervise.has_ended() or sandbox.is_supervised("s"))
    check_refused(sandbox, "pipe,pipe2")
    finished = supervise.wait()
    why = b"unable to create pipe for s: process cannot open more files\n"
    assert (finished.code, finished.err) == (111, b"supervise: fatal: " + why)


@clause("supervise/fatal/no-directory")
@pytest.mark.parametrize("name", ["nowhere", ""])
def test_a_directory_that_does_not_exist(sandbox: Sandbox, name: str) -> None:
    expected = b"unable to chdir to " + name.encode() + b": file does not exist"
    assert fatal(sandbox, name) == expected


@clause("supervise/fatal/not-a-directory")
def test_a_file_is_not_a_directory(sandbox: Sandbox) -> None:
    sandbox.write("s")
    assert fatal(sandbox) == b"unable to chdir to s: not a directory"


@clause("supervise/fatal/down-cannot-be-looked-at")
def test_down_is_a_loop(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "s/down").symlink_to("down")
    assert fatal(sandbox) == b"unable to stat s/down: symbolic link loop"
    assert not (sandbox.path / "s/supervise").exists()


@clause("supervise/fatal/lock")
def test_the_folder_is_a_file(sandbox: Sandbox) -> None:
    sandbox.write("s/supervise")
    assert fatal(sandbox) == b"unable to acquire s/supervise/lock: not a directory"


@clause("supervise/fatal/lock")
def test_the_lock_is_a_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise/lock").mkdir(parents=True)
    assert fatal(sandbox) == b"unable to acquire s/supervise/lock: is a directory"


@clause("supervise/fatal/lock")
@needs("root")
def test_the_directory_is_not_writable(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    expected = b"unable to acquire s/supervise/lock: file does not exist"
    assert fatal(sandbox, prepare=AS_NOBODY) == expected


@clause("supervise/fatal/control-unreadable")
def test_control_is_a_dangling_link(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "s/supervise").mkdir()
    (sandbox.path / "s/supervise/control").symlink_to("nowhere")
    assert fatal(sandbox) == b"unable to read s/supervise/control: file does not exist"


@clause("supervise/fatal/control-unwritable")
def test_control_is_a_directory(sandbox: Sandbox) -> None:
    sandbox.service("s", SLEEP)
    (sandbox.path / "s/supervise/control").mkdir(parents=True)
    assert fatal(sandbox) == b"unable to write s/supervise/control: is a directory"


@clause("supervise/fatal/ok")
def test_ok_is_a_dangling_link(sandbox: Sandbox) -> None:
    sandbox.service("s", "echo started >noted")
    (sandbox.path / "s/supervise").mkdir()
    (sandbox.path / "s/supervise/ok").symlink_to("nowhere")
    assert fatal(sandbox) == b"unable to read s/supervise/ok: file does not exist"
    assert not (sandbox.path / "s/noted").exists()


@clause("supervise/fatal/closed-descriptors")
@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_with_closed_descriptors_it_obeys_as_ever(sandbox: Sandbox, closed: list[int]) -> None:
    sandbox.service("s", SLEEP)
    supervise = sandbox.supervise(
        "s", prepare=[word for fd in closed for word in ("--close", str(fd))]
    )
    first = wait_until_up(sandbox)
    sandbox.control("s", b"k")
    eventually(lambda: sandbox.status("s").pid not in (0, first))
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0
