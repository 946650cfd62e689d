"""svstat: the number of seconds."""

import struct
import time

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import TAI64_UNIX_EPOCH
from daemontools_conformance.tests.svstat.handmade import answer, service, status_bytes


def stamped(label: int, nanoseconds: int = 0) -> bytes:
    """The status of a service that is down, with this TAI64 second."""
    return struct.pack(">QI", label, nanoseconds) + bytes(5) + b"d"


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


@clause("svstat/seconds/future-stamp")
@pytest.mark.parametrize("ahead", [100, 10**6, 2**62 - 2**33])
def test_a_stamp_in_the_future(sandbox: Sandbox, ahead: int) -> None:
    with service(sandbox, status=stamped(TAI64_UNIX_EPOCH + int(time.time()) + ahead)):
        assert seconds(answer(sandbox)) == 0


@clause("svstat/seconds/reserved-label")
@pytest.mark.parametrize("label", [2**63, 2**64 - 1])
def test_a_reserved_label(sandbox: Sandbox, label: int) -> None:
    with service(sandbox, status=stamped(label)):
        assert seconds(answer(sandbox)) == 0


@clause("svstat/seconds/nanoseconds-ignored")
def test_too_many_nanoseconds(sandbox: Sandbox) -> None:
    label = TAI64_UNIX_EPOCH + int(time.time()) - 1000
    with service(sandbox, status=stamped(label, 2**32 - 1)):
        assert 999 <= seconds(answer(sandbox)) <= 1060


@clause("svstat/seconds/beyond-double")
@pytest.mark.parametrize("label", [0, 1, 2**61 + 1])
def test_a_very_old_stamp(sandbox: Sandbox, label: int) -> None:
    with service(sandbox, status=stamped(label)):
        begin = int(time.time()) - 1
        shown = seconds(answer(sandbox))
        end = int(time.time())
    possible = {int(float(TAI64_UNIX_EPOCH + now - label)) for now in range(begin, end + 1)}
    assert shown in possible


@clause("svstat/answer/longer-status")
@pytest.mark.parametrize("more", [1, 2])
def test_a_longer_status_file(sandbox: Sandbox, more: int) -> None:
    with service(sandbox, status=status_bytes(want=b"d") + b"\0" * more):
        assert seconds(answer(sandbox)) < 60
