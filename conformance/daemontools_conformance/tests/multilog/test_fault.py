"""multilog: the system refuses something; nothing is lost."""

import os
import shutil
import signal

import pytest

from daemontools_conformance.faults.table import FAULTS
from daemontools_conformance.faults.trial import attempt
from daemontools_conformance.helpers.logdirs import contents, lines
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.helpers.strace import Fault, check_refused, fed, messages, under_strace
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Finished, Running
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.signals import interrupt
from daemontools_conformance.running.table import proc
from daemontools_conformance.tests.multilog.logging import running

# Each of these costs a pause of five seconds; a quick run has to do with three.
QUICK = {"write-ENOSPC", "rename-EIO", "sync-processed-EIO"}
WRITE = FAULTS[0]


def parameter(fault: Fault, error: str) -> object:
    """One fault and error, with the clause of the fault."""
    name = f"{fault.name}-{error}"
    marks = [clause(f"multilog/fault/{fault.name}"), *([] if name in QUICK else [slow])]
    return pytest.param(fault, error, id=name, marks=marks)


# All errors of all faults are in test_every_fault.py.
EACH_FAULT = [*(parameter(fault, fault.errors[0]) for fault in FAULTS), parameter(WRITE, "ENOSPC")]


@needs("strace")
@pytest.mark.parametrize(("fault", "error"), EACH_FAULT)
def test_a_call_that_fails_once_is_announced_and_made_again(
    sandbox: Sandbox, fault: Fault, error: str
) -> None:
    trial = attempt(sandbox, fault, error)
    check_refused(sandbox, fault.calls)
    assert trial.warned(fault, error)
    assert trial.kept
    assert trial.seconds >= 5  # the pause; no longer than that: multilog/fault/five-seconds


@slow
@clause("multilog/fault/write")
@needs("strace")
def test_an_interrupted_write_is_made_again_announced_or_not(sandbox: Sandbox) -> None:
    trial = attempt(sandbox, WRITE, "EINTR")
    assert trial.kept
    assert trial.said == b"" or trial.warned(WRITE, "EINTR")


