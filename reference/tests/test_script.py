"""Numbers in multilog's script: where they wrap around, and their bounds."""

import pytest

from daemontools.core.script import FEWEST, LARGEST, NUMBER, SIZE, SMALLEST, parse


def size_and_number(*arguments: bytes) -> tuple[int, int]:
    _, _, [(_, size, number, _)] = parse([*arguments, b"./log"])
    return size, number


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (0, SMALLEST),
        (4095, SMALLEST),
        (4097, 4097),
        (16777215, LARGEST),
        (16777216, LARGEST),
        (2**63 + 5000, LARGEST),
        (2**64 - 1, LARGEST),
        (2**64 + 5000, 5000),
        (3**64 + 5000, (3**64 + 5000) % 2**64),
        (10**64 + 5000, 5000),
        (9 * 10**63 + 5000, (9 * 10**63 + 5000) % 2**64),
        (10**200 + 5000, 5000),
    ],
)
def test_a_size_wraps_and_then_has_bounds(digits: int, expected: int) -> None:
    bounded = min(max(expected, SMALLEST), LARGEST)
    assert size_and_number(b"s%d" % digits) == (bounded, NUMBER)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [(0, FEWEST), (1, FEWEST), (2, 2), (3, 3), (2**64 - 1, 2**64 - 1), (2**64, FEWEST)],
)
def test_a_number_of_files_wraps_and_has_a_least(digits: int, expected: int) -> None:
    assert size_and_number(b"n%d" % digits) == (SIZE, expected)


def test_the_defaults_and_the_bounds_are_those_of_the_manual() -> None:
    assert (SIZE, SMALLEST, LARGEST, NUMBER, FEWEST) == (99999, 4096, 16777215, 10, 2)


def test_a_number_may_be_longer_than_cpython_converts() -> None:
    assert size_and_number(b"s" + b"7" * 5000 + b"%064d" % 5000) == (5000, NUMBER)


def test_what_follows_the_digits_does_not_count() -> None:
    assert size_and_number(b"s5000k9", b"n7.5") == (5000, 7)
    assert size_and_number(b"s-9000", b"n+9") == (SMALLEST, FEWEST)


def test_each_action_is_kept_in_its_order_and_other_words_are_none() -> None:
    words = [b"-a", b"+b", b"=c", b"e", b"e9", b"t", b"", b"x", b".d", b"/f"]
    lines = [(b"-", b"a"), (b"+", b"b"), (b"=", b"c"), (b"e", b""), (b"e", b"")]
    logs = [(b".d", SIZE, NUMBER, None), (b"/f", SIZE, NUMBER, None)]
    assert parse(words) == (False, [*lines, (b"/", b".d"), (b"/", b"/f")], logs)


@pytest.mark.parametrize(
    ("words", "stamps"),
    [([], False), ([b"t"], True), ([b"tx", b"e"], True), ([b"e", b"t"], False), ([b""], False)],
)
def test_only_a_first_t_stamps(words: list[bytes], stamps: bool) -> None:
    assert parse(words)[0] is stamps
