"""multilog's fast path is equal to its model, and the model to an independent matcher."""

import re
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemontools.core.lines import Lines, Output
from daemontools.core.match import match
from daemontools.core.selection import Selection, advance, expression, judge

if TYPE_CHECKING:
    from daemontools.core.script import Action

# Few letters, so that patterns often match; those that mean something to a regular
# expression or in a class of one; newline, NUL and a byte that is no ASCII.
LETTERS = b"ab *[]^-\\.$|\n\0\xff"
PATTERN_LETTERS = LETTERS.replace(b"\n", b"").replace(b"\0", b"")

texts = st.lists(st.sampled_from(list(LETTERS)), max_size=12).map(bytes)
patterns = st.lists(st.sampled_from(list(PATTERN_LETTERS + b"***")), max_size=6).map(bytes)
judgements = st.tuples(st.sampled_from([b"-", b"+"]), patterns)
actions = st.lists(
    st.one_of(judgements, judgements, st.sampled_from([(b"/", b"./a"), (b"e", b""), (b"=", b"f")])),
    max_size=8,
)
# Lines around the lengths at which something happens, and short ones.
long_lines = st.tuples(
    st.sampled_from([b"a", b"b ", b"*"]),
    st.sampled_from([173, 174, 175, 200, 201, 973, 974, 975, 999, 1000, 1001, 2100]),
).map(lambda pair: (pair[0] * pair[1])[: pair[1]])
several_lines = st.lists(texts, max_size=5).map(b"\n".join)
pieces = st.lists(st.one_of(texts, several_lines, long_lines, st.just(b"\n")), max_size=8)


def as_regular_expression(pattern: bytes) -> bytes:
    """The manual's sentence about stars, taken literally; backtracking, but unable to use it."""
    translated = b""
    for index in range(len(pattern)):
        following = pattern[index + 1 : index + 2]
        if pattern[index : index + 1] != b"*":
            translated += re.escape(pattern[index : index + 1])
        elif following:
            translated += b"(?:(?!" + re.escape(following) + b").)*"
            translated += b"(?=[*])" if following == b"*" else b""
        else:
            translated += b".*"
    return translated


@given(patterns, texts)
@example(b"**", b"no star")
@example(b"***a", b"x*ya")
def test_match_agrees_with_the_manual_written_as_a_regular_expression(
    pattern: bytes, text: bytes
) -> None:
    expected = re.fullmatch(as_regular_expression(pattern), text, re.DOTALL) is not None
    assert match(pattern, text) == expected


@given(patterns, texts)
def test_expression_agrees_with_match(pattern: bytes, text: bytes) -> None:
    found = re.match(expression(pattern), text, re.DOTALL) is not None
    assert found == match(pattern, text)


@given(patterns, texts, texts)
def test_advance_leaves_what_the_rest_must_match(pattern: bytes, stamp: bytes, text: bytes) -> None:
    rest = advance(pattern, stamp)
    assert match(pattern, stamp + text) == (rest is not None and match(rest, text))


@settings(max_examples=500)
@given(actions, st.booleans(), pieces)
def test_blocks_give_what_lines_give(
    script: "list[Action]", is_stamped: bool, blocks: list[bytes]
) -> None:
    fast, model = Selection(is_stamped, script), Lines(is_stamped, script)
    for number, block in enumerate(blocks):
        label = b"@%024x" % (0x400000006AAAAAAA + 7 * number)
        assert shown(fast.feed(block, label)) == shown(model.feed(block, label))
        assert bool(fast.line) == (model.line is not None)
        assert fast.rest_for == model.rest_for
    assert shown(fast.end()) == shown(model.end())


def shown(output: Output) -> tuple[bytes, list[tuple[int, bytes]], list[bytes]]:
    return output.alerts, list(output.statuses.items()), output.logs


def test_more_patterns_than_one_expression_can_hold() -> None:
    many = [(b"+" if n % 2 else b"-", b"*%d*" % n) for n in range(3000)]
    is_kept = judge(many)
    assert not is_kept(b"the line 2998 goes")
    assert is_kept(b"the line 2999 stays")
