"""The borders of tai64nlocal's plain model: where seconds and years wrap around."""

import pytest

from daemontools.core.local import MOST_DIGITS, date_of, format_date, unix_second
from daemontools.core.tai64 import UNIX_EPOCH


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, 0),
        (-1, -1),
        (2**63 - 1, 2**63 - 1),
        (2**63, -(2**63)),
        (2**63 + 1, -(2**63) + 1),
        (2**64, 0),
        (2**64 - 1, -1),
        (2**65 + 5, 5),
    ],
)
def test_seconds_wrap_as_a_signed_number_of_64_bits_does(seconds: int, expected: int) -> None:
    assert unix_second(UNIX_EPOCH + seconds) == expected


@pytest.mark.parametrize(
    ("year", "shown"),
    [(1, b"1"), (0, b"0"), (-1, b"%d" % (2**64 - 1)), (2**64, b"0"), (2147485547, b"2147485547")],
)
def test_years_wrap_at_2_64_and_every_other_field_has_two_digits(year: int, shown: bytes) -> None:
    assert format_date((year, 2, 3, 4, 5, 6)) == shown + b"-02-03 04:05:06"


def test_a_label_has_at_most_65536_digits() -> None:
    assert MOST_DIGITS == 65536
    assert (
        date_of(b"0" * MOST_DIGITS, lambda _: (1, 1, 1, 1, 1, 1)) == b"1-01-01 01:01:01.000000000"
    )
    with pytest.raises(OverflowError, match="too many digits for a label"):
        date_of(b"0" * (MOST_DIGITS + 1), lambda _: (1, 1, 1, 1, 1, 1))
