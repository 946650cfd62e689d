"""tai64nlocal: what is a label, and what happens to that which is none."""

import pytest

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import never
from daemontools_conformance.running.processes import FAULTS
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.tai64nlocal.labels import DATE, LABEL, UTC


def converted(sandbox: Sandbox, text: bytes) -> bytes:
    """The output for this input, in UTC."""
    return sandbox.run("tai64nlocal", input=text, env=UTC).out


@clause("tai64nlocal/label/rest-unchanged")
def test_what_follows_the_label_is_unchanged(sandbox: Sandbox, vector: Vector) -> None:
    assert converted(sandbox, vector.input["stdin"]) == vector.answer["stdout"]


@clause("tai64nlocal/label/none")
def test_a_line_without_label_is_unchanged(sandbox: Sandbox, vector: Vector) -> None:
    assert converted(sandbox, vector.input["stdin"]) == vector.answer["stdout"]


@clause("tai64nlocal/label/only-at-start")
def test_a_label_that_is_not_at_the_start_is_text(sandbox: Sandbox, vector: Vector) -> None:
    assert converted(sandbox, vector.input["stdin"]) == vector.answer["stdout"]


@clause("tai64nlocal/label/first-of-two")
def test_the_first_of_two_labels_is_converted(sandbox: Sandbox, vector: Vector) -> None:
    assert converted(sandbox, vector.input["stdin"]) == vector.answer["stdout"]


@clause("tai64nlocal/label/alone")
def test_a_label_and_a_newline(sandbox: Sandbox, vector: Vector) -> None:
    assert converted(sandbox, vector.input["stdin"]) == vector.answer["stdout"]


@clause("tai64nlocal/label/glued")
def test_a_label_ends_at_any_other_byte(sandbox: Sandbox, vector: Vector, variant: str) -> None:
    out = converted(sandbox, vector.input["stdin"])
    assert out == (vector.input["stdin"] if variant == "exact" else vector.answer["stdout"])


@clause("tai64nlocal/label/more-digits")
def test_of_more_digits_the_last_24_count(sandbox: Sandbox, vector: Vector) -> None:
    assert converted(sandbox, vector.input["stdin"]) == vector.answer["stdout"]


@clause("tai64nlocal/label/more-digits")
def test_of_thousands_of_digits_the_last_24_count(sandbox: Sandbox) -> None:
    text = LABEL + b" a\n@" + b"f" * 5000 + LABEL[1:] + b" b\n"
    assert converted(sandbox, text) == DATE + b" a\n" + DATE + b" b\n"


@clause("tai64nlocal/label/very-many-digits")
def test_a_label_may_be_very_long(sandbox: Sandbox, variant: str) -> None:
    label = b"@" + b"0" * 100000 + LABEL[1:]
    out = converted(sandbox, label + b" a\n" + LABEL + b" b\n")
    assert out == (label if variant == "bounded" else DATE) + b" a\n" + DATE + b" b\n"


@clause("tai64nlocal/label/ten-digit-fraction")
def test_a_fraction_of_ten_digits(sandbox: Sandbox, vector: Vector) -> None:
    assert converted(sandbox, vector.input["stdin"]) == vector.answer["stdout"]


@clause("tai64nlocal/label/at-the-end")
def test_a_label_in_which_the_input_ends_is_lost(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("tai64nlocal", input=vector.input["stdin"], env=UTC)
    assert (answer.code, answer.out) == (0, vector.answer["stdout"])


@clause("tai64nlocal/label/pieces")
def test_a_label_in_pieces_is_converted(sandbox: Sandbox) -> None:
    tai64nlocal = sandbox.start("tai64nlocal", stdin=PIPE, env=UTC)
    text = LABEL + b" first\n" + LABEL + b" x\n"
    for number in range(len(text)):
        tai64nlocal.write(text[number : number + 1])
    tai64nlocal.end_input()
    assert tai64nlocal.wait().out == DATE + b" first\n" + DATE + b" x\n"


@clause("tai64nlocal/label/pieces")
@pytest.mark.parametrize(("length", "count"), [(1023, 1100), (8191, 40), (65535, 40)])
def test_a_label_across_the_end_of_a_buffer(sandbox: Sandbox, length: int, count: int) -> None:
    # Each line is a byte shorter than a buffer, so that buffers end at each byte of some label.
    rest = b" ".ljust(length - len(LABEL) - 1, b"x") + b"\n"
    out = sandbox.run("tai64nlocal", input=(LABEL + rest) * count, env=UTC).out
    assert out == (DATE + rest) * count


IMPLAUSIBLE = [
    b"@",
    b"@hello",
    b"@ ",
    b"@@",
    b"@\0",
    b"@4",
    LABEL[:-1],  # 23 digits
    LABEL.upper(),
    b"@4000000g",
    b"@7fffffffffffffff00000000 year 146 thousand million",
    b"@ffffffffffffffff00000000",
    b"@800000000000000000000000",
    b"@" + LABEL[1:17] + b" a TAI64 label, without nanoseconds",
    b"@100000000000000000000000",
]


@clause("tai64nlocal/implausible/ends")
@pytest.mark.parametrize("line", IMPLAUSIBLE)
def test_no_answer_is_required_for_a_line_without_a_date(
    sandbox: Sandbox, line: bytes, variant: str
) -> None:
    answer = sandbox.run("tai64nlocal", input=line + b"\n", env=UTC, crash_is_an_answer=True)
    if variant == "crash":
        assert -answer.code in FAULTS
    else:
        assert answer.code == 0


@clause("tai64nlocal/implausible/unchanged")
@pytest.mark.parametrize("line", IMPLAUSIBLE)
def test_a_line_without_a_date_is_unchanged(sandbox: Sandbox, line: bytes) -> None:
    answer = sandbox.run("tai64nlocal", input=line + b"\n", env=UTC, crash_is_an_answer=True)
    assert answer.out == line + b"\n"


@clause("tai64nlocal/implausible/other-lines")
@pytest.mark.parametrize("line", IMPLAUSIBLE)
def test_the_other_lines_are_converted(sandbox: Sandbox, line: bytes) -> None:
    text = LABEL + b" a\n" + line + b"\n" + LABEL + b" b\n"
    answer = sandbox.run("tai64nlocal", input=text, env=UTC, crash_is_an_answer=True)
    assert (answer.out[: len(DATE) + 3], answer.out[-len(DATE) - 3 :]) == (
        DATE + b" a\n",
        DATE + b" b\n",
    )


@clause("tai64nlocal/output/piece-at-once")
def test_a_piece_comes_out_at_once_except_a_label(sandbox: Sandbox, variant: str) -> None:
    tai64nlocal = sandbox.start("tai64nlocal", stdin=PIPE, env=UTC)
    tai64nlocal.write(b"a\npiece")
    tai64nlocal.wait_until_out(b"a\n" if variant == "whole-lines" else b"a\npiece")
    tai64nlocal.write(b"\n" + LABEL)
    tai64nlocal.wait_until_out(b"a\npiece\n")
    never(lambda: tai64nlocal.out != b"a\npiece\n", during=0.2)
    tai64nlocal.write(b"\n")
    tai64nlocal.wait_until_out(b"a\npiece\n" + DATE + b"\n")
