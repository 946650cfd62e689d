"""The arithmetic of softlimit, against Python's own unlimited numbers."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import limits

HARD = st.integers(min_value=0, max_value=limits.UNLIMITED)


def test_the_examples_in_the_module() -> None:
    assert doctest.testmod(limits).failed == 0


@given(st.text(alphabet="0123456789", max_size=60), HARD)
def test_digits_count_modulo_2_to_the_64_and_the_hard_limit_caps(digits: str, hard: int) -> None:
    expected = min(int(digits or "0") % 2**64, hard)
    assert limits.soft_limit(digits.encode(), hard) == expected


@given(HARD)
def test_an_equals_sign_is_the_hard_limit(hard: int) -> None:
    assert limits.soft_limit(b"=", hard) == hard


@given(st.binary().filter(lambda word: word != b"=" and word.strip(b"0123456789")), HARD)
def test_anything_else_is_refused(word: bytes, hard: int) -> None:
    with pytest.raises(ValueError, match="not a number"):
        limits.soft_limit(word, hard)


def test_the_greatest_number_means_no_limit() -> None:
    assert limits.UNLIMITED == 0xFFFF_FFFF_FFFF_FFFF
