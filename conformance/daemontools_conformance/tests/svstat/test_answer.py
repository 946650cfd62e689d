"""svstat: what it says when something stands in the way."""

import os

import pytest

from daemontools_conformance.helpers.listing import files
from daemontools_conformance.helpers.marks import AS_NOBODY, clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.svstat.handmade import answer, masked, service, status_bytes


@clause("svstat/answer/not-running")
def test_no_reader_of_ok(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711)):
        pass
    assert answer(sandbox) == b"supervise not running"


@clause("svstat/answer/never-supervised")
def test_no_ok(sandbox: Sandbox) -> None:
    sandbox.write("s/run")
    assert answer(sandbox) == b"unable to open supervise/ok: file does not exist"


@clause("svstat/answer/ok-is-directory")
def test_ok_is_a_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise/ok").mkdir(parents=True)
    assert answer(sandbox) == b"unable to open supervise/ok: is a directory"


@clause("svstat/answer/closed-ok")
@needs("root")
def test_ok_of_another_user(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes()):
        finished = sandbox.run("svstat", "s", prepare=AS_NOBODY)
    assert finished.out == b"s: unable to open supervise/ok: access denied\n"


@clause("svstat/answer/no-directory")
def test_no_directory(sandbox: Sandbox) -> None:
    assert answer(sandbox, "nowhere") == b"unable to chdir: file does not exist"


@clause("svstat/answer/empty-name")
def test_the_empty_name(sandbox: Sandbox) -> None:
    assert answer(sandbox, "") == b"unable to chdir: file does not exist"


@clause("svstat/answer/not-a-directory")
def test_a_file(sandbox: Sandbox) -> None:
    sandbox.write("file")
    assert answer(sandbox, "file") == b"unable to chdir: not a directory"


