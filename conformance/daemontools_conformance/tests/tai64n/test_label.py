"""tai64n: what the labels say."""

import time

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.tai64n.labels import split, unread, wait_until_labelled

# Implementations may read a clock that gives microseconds, and round in it.
MICROSECOND = 1000
HALF_A_SECOND = 5 * 10**8


@clause("tai64n/label/each-line")
def test_each_line_gets_a_label_and_a_space(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("tai64n", input=vector.input["stdin"])
    assert [text for _, text in split(answer.out)] == vector.answer["lines"]


@clause("tai64n/label/form")
def test_a_label_is_an_at_sign_and_24_lower_case_digits(sandbox: Sandbox) -> None:
    out = sandbox.run("tai64n", input=b"a\n").out
    assert (out[:1], out[25:], len(out)) == (b"@", b" a\n", 28)
    assert set(out[1:25]) <= set(b"0123456789abcdef")


@clause("tai64n/label/offset")
def test_the_second_is_unix_time_and_2_to_the_62_and_10(sandbox: Sandbox, variant: str) -> None:
    before = int(time.time())
    out = sandbox.run("tai64n", input=b"a\n").out
    after = int(time.time())
    leap_seconds = {"": 0, "leap-seconds": 27}[variant]
    assert before <= int(out[1:17], 16) - 2**62 - 10 - leap_seconds <= after


@clause("tai64n/label/nanoseconds")
def test_the_nanoseconds_lie_between_before_and_after(sandbox: Sandbox) -> None:
    for _ in range(10):
        before = time.time_ns()
        out = sandbox.run("tai64n", input=b"a\n").out
        assert int(out[17:25], 16) < 10**9
        assert is_between(before, split(out)[0][0], time.time_ns())


@clause("tai64n/label/middle-of-microsecond")
def test_nanoseconds_end_in_500(sandbox: Sandbox) -> None:
    out = sandbox.run("tai64n", input=b"a\n" * 2000).out
    assert {time_ % 1000 for time_, _ in split(out)} == {500}


@clause("tai64n/label/never-decrease")
def test_labels_never_decrease(sandbox: Sandbox) -> None:
    times = [at for at, _ in split(sandbox.run("tai64n", input=b"line\n" * 200_000).out)]
    assert len(times) == 200_000
    assert times == sorted(times)


@clause("tai64n/label/first-byte")
def test_a_line_in_pieces_has_the_time_of_its_first_byte(sandbox: Sandbox) -> None:
    tai64n = sandbox.start("tai64n", stdin=PIPE)
    tai64n.write(b"a")
    eventually(lambda: unread(tai64n) == 0, what="the first byte is read")
    wait_until_passed(nanoseconds=HALF_A_SECOND)
    tai64n.write(b"b\nnext\n")
    tai64n.end_input()
    (label, _), (next_label, _) = split(tai64n.wait().out)
    assert next_label - label >= HALF_A_SECOND // 2


@clause("tai64n/label/not-before-first-byte")
def test_a_line_is_not_labelled_before_its_first_byte(sandbox: Sandbox) -> None:
    tai64n = sandbox.start("tai64n", stdin=PIPE)
    tai64n.write(b"a\n")
    eventually(lambda: unread(tai64n) == 0, what="the first line is read")
    wait_until_passed(nanoseconds=HALF_A_SECOND)
    before = time.time_ns()
    tai64n.write(b"b\n")
    tai64n.end_input()
    assert is_between(before, split(tai64n.wait().out)[1][0], time.time_ns())


@clause("tai64n/label/later-line")
def test_a_line_that_is_written_later_has_a_later_label(sandbox: Sandbox) -> None:
    tai64n = sandbox.start("tai64n", stdin=PIPE)
    times = []
    for number in range(50):
        line = b"%d\n" % number
        tai64n.write(line)
        times.append(wait_until_labelled(tai64n, line))
    assert times == sorted(set(times))


@clause("tai64n/label/lines-of-a-block")
def test_lines_that_arrive_together(sandbox: Sandbox, variant: str) -> None:
    times = {at for at, _ in split(sandbox.run("tai64n", input=b"abc\n" * 250).out)}
    assert (len(times) > 1) == {"": True, "block": False}[variant]


def is_between(before: int, label: int, after: int) -> bool:
    """Does the label's fraction of a second lie between these two times?

    The seconds have a clause of their own, since implementations may count leap seconds.
    """
    return (label - before + MICROSECOND) % 10**9 <= after - before + 2 * MICROSECOND


def wait_until_passed(nanoseconds: int) -> None:
    """Wait until the wall clock, by which labels are made, has moved on by so much."""
    end = time.time_ns() + nanoseconds
    eventually(lambda: time.time_ns() >= end)
