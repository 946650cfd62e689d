"""tai64nlocal: every input comes out whole, whatever it is and however it comes."""

import os

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.filters import MEGABYTE, peak_kilobytes, read_slowly
from daemontools_conformance.helpers.marks import clause, slow
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.tai64nlocal.labels import DATE, LABEL, UTC


@clause("tai64nlocal/input/empty")
def test_empty_input_gives_empty_output_and_0(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64nlocal", input=b"")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")


@clause("tai64nlocal/input/any-byte")
def test_every_byte_is_copied(sandbox: Sandbox) -> None:
    line = bytes(byte for byte in range(256) if byte != 10) + b"\n"
    out = sandbox.run("tai64nlocal", input=(line + LABEL + line) * 30, env=UTC).out
    assert out == (line + DATE + line) * 30


@clause("tai64nlocal/input/empty-lines")
def test_empty_lines_are_unchanged(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("tai64nlocal", input=vector.input["stdin"], env=UTC)
    assert answer.out == vector.answer["stdout"]


@clause("tai64nlocal/input/unfinished")
def test_a_last_line_without_newline_gets_none(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("tai64nlocal", input=vector.input["stdin"], env=UTC)
    assert answer.out == vector.answer["stdout"]


@clause("tai64nlocal/input/long-line")
def test_a_line_of_megabytes_is_copied_whole(sandbox: Sandbox) -> None:
    line = b" " + os.urandom(5 * MEGABYTE).replace(b"\n", b"@") + b"\n"
    out = sandbox.run("tai64nlocal", input=LABEL + line + LABEL + b" next\n", env=UTC).out
    assert out == DATE + line + DATE + b" next\n"


@slow
@clause("tai64nlocal/input/constant-memory")
def test_a_line_of_a_hundred_megabytes_takes_no_memory(sandbox: Sandbox) -> None:
    peak = peak_kilobytes(sandbox, "tai64nlocal", megabytes=100, start=LABEL + b" ")
    assert peak < 64 * 1024


@slow
@clause("tai64nlocal/input/constant-memory-digits")
def test_digits_without_end_take_no_memory(sandbox: Sandbox) -> None:
    # Where the last 24 digits count they are a label: nobody need crash here.
    end = LABEL[1:] + b" x\n"
    peak = peak_kilobytes(sandbox, "tai64nlocal", megabytes=100, start=b"@", end=end)
    assert peak < 64 * 1024


@clause("tai64nlocal/output/line-at-once")
def test_a_line_comes_out_before_more_input_comes(sandbox: Sandbox) -> None:
    tai64nlocal = sandbox.start("tai64nlocal", stdin=PIPE, env=UTC)
    expected = b""
    for number in range(5):
        tai64nlocal.write(LABEL + b" %d\n" % number)
        expected += DATE + b" %d\n" % number
        eventually(lambda expected=expected: tai64nlocal.out == expected)  # type: ignore[misc]
    assert not tai64nlocal.has_ended()


@clause("tai64nlocal/output/slow-reader")
def test_a_slow_reader_gets_everything_in_order(sandbox: Sandbox) -> None:
    sandbox.environment["TZ"] = "UTC"
    texts = [b" %d\n" % number for number in range(50_000)]
    out = read_slowly(sandbox, "tai64nlocal", b"".join(LABEL + text for text in texts))
    assert out == b"".join(DATE + text for text in texts)
