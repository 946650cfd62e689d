"""tai64n: every input comes out whole, whatever it is and however it comes."""

import os

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.filters import MEGABYTE, peak_kilobytes, read_slowly
from daemontools_conformance.helpers.marks import clause, slow
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.tai64n.labels import split, unread


def stamped(sandbox: Sandbox, text: bytes) -> list[bytes]:
    """What tai64n makes of this input: the parts that follow its labels."""
    return [part for _, part in split(sandbox.run("tai64n", input=text).out)]


@clause("tai64n/input/empty")
def test_empty_input_gives_empty_output_and_0(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("tai64n", input=vector.input["stdin"])
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")


@clause("tai64n/input/empty-lines")
def test_an_empty_line_gets_a_label_and_a_space(sandbox: Sandbox, vector: Vector) -> None:
    assert stamped(sandbox, vector.input["stdin"]) == vector.answer["lines"]


@clause("tai64n/input/any-byte")
def test_odd_bytes_are_copied(sandbox: Sandbox, vector: Vector) -> None:
    assert stamped(sandbox, vector.input["stdin"]) == vector.answer["lines"]


@clause("tai64n/input/any-byte")
def test_every_byte_but_newline_is_copied(sandbox: Sandbox) -> None:
    line = bytes(byte for byte in range(256) if byte != 10) + b"\n"
    out = sandbox.run("tai64n", input=line * 30).out
    assert [text for _, text in split(out)] == [line] * 30


@clause("tai64n/label/each-line")
def test_lines_that_end_around_the_end_of_a_buffer(sandbox: Sandbox) -> None:
    sizes = [n + more for n in (512, 1024, 2048, 4096, 8192, 65536) for more in range(-28, 3)]
    lines = [b"x" * (size - 1) + b"\n" for size in sizes]
    out = sandbox.run("tai64n", input=b"".join(lines)).out
    assert [text for _, text in split(out)] == lines


@clause("tai64n/input/label-again")
def test_a_label_is_text_like_any_other(sandbox: Sandbox, vector: Vector) -> None:
    assert stamped(sandbox, vector.input["stdin"]) == vector.answer["lines"]


@clause("tai64n/input/unfinished")
def test_a_last_line_without_newline_gets_none(sandbox: Sandbox, vector: Vector) -> None:
    assert stamped(sandbox, vector.input["stdin"]) == vector.answer["lines"]


@clause("tai64n/input/pieces")
def test_a_line_in_many_writes_gets_one_label(sandbox: Sandbox) -> None:
    tai64n = sandbox.start("tai64n", stdin=PIPE)
    for number in range(10):
        tai64n.write(b"%d" % number)
        eventually(lambda: unread(tai64n) == 0, what="the piece is read")
    tai64n.write(b"\nnext\n")
    tai64n.end_input()
    out = tai64n.wait().out
    assert [text for _, text in split(out)] == [b"0123456789\n", b"next\n"]


@clause("tai64n/input/long-line")
def test_a_line_of_megabytes_gets_one_label(sandbox: Sandbox) -> None:
    line = os.urandom(5 * MEGABYTE).replace(b"\n", b"\0") + b"\n"
    out = sandbox.run("tai64n", input=line + b"next\n").out
    assert [text for _, text in split(out)] == [line, b"next\n"]


@slow
@clause("tai64n/input/constant-memory")
def test_a_line_of_a_hundred_megabytes_takes_no_memory(sandbox: Sandbox) -> None:
    assert peak_kilobytes(sandbox, "tai64n", megabytes=100) < 64 * 1024


@clause("tai64n/output/line-at-once")
def test_a_line_comes_out_before_more_input_comes(sandbox: Sandbox) -> None:
    tai64n = sandbox.start("tai64n", stdin=PIPE)
    for number in range(5):
        tai64n.write(b"%d\n" % number)
        eventually(lambda number=number: len(split(tai64n.out)) == number + 1)  # type: ignore[misc]
    assert not tai64n.has_ended()


@clause("tai64n/output/piece-at-once")
def test_a_piece_comes_out_before_its_newline(sandbox: Sandbox, variant: str) -> None:
    tai64n = sandbox.start("tai64n", stdin=PIPE)
    tai64n.write(b"a\npiece")
    if variant == "whole-lines":
        eventually(lambda: len(split(tai64n.out)) == 1)
    else:
        eventually(lambda: tai64n.out.endswith(b" piece"))
    tai64n.write(b" end\n")
    eventually(lambda: [text for _, text in split(tai64n.out)] == [b"a\n", b"piece end\n"])


@clause("tai64n/output/slow-reader")
def test_a_slow_reader_gets_everything_in_order(sandbox: Sandbox) -> None:
    lines = [b"%d\n" % number for number in range(100_000)]
    out = read_slowly(sandbox, "tai64n", b"".join(lines))
    assert [text for _, text in split(out)] == lines
