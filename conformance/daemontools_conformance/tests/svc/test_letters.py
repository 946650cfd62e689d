"""svc: which letters arrive where."""

import re
from pathlib import Path

import pytest

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.states import waiter_of
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svc.handmade import service, written


@clause("svc/letters/each")
def test_each_option_sends_its_letter(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/letters/joined")
def test_joined_or_apart(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/letters/order")
def test_the_order_is_kept(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/letters/duplicates")
def test_repeated_letters_are_dropped(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/letters/all-at-once")
def test_all_letters_arrive(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/letters/one-write")
@needs("strace")
def test_the_letters_are_one_write(sandbox: Sandbox) -> None:
    trace = sandbox.path / "trace"
    with service(sandbox) as control:
        strace = ["strace", "-f", "-o", str(trace), "-e", "trace=write"]
        sandbox.start_command([*strace, *sandbox.words("svc", "-du", "-c", "s")]).wait()
        assert control.read() == b"duc"
    assert re.findall(r'write\(\d+, "([duc]+)", \d+', trace.read_text()) == ["duc"]


@clause("svc/letters/none")
def test_without_letters_nothing_is_written(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/letters/silent")
def test_nothing_is_printed(sandbox: Sandbox) -> None:
    with service(sandbox):
        finished = sandbox.run("svc", "-u", "s")
    assert (finished.code, finished.out, finished.err) == (0, b"", b"")


@clause("svc/services/several")
def test_each_of_several_services_gets_them(sandbox: Sandbox, vector: Vector) -> None:
    assert written(sandbox, vector) == vector.answer["written"]


@clause("svc/services/several")
def test_the_second_has_to_wait_for_the_first(sandbox: Sandbox) -> None:
    with service(sandbox, "a") as a, service(sandbox, "b") as b:
        a.fill()
        running = sandbox.start("svc", "-u", "a", "b")
        eventually(lambda: waiter_of(running, Path(a.fifo)), what="svc waits for a")
        assert b.read() == b""
        a.read()
        running.wait()
        assert b.read() == b"u"


@clause("svc/services/repeated")
def test_a_service_named_twice(sandbox: Sandbox) -> None:
    with service(sandbox) as control:
        sandbox.run("svc", "-dx", "s", "s/../s")
        assert control.read() == b"dxdx"


@clause("svc/services/few-descriptors")
def test_no_more_descriptors_for_more_services(sandbox: Sandbox) -> None:
    with service(sandbox) as control:
        few = ["--limit", "NOFILE=16"]
        finished = sandbox.run("svc", "-t", *["s"] * 40, prepare=few)
        assert (finished.code, finished.err) == (0, b"")
        assert control.read() == b"t" * 40


@clause("svc/services/many")
def test_thousands_of_operands(sandbox: Sandbox) -> None:
    with service(sandbox) as control:
        finished = sandbox.run("svc", "-t", *["s"] * 5000, within=60)
        assert (finished.code, finished.err) == (0, b"")
        assert control.read() == b"t" * 5000


@clause("svc/services/relative-names")
def test_relative_names_start_from_where_svc_was_called(sandbox: Sandbox) -> None:
    with service(sandbox, "a/b") as inner, service(sandbox, "c") as outer:
        sandbox.run("svc", "-t", "a/b", "c", sandbox.path / "c")
        assert (inner.read(), outer.read()) == (b"t", b"tt")


@clause("svc/services/odd-names")
@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b" ", b"%s"])
def test_odd_names_are_found_and_shown_byte_for_byte(sandbox: Sandbox, name: bytes) -> None:
    with service(sandbox, name) as control:
        finished = sandbox.run("svc", "-t", name, name + b"?")
        assert control.read() == b"t"
    why = b": file does not exist\n"
    assert finished.err == b"svc: warning: unable to chdir to " + name + b"?" + why


@clause("svc/services/reaches-supervise")
def test_down_and_up_again(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    sandbox.supervise("s")
    first = eventually(lambda: sandbox.status("s").pid)
    sandbox.run("svc", "-d", "s")
    eventually(lambda: sandbox.status("s").pid == 0)
    sandbox.run("svc", "-u", "s")
    assert eventually(lambda: sandbox.status("s").pid) != first


@clause("svc/services/reaches-supervise")
def test_down_and_exit(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    supervise = sandbox.supervise("s")
    sandbox.run("svc", "-dx", "s")
    assert supervise.wait().code == 0
