"""The public TAI64 module: round trips, ranges, errors, and the examples in its docstrings."""

import doctest
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemontools import tai64
from daemontools.core import tai64 as core

seconds = st.integers(tai64.FIRST_SECOND, tai64.LAST_SECOND)
billionths = st.integers(0, 999_999_999)


def test_the_module_offers_these_names_and_no_others() -> None:
    verbs, labels = ("pack", "unpack", "format", "parse"), ("tai64", "tai64n", "tai64na")
    functions = {f"{verb}_{label}" for verb in verbs for label in labels}
    offered = {name for name in vars(tai64) if not name.startswith("_")}
    assert offered == functions | {"FIRST_SECOND", "LAST_SECOND", "UNIX_EPOCH"}
    assert sorted(offered) == sorted(core.__all__)


@pytest.mark.parametrize("module", [tai64, core])
def test_the_examples_in_the_docstrings_are_true(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert (result.attempted > 0, result.failed) == (True, 0)


@given(seconds)
def test_a_second_survives_packing_and_formatting(s: int) -> None:
    assert tai64.unpack_tai64(tai64.pack_tai64(s)) == s
    assert tai64.parse_tai64(tai64.format_tai64(s)) == s
    assert (len(tai64.pack_tai64(s)), len(tai64.format_tai64(s))) == (8, 17)


@given(seconds, billionths)
def test_a_nanosecond_survives_packing_and_formatting(s: int, n: int) -> None:
    assert tai64.unpack_tai64n(tai64.pack_tai64n(s, n)) == (s, n)
    assert tai64.parse_tai64n(tai64.format_tai64n(s, n)) == (s, n)
    assert (len(tai64.pack_tai64n(s, n)), len(tai64.format_tai64n(s, n))) == (12, 25)


@given(seconds, billionths, billionths)
def test_an_attosecond_survives_packing_and_formatting(s: int, n: int, a: int) -> None:
    assert tai64.unpack_tai64na(tai64.pack_tai64na(s, n, a)) == (s, n, a)
    assert tai64.parse_tai64na(tai64.format_tai64na(s, n, a)) == (s, n, a)
    assert (len(tai64.pack_tai64na(s, n, a)), len(tai64.format_tai64na(s, n, a))) == (16, 33)


@given(st.binary(min_size=12, max_size=12))
def test_bytes_that_are_a_label_survive_and_others_are_refused(label: bytes) -> None:
    try:
        s, n = tai64.unpack_tai64n(label)
    except ValueError:
        assert label[0] >= 0x80 or int.from_bytes(label[8:], "big") > 999_999_999
    else:
        assert tai64.pack_tai64n(s, n) == label


@given(st.lists(st.tuples(seconds, billionths), min_size=2))
def test_labels_sort_as_the_times_do(times: list[tuple[int, int]]) -> None:
    labels = [tai64.format_tai64n(s, n) for s, n in times]
    assert sorted(labels) == [tai64.format_tai64n(s, n) for s, n in sorted(times)]


@pytest.mark.parametrize("second", [tai64.FIRST_SECOND - 1, tai64.LAST_SECOND + 1])
def test_a_second_without_a_label_is_refused(second: int) -> None:
    with pytest.raises(ValueError, match="no TAI64 label"):
        tai64.pack_tai64(second)


@pytest.mark.parametrize("amount", [-1, 1_000_000_000])
def test_a_billion_nanoseconds_or_attoseconds_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="nanoseconds"):
        tai64.pack_tai64n(0, amount)
    with pytest.raises(ValueError, match="attoseconds"):
        tai64.pack_tai64na(0, 0, amount)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"@",
        b"4000000037c219bf2ef02e94",
        b"@4000000037C219BF2EF02E94",
        b"@4000000037c219bf2ef02e9",
        b"@4000000037c219bf2ef02e94 ",
        b"@4000000037c219bf2ef02e94\n",
        b"@4000000037c219bfffffffff",
        b"@8000000037c219bf2ef02e94",
        b"@+000000037c219bf2ef02e94",
    ],
)
def test_text_that_is_no_label_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"label|nanoseconds"):
        tai64.parse_tai64n(text)


def test_the_borders_of_the_range() -> None:
    assert tai64.pack_tai64(tai64.FIRST_SECOND) == bytes(8)
    assert tai64.pack_tai64(tai64.LAST_SECOND) == b"\x7f" + b"\xff" * 7


@pytest.mark.parametrize(
    ("unpack", "right"),
    [(tai64.unpack_tai64, 8), (tai64.unpack_tai64n, 12), (tai64.unpack_tai64na, 16)],
)
def test_a_label_of_another_length_is_refused(
    unpack: Callable[[bytes], object], right: int
) -> None:
    label = tai64.pack_tai64na(0, 0, 0) + bytes(4)
    unpack(label[:right])
    for length in set(range(21)) - {right}:
        with pytest.raises(ValueError, match="bytes"):
            unpack(label[:length])


def test_the_bounds_of_each_part_of_a_label() -> None:
    last = (2**63 - 1).to_bytes(8, "big")
    assert core.unpack_tai64(last) == 2**63 - 1 - core.UNIX_EPOCH
    with pytest.raises(ValueError, match="reserved"):
        core.unpack_tai64((2**63).to_bytes(8, "big"))
    second, most, more = (a.to_bytes(4, "big") for a in (0, 999_999_999, 1_000_000_000))
    zero = core.UNIX_EPOCH.to_bytes(8, "big")
    assert core.unpack_tai64na(zero + most + most) == (0, 999_999_999, 999_999_999)
    with pytest.raises(ValueError, match="nanoseconds go from 0 to 999999999, not 1000000000"):
        core.unpack_tai64n(zero + more)
    with pytest.raises(ValueError, match="attoseconds go from 0 to 999999999, not 1000000000"):
        core.unpack_tai64na(zero + second + more)


def test_what_is_no_label_is_told_with_the_number_of_digits() -> None:
    with pytest.raises(ValueError, match="24 lower-case hexadecimal digits"):
        core.parse_tai64n(b"@4000")
