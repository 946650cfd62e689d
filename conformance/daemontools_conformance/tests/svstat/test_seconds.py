"""svstat: the number of seconds."""

import struct
import time

import pytest

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import TAI64_UNIX_EPOCH
from daemontools_conformance.tests.svstat.handmade import (
    answer,
    said_of,
    service,
    status_bytes,
)


def stamped(label: int) -> bytes:
    """The status of a service that is down, with this TAI64 second."""
    return struct.pack(">QI", label, 0) + bytes(5) + b"d"


def seconds(line: bytes) -> int:
    """The number in `down S seconds, ...`."""
    words = line.split()
    assert (words[0], words[2].rstrip(b",")) == (b"down", b"seconds")
    return int(words[1])


@clause("svstat/seconds/since-stamp")
@pytest.mark.parametrize(
    "age", [0, 1, 59, 86400, 10**9, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**33, 2**40]
)
def test_the_age_of_the_stamp(sandbox: Sandbox, age: int) -> None:
    stamp = int(time.time()) - age
    with service(sandbox, status=stamped(TAI64_UNIX_EPOCH + stamp)):
        earliest = int(time.time()) - stamp
        shown = seconds(answer(sandbox))
        latest = int(time.time()) - stamp
    # The clock that counts whole seconds may lag behind by a tick.
    assert max(earliest - 1, 0) <= shown <= latest


@clause("svstat/seconds/since-stamp")
def test_a_stamp_near_the_beginning_of_unix_time(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/seconds/future-stamp")
@pytest.mark.parametrize("ahead", [100, 10**6, 2**62 - 2**33])
def test_a_stamp_in_the_future(sandbox: Sandbox, ahead: int) -> None:
    with service(sandbox, status=stamped(TAI64_UNIX_EPOCH + int(time.time()) + ahead)):
        assert seconds(answer(sandbox)) == 0


@clause("svstat/seconds/future-stamp")
def test_a_stamp_far_in_the_future(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/seconds/reserved-label")
def test_a_reserved_label(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/seconds/nanoseconds-ignored")
def test_too_many_nanoseconds(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/seconds/beyond-double")
def test_a_very_old_stamp(sandbox: Sandbox, vector: Vector) -> None:
    assert said_of(sandbox, vector) == vector.answer["line"]


@clause("svstat/answer/longer-status")
@pytest.mark.parametrize("more", [1, 2])
def test_a_longer_status_file(sandbox: Sandbox, more: int) -> None:
    with service(sandbox, status=status_bytes(want=b"d") + b"\0" * more):
        assert seconds(answer(sandbox)) < 60
