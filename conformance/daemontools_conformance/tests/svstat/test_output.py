"""svstat: where its lines go, and that it does nothing else."""

import os

import pytest

from daemontools_conformance.helpers.listing import files
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.svstat.handmade import answer, service, status_bytes


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
    names = [b"third", b"first", b"second", b"first"]
    lines = sandbox.run("svstat", *names).out.splitlines()
    assert len(lines) == 4
    assert all(name in line for name, line in zip(names, lines, strict=True))


@clause("svstat/output/many")
def test_five_thousand_operands_are_answered(sandbox: Sandbox) -> None:
    names = [f"service-{number}" for number in range(5000)]
    lines = sandbox.run("svstat", *names, within=60).out.splitlines()
    assert len(lines) == 5000
    assert all(name.encode() in line for name, line in zip(names, lines, strict=True))


@clause("svstat/output/name-as-given")
@pytest.mark.parametrize("name", [b"./s/", b"s//.", b" ", b"\xff\xfe", b"a\nb", b"%s", b"a: b"])
def test_the_name_is_not_changed(sandbox: Sandbox, name: bytes) -> None:
    assert sandbox.run("svstat", name).out.startswith(name + b": ")


@clause("svstat/output/relative-names")
def test_relative_names_start_from_where_svstat_was_called(sandbox: Sandbox) -> None:
    with (
        service(sandbox, "a/b", status=status_bytes(pid=4711)),
        service(sandbox, "c", status=status_bytes(pid=5822)),
    ):
        first, second = sandbox.run("svstat", "a/b", "c").out.splitlines()
    assert (b"4711" in first, b"5822" in second) == (True, True)


@clause("svstat/output/closed")
@needs("/dev/full")
def test_output_to_a_full_device_is_lost_without_a_word(sandbox: Sandbox) -> None:
    with open("/dev/full", "wb") as full:
        finished = sandbox.run("svstat", "nowhere", stdout=full)
    assert (finished.code, finished.err) == (0, b"")


@clause("svstat/output/closed")
def test_output_that_is_closed_is_lost_without_a_word(sandbox: Sandbox) -> None:
    finished = sandbox.run("svstat", "nowhere", prepare=["--close", "1"])
    assert (finished.code, finished.err) == (0, b"")


@clause("svstat/output/pipe")
def test_a_pipe_without_a_reader_kills_it(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    finished = sandbox.run("svstat", "nowhere", stdout=writer)
    os.close(writer)
    assert -finished.code == 13


@clause("svstat/effect/nothing")
def test_supervise_is_not_disturbed(sandbox: Sandbox) -> None:
    sandbox.service("s", "exec sleep 1000")
    sandbox.supervise("s", stdin=PIPE)
    eventually(lambda: sandbox.status("s").pid)
    sandbox.control("s", b"o")  # a supervise that obeys has written all that its start writes
    eventually(lambda: sandbox.status("s").want not in b"ud")
    before = files(sandbox.path)
    answer(sandbox)
    assert files(sandbox.path) == before
