"""multilog: the time stamp of the action t."""

import re
import time

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox

UNIX_EPOCH = 2**62 + 10
STAMPED = re.compile(rb"@([0-9a-f]{16})([0-9a-f]{8}) (.*)\n")


def seconds(stamped: bytes) -> float:
    """The Unix time of a stamped line."""
    found = STAMPED.fullmatch(stamped)
    assert found, stamped
    nanoseconds = int(found[2], 16)
    assert nanoseconds < 1_000_000_000
    return int(found[1], 16) - UNIX_EPOCH + nanoseconds / 1e9


@clause("multilog/stamp/format")
def test_each_line_begins_with_a_label_and_a_space(sandbox: Sandbox) -> None:
    answer = sandbox.run("multilog", "t", "./log", input=b"one\n\n two\n")
    assert answer.code == 0
    stamped = (sandbox.path / "log/current").read_bytes().splitlines(keepends=True)
    found = [STAMPED.fullmatch(line) for line in stamped]
    assert [match and match[3] for match in found] == [b"one", b"", b" two"]


@clause("multilog/stamp/time")
def test_label_is_the_time_of_arrival(sandbox: Sandbox) -> None:
    before = time.time()
    sandbox.run("multilog", "t", "./log", input=b"one\n")
    stamp = seconds((sandbox.path / "log/current").read_bytes())
    assert before - 0.000001 <= stamp <= time.time() + 0.000001


@clause("multilog/stamp/never-decreases")
def test_labels_never_decrease(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "t", "./log", input=b"a\n" * 3000)
    stamped = (sandbox.path / "log/current").read_bytes().splitlines()
    labels = [line[:25] for line in stamped]
    assert len(labels) == 3000
    assert labels == sorted(labels)


@clause("multilog/stamp/first-byte")
def test_label_is_that_of_the_first_byte(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "t", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"a\nb")
    eventually(lambda: current.read_bytes().endswith(b" a\n"))
    arrived = time.time()
    eventually(lambda: time.time() > arrived + 0.05)  # the clock has to go on
    multilog.write(b"c\n")
    eventually(lambda: current.read_bytes().endswith(b" bc\n"))
    a, bc = current.read_bytes().splitlines(keepends=True)
    assert seconds(a) <= seconds(bc) <= arrived


@clause("multilog/stamp/later-line")
def test_a_line_that_is_written_later_has_a_later_label(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "t", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    for number in range(50):
        line = b" %d\n" % number
        multilog.write(line[1:])
        eventually(lambda line=line: current.read_bytes().endswith(line))  # type: ignore[misc]
    labels = [line[:25] for line in current.read_bytes().splitlines()]
    assert labels == sorted(set(labels))


@clause("multilog/stamp/lines-of-a-block")
def test_lines_that_arrive_together(sandbox: Sandbox, variant: str) -> None:
    sandbox.run("multilog", "t", "./log", input=b"abc\n" * 250)
    labels = {line[:25] for line in (sandbox.path / "log/current").read_bytes().splitlines()}
    assert (len(labels) > 1) == {"": True, "block": False}[variant]


@clause("multilog/stamp/long-line-once")
def test_a_long_line_has_one_label(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "t", "./log", input=b"a" * 50_000 + b"\nb\n")
    long, short = (sandbox.path / "log/current").read_bytes().splitlines(keepends=True)
    assert (len(long), len(short)) == (26 + 50_000 + 1, 26 + 2)
    assert seconds(long) <= seconds(short)


@clause("multilog/stamp/partial-last-line")
def test_partial_last_line_is_stamped(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "t", "./log", input=b"one")
    found = STAMPED.fullmatch((sandbox.path / "log/current").read_bytes())
    assert found
    assert found[3] == b"one"


@clause("multilog/stamp/nothing")
def test_no_input_gives_no_stamp(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "t", "./log", input=b"")
    assert (sandbox.path / "log/current").read_bytes() == b""
