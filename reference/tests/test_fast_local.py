"""tai64nlocal's fast path and its plain model do the same to any text, cut anywhere."""

import doctest
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemontools import tai64
from daemontools.core import local
from daemontools.core.local import MOST_DIGITS, localise
from daemontools.fast.local import Localiser
from daemontools.unix.localtime import local_time


@pytest.fixture(
    params=["UTC", "America/Los_Angeles", "Africa/Monrovia", "<XXX>-1:02:03"], autouse=True
)
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """A time zone: one with changes, one with an odd offset, one that is off by seconds."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


in_one_log = st.integers(0, 10**7).map(lambda s: tai64.format_tai64n(1_700_000_000 + s, 500))
ordinary = st.builds(tai64.format_tai64n, st.integers(0, 2**32 - 11), st.integers(0, 999_999_999))
far = st.builds(tai64.format_tai64n, st.integers(-(2**57), 2**57), st.integers(0, 999_999_999))
odd = st.text("0123456789abcdefABCDEFg", max_size=40).map(lambda digits: b"@" + digits.encode())
labels = in_one_log | ordinary | far | odd
lines = st.tuples(labels | st.just(b""), st.sampled_from([b" text", b"", b"g", b"@", b" @40"])).map(
    b"".join
)
texts = st.lists(lines, max_size=12).map(b"\n".join) | st.binary()


def in_blocks(blocks: list[bytes]) -> bytes:
    localiser = Localiser(local_time)
    return b"".join(localiser.convert(block) for block in blocks if block)


def test_the_examples_in_the_docstrings_are_true() -> None:
    result = doctest.testmod(local)
    assert (result.attempted > 0, result.failed) == (True, 0)


@given(st.lists(ordinary | in_one_log, min_size=1), st.sampled_from([b" text", b"", b" "]))
def test_ordinary_logs_come_out_as_the_model_says(log: list[bytes], rest: bytes) -> None:
    text = b"".join(label + rest + b"\n" for label in log)
    assert in_blocks([text]) == localise(text, local_time)


@given(texts)
@example(b"@")
@example(b"@4000000037c219bf2ef02e94")
@example(b"@hello\n@4000000037c219bf2ef02e94\n")
def test_any_text_comes_out_as_the_model_says(text: bytes) -> None:
    assert in_blocks([text]) == localise(text, local_time)


@given(texts, st.data())
def test_where_the_input_is_cut_does_not_matter(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    borders = [0, *cuts, len(text)]
    blocks = [text[a:b] for a, b in pairwise(borders)]
    assert in_blocks(blocks) == localise(text, local_time)


@pytest.mark.parametrize("more", [-1, 0, 1, 2])
@pytest.mark.parametrize("size", [1 << 20, 1000, MOST_DIGITS + 1, MOST_DIGITS + 2])
def test_a_long_run_of_digits_is_a_label_up_to_the_limit(more: int, size: int) -> None:
    digits = b"0" * (MOST_DIGITS + more - 24) + b"4000000037c219bf2ef02e94"
    for text in (b"@" + digits + b" text\n", b"a\n@" + digits, b"@" + digits + b"\nb\n"):
        blocks = [text[i : i + size] for i in range(0, len(text), size)]
        assert in_blocks(blocks) == localise(text, local_time)
        assert (digits in in_blocks(blocks)) == (more > 0)


def test_what_has_come_is_written_at_once_except_a_label() -> None:
    localiser = Localiser(local_time)
    label = b"@4000000037c219bf2ef02e94"
    date = localise(label + b" ", local_time)[:-1]
    assert localiser.convert(b"a") == b"a"
    assert localiser.convert(b"b\n") == b"b\n"
    assert localiser.convert(label[:7]) == b""
    assert localiser.convert(label[7:]) == b""
    assert localiser.convert(b" x") == date + b" x"
    assert localiser.convert(b"\n@x") == b"\n@x"


@given(st.integers(0, 2**32 - 1), st.integers(0, 999_999_999))
def test_in_utc_the_date_is_datetimes(second: int, nanosecond: int) -> None:
    def utc(second: int) -> tuple[int, ...]:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        return at.timetuple()[:6]

    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    expected = f"{at:%Y-%m-%d %H:%M:%S}.{nanosecond:09d}\n"
    label = tai64.format_tai64n(second, nanosecond)
    localiser = Localiser(utc)
    assert localiser.convert(label + b"\n") == expected.encode()
    assert localise(label + b"\n", utc) == expected.encode()


def test_an_ordinary_block_is_converted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [tai64.format_tai64n(second, 5) for second in (0, 1_700_000_000, 2**32 - 11)]
    for text in (b"text\n", labels[0] + b"\n", b" a\n".join(labels) + b" b\n"):
        expected = localise(text, local_time)
        with monkeypatch.context() as patch:
            patch.delattr(Localiser, "_one_by_one")
            assert in_blocks([text]) == expected


@pytest.mark.parametrize("odd", [b"@", b"@40", b"@" + b"4" * 25, b"@8" + b"0" * 23])
def test_a_block_with_an_odd_label_is_converted_one_by_one(odd: bytes) -> None:
    ordinary = tai64.format_tai64n(1_700_000_000, 5)
    for text in (odd, ordinary + b"\n" + odd, odd + b"\n" + ordinary):
        assert in_blocks([text + b"\n"]) == localise(text + b"\n", local_time)


Date = tuple[int, ...]


def test_a_minute_takes_two_questions(zone: str) -> None:
    asked: list[int] = []

    def calendar(second: int) -> Date:
        asked.append(second)
        return local_time(second)

    minute = 1_700_000_040  # 14 minutes past the hour
    text = b"".join(tai64.format_tai64n(minute + s, 0) + b"\n" for s in range(60))
    assert Localiser(calendar).convert(text) == localise(text, local_time)
    is_shifted = zone == "<XXX>-1:02:03"  # its minutes begin at :57
    assert len(asked) == (62 if is_shifted else 2)


def shifted(second: int) -> Date:
    return local_time(second + 7)


def one_second_short(second: int) -> Date:
    """A minute that ends a second early."""
    return local_time(second + second // 59)


def in_the_year_of_the_second(second: int) -> Date:
    """Each second is in another year."""
    return (second, *local_time(second)[1:])


def in_the_hour_of_the_second(second: int) -> Date:
    """The hour changes with each second, and the minute does not."""
    year, month, day, _, *rest = local_time(second)
    return (year, month, day, second % 24, *rest)


def in_the_minute_of_the_second(second: int) -> Date:
    """The minute changes with each second."""
    return (*local_time(second)[:4], second % 61, second % 60)


@pytest.mark.parametrize(
    "calendar",
    [
        shifted,
        one_second_short,
        in_the_year_of_the_second,
        in_the_hour_of_the_second,
        in_the_minute_of_the_second,
    ],
)
@pytest.mark.parametrize("begin", [0, 1_700_000_000])
def test_odd_minutes_are_converted_second_by_second(calendar: "local.Calendar", begin: int) -> None:
    text = b"".join(tai64.format_tai64n(begin + s, 0) + b"\n" for s in range(200))
    assert Localiser(calendar).convert(text) == localise(text, calendar)


def test_the_cache_holds_4096_dates_and_then_begins_anew() -> None:
    localiser = Localiser(local_time)
    dates = localiser._dates  # noqa: SLF001 - no interface shows how many there are
    minutes = dates._minutes  # noqa: SLF001
    for second in range(1_700_000_040, 1_700_000_040 + 4096):
        text = tai64.format_tai64n(second, 0) + b"\n"
        assert localiser.convert(text) == localise(text, local_time)
    assert (len(dates), len(minutes)) == (4096, 69)
    localiser.convert(tai64.format_tai64n(0, 0) + b"\n")
    assert (len(dates), len(minutes)) == (1, 1)