@clause("multilog/fault/current-removed")
def test_current_that_was_removed_is_waited_for(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    log = sandbox.path / "log"
    (log / "current").unlink()
    interrupt(multilog, signal.SIGALRM)
    warning = (
        b"multilog: warning: unable to rename current to previous in directory ./log, "
        b"pausing: file does not exist\n"
    )
    multilog.wait_until_err(warning)
    multilog.write(b"more\n")
    sandbox.write("log/current", b"restored\n")
    eventually(lambda: contents(log) == b"restored\nmore\n", within=20)


@clause("multilog/fault/directory-removed")
def test_a_directory_that_was_removed_makes_it_wait(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    shutil.rmtree(sandbox.path / "log")
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: multilog.said)
    never(multilog.has_ended, during=0.2)
    assert not (sandbox.path / "log").exists()


@clause("multilog/fault/directory-moved")
def test_a_directory_that_was_moved_is_still_the_log(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "s4096", "n99")
    (sandbox.path / "log").rename(sandbox.path / "elsewhere")
    multilog.write(lines(300))
    multilog.end_input()
    multilog.wait()
    assert contents(sandbox.path / "elsewhere") == b"begun\n" + lines(300)


@clause("multilog/fault/file-size-limit")
def test_a_file_size_limit_kills_it_and_keeps_what_was_written(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE, prepare=["--limit", "FSIZE=8000"])
    multilog.write(lines(500))
    assert multilog.wait().code == -signal.SIGXFSZ
    assert contents(sandbox.path / "log") == lines(500)[:8000]


WAITS = "poll,ppoll,select,pselect6"
FOR_A_WHILE = {
    "poll": (f"{WAITS}:error=EINVAL:when=1..2", []),
    "write": ("write:error=EIO:when=1..2", ["current"]),
    "seek": ("lseek:error=EIO:when=1..2", ["status"]),
}


@slow
@clause("multilog/fault/for-a-while")
@needs("strace")
def test_a_write_that_fails_for_a_while(sandbox: Sandbox) -> None:
    failed_for_a_while(sandbox, "write")
    assert contents(sandbox.path / "log") == lines(150)


@slow
@clause("multilog/fault/for-a-while-status")
@needs("strace")
def test_a_seek_that_fails_for_a_while(sandbox: Sandbox) -> None:
    failed_for_a_while(sandbox, "seek")
    assert contents(sandbox.path / "log") == lines(150)


@slow
@clause("multilog/fault/for-a-while-wait")
@needs("strace")
def test_a_wait_for_input_that_fails_for_a_while(sandbox: Sandbox) -> None:
    failed_for_a_while(sandbox, "poll")
    assert contents(sandbox.path / "log") == lines(150)


@slow
@clause("multilog/fault/for-a-while-messages")
@needs("strace")
@pytest.mark.parametrize(
    ("call", "action"),
    [("write", "write to ./log/current"), ("seek", "move to beginning of status")],
)
def test_what_is_said_of_a_call_that_fails_for_a_while(
    sandbox: Sandbox, call: str, action: str
) -> None:
    said = messages(failed_for_a_while(sandbox, call).err).decode().splitlines()
    begin = f"multilog: warning: unable to {action}, pausing: "
    assert [line[: len(begin)] for line in said] == [begin, begin]


def failed_for_a_while(sandbox: Sandbox, call: str) -> Finished:
    """A multilog that has logged 150 lines although a call of this kind failed twice."""
    injection, files = FOR_A_WHILE[call]
    folder = sandbox.path.resolve()
    paths = [folder / name if name == "status" else folder / "log" / name for name in files]
    tampering = ["-e", f"trace={injection.partition(':')[0]}", "-e", f"inject={injection}"]
    script = ["=status", "s4096", "n99", "./log"]
    multilog = under_strace(sandbox, paths, tampering, script, stdin=PIPE)
    return fed(multilog, lines(150), within=60)


@clause("multilog/fault/read-interrupted")
@needs("strace")
def test_a_read_that_is_interrupted_is_made_again(sandbox: Sandbox) -> None:
    source = sandbox.write("input", lines(150)).resolve()
    tampering = ["-e", "trace=read", "-e", "inject=read:error=EINTR:when=1..3"]
    with open(source, "rb") as file:
        multilog = under_strace(sandbox, [source], tampering, ["./log"], stdin=file)
        multilog.wait()
    assert contents(sandbox.path / "log") == lines(150)


def on_small_disk(sandbox: Sandbox, kilobytes: int, *script: str, stdin: int) -> Running:
    """multilog with ./log on a file system of its own, which `ballast` nearly fills."""
    (sandbox.path / "log").mkdir()
    words = sandbox.words("multilog", *script)
    shell = (
        f"mount -t tmpfs -o size={kilobytes}k,mode=0700 tmpfs log && "
        'head -c 20000 /dev/zero >log/ballast && exec "$0" "$@"'
    )
    alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-U", "-r", "-m"]
    return sandbox.start_command([*alone, "sh", "-c", shell, *words], stdin=stdin)


FULL = b"multilog: warning: unable to write to ./log/current, pausing: out of disk space\n"


@clause("multilog/fault/disk-full")
@needs("namespaces")
@pytest.mark.parametrize("kilobytes", [28, 32, 36])
def test_a_full_disk_makes_it_wait_for_room(sandbox: Sandbox, kilobytes: int) -> None:
    multilog = on_small_disk(sandbox, kilobytes, "s16384", "./log", stdin=PIPE)
    text = lines(280)  # 16800 bytes: one rotation
    multilog.write(text)
    eventually(lambda: multilog.said)
    inside = proc(multilog.pid, f"root{sandbox.path.resolve()}", "log")
    assert text.startswith(contents(inside))
    (inside / "ballast").unlink()
    eventually(lambda: contents(inside) == text, within=30)


@clause("multilog/fault/disk-full-message")
@needs("namespaces")
def test_what_is_said_of_a_full_disk(sandbox: Sandbox) -> None:
    multilog = on_small_disk(sandbox, 28, "s16384", "./log", stdin=PIPE)
    multilog.write(lines(280))
    eventually(lambda: multilog.said)
    assert multilog.err == FULL


@clause("multilog/fault/term-while-disk-full")
@needs("namespaces")
def test_term_while_the_disk_is_full_loses_nothing(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    multilog = on_small_disk(sandbox, 28, "./log", stdin=reader)
    os.write(writer, lines(200))
    os.close(writer)
    eventually(lambda: multilog.said)
    inside = proc(multilog.pid, f"root{sandbox.path.resolve()}", "log")
    log = os.open(inside, os.O_RDONLY)  # it stays after the process has gone
    multilog.signal(signal.SIGTERM)
    never(multilog.has_ended, during=0.3)
    os.unlink("ballast", dir_fd=log)
    assert multilog.wait(within=30).code == 0
    current = os.open("current", os.O_RDONLY, dir_fd=log)
    assert os.read(current, 100_000) + os.read(reader, 100_000) == lines(200)
    for fd in (current, log, reader):
        os.close(fd)
