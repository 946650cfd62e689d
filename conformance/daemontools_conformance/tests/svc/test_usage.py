"""svc: arguments, and what makes it give up."""

import shutil

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.helpers.strace import run_refused
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svc.handmade import service, written

USAGE = (
    b"svc options: u up, d down, o once, x exit, p pause, c continue, "
    b"h hup, a alarm, i interrupt, t term, k kill\n"
)


@clause("svc/usage/no-operand")
def test_no_operand_is_nothing_to_do(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/usage/illegal-option")
def test_an_unknown_option(sandbox: Sandbox, vector: Vector) -> None:
    finished = sandbox.run("svc", *vector.input["words"])
    assert (finished.code, finished.out) == (vector.answer["exit"], b"")
    assert finished.err == vector.answer["stderr"] + b"\n" + USAGE


@clause("svc/usage/illegal-option-sends-nothing")
def test_nothing_is_sent_after_an_unknown_option(sandbox: Sandbox) -> None:
    with service(sandbox) as control:
        sandbox.run("svc", "-dz", "s")
        assert control.read() == b""


@clause("svc/usage/base-name")
def test_a_link_with_another_name(sandbox: Sandbox) -> None:
    file = sandbox.file("svc")
    link = sandbox.path / "control"
    link.symlink_to(shutil.which(file) or file)
    finished = sandbox.start_command([link, "-z"]).wait()
    assert finished.err == b"control: illegal option -- z\n" + USAGE


@clause("svc/usage/options-first")
def test_options_end_at_the_first_operand(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/usage/double-dash")
def test_double_dash_ends_the_options(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/usage/long-options")
def test_a_long_option(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/usage/dash")
def test_a_dash_is_an_operand(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/fatal/working-directory")
def test_an_unreadable_working_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "closed").mkdir(mode=0o111)
    finished = sandbox.run("svc", "-u", "/", cwd="closed", prepare=AS_USER)
    assert (finished.code, finished.out) == (111, b"")
    assert finished.err == b"svc: fatal: unable to open current directory: access denied\n"


@clause("svc/fatal/way-back")
@needs("strace")
def test_no_way_back(sandbox: Sandbox) -> None:
    with service(sandbox):
        finished = run_refused(sandbox, "fchdir", "EACCES", "svc", "-u", "s", "s")
    assert (finished.code, finished.out) == (111, b"")
    assert finished.err == b"svc: fatal: unable to set directory: access denied\n"
