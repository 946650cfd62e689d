"""svc: what it says when a directory does not take the letters, and that it goes on."""

from pathlib import Path

import pytest

from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.helpers.states import waiter_of
from daemontools_conformance.helpers.strace import messages, under_strace
from daemontools_conformance.running.patience import eventually, until
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svc.handmade import service


def warning(sandbox: Sandbox, name: str, *, as_user: bool = False) -> bytes:
    """The warning of `svc -t name`, without `svc: warning: ` and newline."""
    finished = sandbox.run("svc", "-t", name, prepare=AS_USER if as_user else [])
    assert finished.err.startswith(b"svc: warning: ")
    assert finished.err.count(b"\n") == 1
    return finished.err[len(b"svc: warning: ") : -1]


@clause("svc/trouble/no-directory")
@pytest.mark.parametrize("name", ["nowhere", ""])
def test_a_directory_that_does_not_exist(sandbox: Sandbox, name: str) -> None:
    expected = b"unable to chdir to " + name.encode() + b": file does not exist"
    assert warning(sandbox, name) == expected


@clause("svc/trouble/close-fails")
@needs("strace")
def test_an_error_of_close_keeps_no_letters_from_the_next_directory(sandbox: Sandbox) -> None:
    control = sandbox.path.resolve() / "s/supervise/control"
    tampering = ["-e", "inject=close:error=EIO"]
    with service(sandbox) as first, service(sandbox, "t") as second:
        operands = ["-t", "s", "t"]
        finished = under_strace(sandbox, [control], tampering, operands, "svc").wait()
        assert (finished.code, messages(finished.err)) == (0, b"")
        assert [one.read()[-1:] for one in (first, second)] == [b"t", b"t"]


@clause("svc/trouble/not-a-directory")
def test_a_file_is_not_a_directory(sandbox: Sandbox) -> None:
    sandbox.write("file")
    assert warning(sandbox, "file") == b"unable to chdir to file: not a directory"


@clause("svc/trouble/closed-directory")
def test_a_closed_directory(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000").chmod(0o000)
    assert warning(sandbox, "s", as_user=True) == b"unable to chdir to s: access denied"


@clause("svc/trouble/never-supervised")
def test_a_service_that_was_never_supervised(sandbox: Sandbox) -> None:
    sandbox.write("s/run")
    assert warning(sandbox, "s") == b"unable to control s: file does not exist"


@clause("svc/trouble/not-running")
def test_a_service_whose_supervise_has_gone(sandbox: Sandbox) -> None:
    with service(sandbox):
        pass
    assert warning(sandbox, "s") == b"unable to control s: supervise not running"


@clause("svc/trouble/closed-control")
def test_a_service_whose_control_is_closed(sandbox: Sandbox) -> None:
    with service(sandbox) as control:
        (sandbox.path / "s/supervise/control").chmod(0o000)
        answer = warning(sandbox, "s", as_user=True)
        assert (answer, control.read()) == (b"unable to control s: access denied", b"")


@clause("svc/trouble/control-is-directory")
def test_control_is_a_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise/control").mkdir(parents=True)
    assert warning(sandbox, "s") == b"unable to control s: is a directory"


@clause("svc/trouble/plain-file")
def test_control_is_a_plain_file(sandbox: Sandbox) -> None:
    path = sandbox.write("s/supervise/control", b"0123456789")
    finished = sandbox.run("svc", "-dx", "s")
    assert (finished.code, finished.err) == (0, b"")
    assert path.read_bytes() == b"dx23456789"


@clause("svc/trouble/plain-file")
def test_control_is_a_link_to_a_file(sandbox: Sandbox) -> None:
    path = sandbox.write("precious", b"0123456789")
    (sandbox.path / "s/supervise").mkdir(parents=True)
    (sandbox.path / "s/supervise/control").symlink_to("../../precious")
    finished = sandbox.run("svc", "-dx", "s")
    assert (finished.code, finished.err) == (0, b"")
    assert path.read_bytes() == b"dx23456789"


@clause("svc/trouble/goes-on")
def test_all_others_get_their_letters(sandbox: Sandbox) -> None:
    sandbox.write("file")
    sandbox.write("new/run")
    with service(sandbox, "dead"):
        pass
    with service(sandbox, "a") as a, service(sandbox, "b") as b:
        finished = sandbox.run("svc", "-t", "nowhere", "a", "file", "new", "dead", "b")
        assert (a.read(), b.read()) == (b"t", b"t")
    assert finished.err.count(b"svc: warning: unable to ") == 4


@clause("svc/trouble/exit-code")
def test_the_exit_code_is_0(sandbox: Sandbox) -> None:
    assert sandbox.run("svc", "-t", "nowhere", "nowhere-else").code == 0


@clause("svc/trouble/standard-output")
def test_nothing_on_standard_output(sandbox: Sandbox) -> None:
    finished = sandbox.run("svc", "-t", "nowhere")
    assert finished.out == b""
    assert finished.err != b""


@clause("svc/trouble/full-fifo")
def test_a_full_fifo(sandbox: Sandbox) -> None:
    with service(sandbox) as control:
        filled = control.fill()
        running = sandbox.start("svc", "-dx", "s")
        eventually(lambda: waiter_of(running, Path(control.fifo)))
        assert not running.has_ended()
        received = b""
        for _look in until(running.has_ended):
            received += control.read()
        received += control.read()
        assert running.wait().code == 0
        assert received == b"." * filled + b"dx"


@clause("svc/trouble/reader-goes")
def test_the_reader_goes_away(sandbox: Sandbox) -> None:
    with service(sandbox, "a") as a, service(sandbox, "b") as b:
        a.fill()
        running = sandbox.start("svc", "-dx", "a", "b")
        eventually(lambda: waiter_of(running, Path(a.fifo)))
        a.close()
        finished = running.wait()
        assert finished.code == 0
        assert finished.err == b"svc: warning: error writing commands to a: broken pipe\n"
        assert b.read() == b"dx"
