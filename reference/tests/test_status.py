"""The 18 bytes: packing, unpacking, ages."""

import doctest
import struct

from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import status

SECONDS = st.integers(0, 2**40)
NANOSECONDS = st.integers(0, 999_999_999)
PIDS = st.integers(0, 2**32 - 1)
WANTS = st.sampled_from([b"u", b"d", b"\0"])


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(status).failed == 0


@given(SECONDS, NANOSECONDS, PIDS, st.booleans(), WANTS)
def test_the_layout(seconds: int, nanoseconds: int, pid: int, paused: bool, want: bytes) -> None:
    packed = status.pack((seconds, nanoseconds), pid, paused=paused, want=want)
    assert len(packed) == status.SIZE
    assert struct.unpack(">QI", packed[:12]) == (2**62 + 10 + seconds, nanoseconds)
    assert struct.unpack("<I?c", packed[12:]) == (pid, paused, want)


@given(SECONDS, NANOSECONDS, PIDS, st.booleans(), WANTS)
def test_unpack_undoes_pack(
    seconds: int, nanoseconds: int, pid: int, paused: bool, want: bytes
) -> None:
    packed = status.pack((seconds, nanoseconds), pid, paused=paused, want=want)
    assert status.unpack(packed) == (2**62 + 10 + seconds, pid, paused, want)


@given(st.binary(min_size=18, max_size=18))
def test_any_18_bytes_can_be_unpacked(content: bytes) -> None:
    second, pid, _, want = status.unpack(content)
    assert 0 <= second < 2**64
    assert 0 <= pid < 2**32
    assert len(want) == 1


@given(st.integers(0, 2**64 - 1), SECONDS)
def test_an_age_is_never_negative(second: int, now: int) -> None:
    assert status.age(second, now) >= 0


def test_an_age_above_2_to_53_is_rounded_like_a_double() -> None:
    assert status.age(2**62 + 10 - (2**53 + 1), 0) == 2**53


def test_what_follows_the_18_bytes_does_not_count() -> None:
    packed = status.pack((5, 0), 7, paused=False, want=b"u")
    assert status.unpack(packed + b"more") == status.unpack(packed)