@clause("svstat/answer/closed-directory")
@needs("root")
def test_a_closed_directory(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000").chmod(0o700)
    finished = sandbox.run("svstat", "s", prepare=AS_NOBODY)
    assert finished.out == b"s: unable to chdir: access denied\n"


@clause("svstat/answer/down-cannot-be-looked-at")
def test_down_is_a_loop(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes()):
        (sandbox.path / "s/down").symlink_to("down")
        assert answer(sandbox) == b"unable to stat down: symbolic link loop"


@clause("svstat/answer/no-status")
def test_no_status(sandbox: Sandbox) -> None:
    with service(sandbox):
        assert answer(sandbox) == b"unable to open supervise/status: file does not exist"


@clause("svstat/answer/closed-status")
@needs("root")
def test_a_closed_status(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes()):
        (sandbox.path / "s/supervise/ok").chmod(0o666)
        (sandbox.path / "s/supervise/status").chmod(0o600)
        finished = sandbox.run("svstat", "s", prepare=AS_NOBODY)
    assert finished.out == b"s: unable to open supervise/status: access denied\n"


@clause("svstat/answer/short-status")
@pytest.mark.parametrize("length", [0, 1, 17])
def test_a_short_status(sandbox: Sandbox, length: int) -> None:
    with service(sandbox, status=status_bytes(pid=4711)[:length]):
        assert answer(sandbox) == b"unable to read supervise/status: bad format"


@clause("svstat/answer/longer-status")
def test_a_longer_status(sandbox: Sandbox) -> None:
    with service(sandbox, status=status_bytes(pid=4711, paused=1) + b"more to come\n"):
        assert answer(sandbox).endswith(b"seconds, paused")


@clause("svstat/answer/fifo-status")
def test_status_is_a_fifo(sandbox: Sandbox) -> None:
    with service(sandbox):
        os.mkfifo(sandbox.path / "s/supervise/status")
        assert answer(sandbox) == b"unable to read supervise/status: bad format"


@clause("svstat/answer/unreadable-status")
def test_status_is_a_directory(sandbox: Sandbox) -> None:
    with service(sandbox):
        (sandbox.path / "s/supervise/status").mkdir()
        assert answer(sandbox) == b"unable to read supervise/status: is a directory"


@clause("svstat/answer/descriptors")
@pytest.mark.parametrize("hindrance", ["supervise/status", "supervise/ok", "down"])
def test_fifty_directories_and_twenty_descriptors(sandbox: Sandbox, hindrance: str) -> None:
    few = ["--limit", "NOFILE=20"]
    with service(sandbox, status=status_bytes()):
        (sandbox.path / "s" / hindrance).unlink(missing_ok=True)
        (sandbox.path / "s" / hindrance).mkdir()
        lines = sandbox.run("svstat", *(["s"] * 50), prepare=few).out.splitlines()
    assert len(lines) == 50
    assert len(set(map(masked, lines))) == 1


@clause("svstat/output/errors-on-stdout")
def test_errors_do_not_end_the_list(sandbox: Sandbox) -> None:
    sandbox.write("file")
    with service(sandbox, status=status_bytes(pid=4711)):
        finished = sandbox.run("svstat", "nowhere", "file", "s")
    assert (finished.code, finished.err) == (0, b"")
    assert [line.split(b":")[0] for line in finished.out.splitlines()] == [
        b"nowhere",
        b"file",
        b"s",
    ]
    assert b"up (pid 4711)" in finished.out


@clause("svstat/output/order")
def test_lines_come_in_the_order_of_the_operands(sandbox: Sandbox) -> None:
    names = ["c", "a", "b", "a"]
    finished = sandbox.run("svstat", *names)
    assert [line.split(b":")[0].decode() for line in finished.out.splitlines()] == names


@clause("svstat/output/many")
def test_five_thousand_operands(sandbox: Sandbox) -> None:
    names = [f"service-{number}" for number in range(5000)]
    finished = sandbox.run("svstat", *names, within=60)
    lines = [f"{name}: unable to chdir: file does not exist\n" for name in names]
    assert finished.out == "".join(lines).encode()


@clause("svstat/output/name-as-given")
@pytest.mark.parametrize("name", [b"./s/", b"s//.", b" ", b"\xff\xfe", b"a\nb", b"%s", b"a: b"])
def test_the_name_is_not_changed(sandbox: Sandbox, name: bytes) -> None:
    finished = sandbox.run("svstat", name)
    assert finished.out == name + b": unable to chdir: file does not exist\n"


@clause("svstat/output/relative-names")
def test_relative_names(sandbox: Sandbox) -> None:
    sandbox.write("a/b/file")
    sandbox.write("c/file")
    finished = sandbox.run("svstat", "a/b", "c")
    assert finished.out.count(b"unable to open supervise/ok") == 2


@clause("svstat/output/closed")
def test_a_full_device(sandbox: Sandbox) -> None:
    with open("/dev/full", "wb") as full:
        finished = sandbox.run("svstat", "nowhere", stdout=full)
    assert (finished.code, finished.err) == (0, b"")


@clause("svstat/output/closed")
def test_closed_standard_output(sandbox: Sandbox) -> None:
    finished = sandbox.run("svstat", "nowhere", prepare=["--close", "1"])
    assert (finished.code, finished.err) == (0, b"")


@clause("svstat/output/pipe")
def test_a_pipe_without_a_reader(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    finished = sandbox.run("svstat", "nowhere", stdout=writer)
    os.close(writer)
    assert -finished.code == 13


@clause("svstat/usage/no-operand")
def test_no_operand(sandbox: Sandbox) -> None:
    finished = sandbox.run("svstat")
    assert (finished.code, finished.out, finished.err) == (0, b"", b"")


@clause("svstat/usage/no-options")
@pytest.mark.parametrize("name", ["-x", "--", "--help", "-"])
def test_an_operand_with_a_dash(sandbox: Sandbox, name: str) -> None:
    assert answer(sandbox, name) == b"unable to chdir: file does not exist"


@clause("svstat/fatal/working-directory")
@needs("root")
def test_an_unreadable_working_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "closed").mkdir(mode=0o700)
    finished = sandbox.run("svstat", "/", cwd="closed", prepare=AS_NOBODY)
    assert (finished.code, finished.out) == (111, b"")
    assert finished.err == b"svstat: fatal: unable to open current directory: access denied\n"


@clause("svstat/fatal/way-back")
@needs("strace")
def test_no_way_back(sandbox: Sandbox) -> None:
    strace = ["strace", "-o", "/dev/null", "-e", "inject=fchdir:error=EACCES"]
    finished = sandbox.start_command([*strace, "svstat", "nowhere", "nowhere"]).wait()
    assert (finished.code, finished.out) == (111, b"")
    assert finished.err == b"svstat: fatal: unable to set directory: access denied\n"


@clause("svstat/fatal/removed-working-directory")
def test_a_removed_working_directory(sandbox: Sandbox) -> None:
    sandbox.write("s/file")
    (sandbox.path / "gone").mkdir()
    script = 'cd gone; rmdir ../gone; exec svstat "$1" s'
    finished = sandbox.start_command(["/bin/sh", "-c", script, "sh", sandbox.path / "s"]).wait()
    first, second = finished.out.splitlines()
    assert first.endswith(b"unable to open supervise/ok: file does not exist")
    assert second == b"s: unable to chdir: file does not exist"


@clause("svstat/effect/nothing")
def test_supervise_is_not_disturbed(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    sandbox.supervise("s", stdin=PIPE)
    eventually(lambda: sandbox.status("s").pid)
    before = files(sandbox.path)
    answer(sandbox)
    assert files(sandbox.path) == before
