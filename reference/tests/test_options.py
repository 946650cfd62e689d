"""djb's getopt: where options end, what an argument is, and the two complaints."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import options
from daemontools.core.options import parse

SVC = b"udopchaitkx"


def test_examples_in_the_docstring() -> None:
    assert doctest.testmod(options).failed == 0


@pytest.mark.parametrize(
    ("words", "index"),
    [
        ([], 1),
        ([b"a", b"-d"], 1),
        ([b"-", b"-d"], 1),
        ([b"--", b"-d"], 2),
        ([b"--anything", b"-d"], 2),
        ([b"-d", b"-", b"-u"], 2),
        ([b"-d", b"--", b"-u"], 3),
        ([b"", b"-u"], 1),
        ([b"-d"], 2),
    ],
)
def test_where_the_options_end(words: list[bytes], index: int) -> None:
    assert parse([b"svc", *words], SVC)[1:] == (index, None)


def test_letters_are_kept_in_order_with_repetitions() -> None:
    found, _, _ = parse([b"svc", b"-dx", b"-d"], SVC)
    assert [letter for letter, _ in found] == [b"d", b"x", b"d"]


def test_an_argument_is_the_rest_of_the_word_or_the_next_word() -> None:
    found, index, _ = parse([b"p", b"-am5", b"-m", b"-a", b"-m", b"", b"x"], b"am:")
    assert found == [(b"a", b""), (b"m", b"5"), (b"m", b"-a"), (b"m", b"")]
    assert index == 6


@pytest.mark.parametrize("letter", [b"z", b"-", b":", b"\xff", b"?"])
def test_an_illegal_letter(letter: bytes) -> None:
    found, _, complaint = parse([b"dir/prog", b"-a" + letter], b"am:")
    assert found == [(b"a", b"")]
    assert complaint == b"prog: illegal option -- " + letter


@pytest.mark.parametrize(
    ("name", "shown"), [(b"/a/b", b"b"), (b"b", b"b"), (b"a/", b""), (b"", b"")]
)
def test_a_complaint_names_the_base_name(name: bytes, shown: bytes) -> None:
    assert parse([name, b"-m"], b"m:")[2] == shown + b": option requires an argument -- m"


@given(st.lists(st.binary(max_size=4), max_size=5))
def test_a_word_is_an_option_an_argument_or_an_operand(words: list[bytes]) -> None:
    found, index, complaint = parse([b"p", *words], b"am:")
    assert 1 <= index <= len(words) + 1
    assert complaint is not None or all(letter in (b"a", b"m") for letter, _ in found)
