"""Changing a block of environment entries: equal to a model that goes entry by entry."""

import doctest
import time

from hypothesis import example, given
from hypothesis import strategies as st

from daemontools.core import envblock
from daemontools.core.envblock import merged, value_of

WORDS = st.text("AB=", max_size=4).map(str.encode)
BLOCKS = st.lists(WORDS, max_size=8)
CHANGES = st.lists(st.tuples(WORDS, st.none() | WORDS), max_size=4)


def model(block: list[bytes], changes: list[tuple[bytes, bytes | None]]) -> list[bytes]:
    """The rules, written with indices as in C."""
    entries: list[bytes] = list(block)
    count = len(entries)
    entries += [b""] * len(changes)
    for name, value in changes:
        new = name + (b"" if value is None else b"=" + value)
        split = new.find(b"=") if b"=" in new else len(new)
        for i in range(count):
            if entries[i][:split] == new[:split] and entries[i][split : split + 1] == b"=":
                count -= 1
                entries[i] = entries[count]
                break
        if split < len(new):
            entries[count] = new
            count += 1
    return entries[:count]


@given(BLOCKS, CHANGES)
@example([b"A=1", b"A=2", b"B=3"], [(b"A", b"4")])
@example([b"A=1"], [(b"A", None), (b"A", None)])
@example([b"A=1", b"B=2"], [(b"A", None), (b"B", None), (b"B", b"3")])
@example([b"=x"], [(b"=", None)])
@example([], [(b"A", b"1")])
def test_equals_the_model(block: list[bytes], changes: list[tuple[bytes, bytes | None]]) -> None:
    assert merged(block, changes) == model(block, changes)


@given(BLOCKS, WORDS)
def test_the_block_that_was_given_stays_as_it_is(block: list[bytes], name: bytes) -> None:
    before = list(block)
    merged(block, [(name, b"x"), (name, None)])
    assert block == before


@given(BLOCKS)
def test_a_variable_that_is_set_has_that_value(block: list[bytes]) -> None:
    block = [entry for entry in block if not entry.startswith(b"A=")]
    assert value_of(merged(block, [(b"A", b"new")]), b"A") == b"new"


def test_the_first_entry_counts() -> None:
    assert value_of([b"AB=0", b"A", b"A=1", b"A=2"], b"A") == b"1"
    assert value_of([b"AB=0", b"A"], b"A") is None


def test_the_work_grows_with_the_changes_not_with_their_square() -> None:
    changes: list[tuple[bytes, bytes | None]] = [(b"V%d" % n, b"x") for n in range(20_000)]
    start = time.process_time()
    assert merged([], changes) == [name + b"=x" for name, _ in changes]
    assert time.process_time() - start < 3  # 0.05 s; with a search for each it took 98 s


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(envblock).failed == 0
