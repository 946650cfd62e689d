"""multilog's fast path is equal to its model, and the model to an independent matcher."""

import re
import tracemalloc
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemontools.core.lines import Lines, Output, is_selected
from daemontools.core.match import match
from daemontools.fast import lines
from daemontools.fast.lines import DIGITS, Selection, beyond_stamp, expression, judge

if TYPE_CHECKING:
    from daemontools.core.script import Action

# Few letters, so that patterns often match: letters that mean something in a regular
# expression or in its classes, newline, NUL, and a byte that is not ASCII.
LETTERS = b"ab *[]^-\\.$|\n\0\xff"
PATTERN_LETTERS = LETTERS.replace(b"\n", b"").replace(b"\0", b"")

texts = st.lists(st.sampled_from(list(LETTERS)), max_size=12).map(bytes)
patterns = st.lists(st.sampled_from(list(PATTERN_LETTERS + b"***")), max_size=6).map(bytes)
past_the_stamp = st.tuples(st.sampled_from([b"", b"* ", b"@* "]), patterns).map(b"".join)
judgements = st.tuples(st.sampled_from([b"-", b"+"]), past_the_stamp)
actions = st.lists(
    st.one_of(judgements, judgements, st.sampled_from([(b"/", b"./a"), (b"e", b""), (b"=", b"f")])),
    max_size=8,
)
# Short lines, and lines near the lengths at which something changes.
long_lines = st.tuples(
    st.sampled_from([b"a", b"b ", b"*"]),
    st.sampled_from([173, 174, 175, 200, 201, 973, 974, 975, 999, 1000, 1001, 2100]),
).map(lambda pair: (pair[0] * pair[1])[: pair[1]])
several_lines = st.lists(texts, max_size=5).map(b"\n".join)
pieces = st.lists(st.one_of(texts, several_lines, long_lines, st.just(b"\n")), max_size=8)


def as_regular_expression(pattern: bytes) -> bytes:
    """The manual's sentence about stars as an expression in which backtracking changes nothing."""
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


@pytest.mark.parametrize(
    ("pattern", "rest"),
    [
        (b"", None),
        (b"x*", None),
        (b" *", None),
        (b"@", None),
        (b"@ x", None),
        (b"*", b"*"),
        (b"@*", b"*"),
        (b"@* ", b""),
        (b"@* fatal: *", b"fatal: *"),
        (b"* a", b"a"),
        (b"* 4", b"4"),
        (b"* * x", b"* x"),
        (b"*@* x", b"x"),
        (b"*x", b"*x"),
        (b"@*x", b"*x"),
        (b"@*@ x", b"*@ x"),
        (b"@** x", b"** x"),
    ],
)
def test_the_rest_of_a_pattern_begins_after_the_stamp(pattern: bytes, rest: bytes | None) -> None:
    assert beyond_stamp(pattern) == rest


@pytest.mark.parametrize("pattern", [b"@4*", b"@0", b"@f*", b"@*4", b"*0", b"*a", b"@*9 x"])
def test_a_pattern_with_a_digit_of_the_stamp_is_judged_with_the_stamp(pattern: bytes) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(pattern))):
        beyond_stamp(pattern)


@given(patterns, st.binary(min_size=12, max_size=12), texts)
@example(b"*", bytes(12), b"")
@example(b"*a", bytes(12), b"a")
def test_beyond_stamp_leaves_what_the_rest_must_match(
    pattern: bytes, label: bytes, text: bytes
) -> None:
    line = b"@%b %b" % (label.hex().encode(), text)
    try:
        rest = beyond_stamp(pattern)
    except ValueError:
        assert set(pattern) & set(DIGITS)
    else:
        assert match(pattern, line) == (rest is not None and match(rest, text))


@given(st.lists(judgements, min_size=1, max_size=8), texts)
def test_judge_agrees_with_is_selected(patterns: "list[Action]", line: bytes) -> None:
    is_kept = judge(patterns)
    assert is_kept is not None
    assert bool(is_kept(line)) == is_selected(patterns, line)


@settings(max_examples=500)
@given(actions, st.booleans(), pieces)
@example([(b"-", b"@* a"), (b"/", b"./a")], True, [b"a\nb\n"])  # noqa: FBT003
@example([(b"-", b"*"), (b"+", b"@* a"), (b"/", b"./a")], True, [b"a\nb\n"])  # noqa: FBT003
def test_blocks_give_what_lines_give(
    script: "list[Action]", is_stamped: bool, blocks: list[bytes]
) -> None:
    assert_blocks_give_what_lines_give(script, blocks, is_stamped=is_stamped)


def assert_blocks_give_what_lines_give(
    script: "list[Action]", blocks: list[bytes], *, is_stamped: bool
) -> None:
    fast = Selection(script, is_stamped=is_stamped)
    model = Lines(script, is_stamped=is_stamped)
    for number, block in enumerate(blocks):
        label = b"@%024x" % (0x400000006AAAAAAA + 7 * number)
        assert shown(fast.feed(block, label)) == shown(model.feed(block, label))
        assert bool(fast.line) == (model.line is not None)
        assert fast.rest_for == model.rest_for
    assert shown(fast.end()) == shown(model.end())


def shown(output: Output) -> tuple[bytes, list[tuple[int, bytes]], list[bytes]]:
    return output.alerts, list(output.statuses.items()), output.logs


@pytest.mark.parametrize("is_stamped", [False, True])
@pytest.mark.parametrize("block", [*product([b"a", b"ba", b"ab"], repeat=3)], ids=b" ".join)
def test_status_files_change_in_the_order_of_their_last_lines(
    block: tuple[bytes, ...], is_stamped: bool
) -> None:
    stamp = b"@* " if is_stamped else b""
    script: list[Action] = []
    for line in (b"a", b"ab", b"ba"):  # a status file for each
        script += [(b"-", b"*"), (b"+", stamp + line), (b"=", b"f")]
    blocks = [b"".join(line + b"\n" for line in block)]
    assert_blocks_give_what_lines_give(script, blocks, is_stamped=is_stamped)


@pytest.mark.parametrize("is_stamped", [False, True])
@pytest.mark.parametrize("pattern", [b"*x", b"@* *x", b"*a*x"])
@pytest.mark.parametrize("action", [b"e", b"=", b"/"])
def test_a_pattern_sees_no_more_than_the_longest_line_that_is_judged(
    action: bytes, pattern: bytes, is_stamped: bool
) -> None:
    script = [(b"-", b"*"), (b"+", pattern), (action, b"./a")]
    for length in range(970, 1003):
        line = b"a" * (length - 1) + b"x\n"
        assert_blocks_give_what_lines_give(script, [line, b"x\n" + line], is_stamped=is_stamped)


def test_logs_that_keep_the_same_lines_share_them() -> None:
    (_, of_a), (_, of_b), (_, of_c) = lines.judges(
        [(b"-", b"x"), (b"/", b"./a"), (b"/", b"./b"), (b"+", b"x"), (b"/", b"./c")]
    )
    assert of_a is of_b
    assert of_a is not of_c


@pytest.mark.parametrize("kinds", [b"+", b"-", b"-+", b"+-", b"--+"])
def test_three_thousand_patterns(kinds: bytes) -> None:
    many = [
        (kinds[n % len(kinds) : n % len(kinds) + 1], b"*" * (n % 3 > 0) + b"%d*" % n)
        for n in range(3000)
    ]
    is_kept = judge(many)
    assert is_kept is not None
    for line in (b"", b"2998", b"the line 2999 is here", b"0", b"17 and 2998", b"the 1"):
        assert bool(is_kept(line)) == is_selected(many, line)


def test_what_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [(b"-", b"x*"), (b"/", b"./a"), (b"e", b""), (b"/", b"./b")]
    fast = Selection(is_stamped=True, actions=script)
    model = Lines(is_stamped=True, actions=script)
    blocks = [b"be", b"gun\nab", b"x" * 2000, b"end\n\nx\nnew", b"\n"]
    for block in blocks:
        with monkeypatch.context() as patch:
            patch.setattr(lines, "alert", fail)
            try:
                output = fast.feed(block, b"@%024x" % 4)
            except MemoryError:
                patch.undo()
                output = fast.feed(block, b"@%024x" % 4)
        assert shown(output) == shown(model.feed(block, b"@%024x" % 4))


def fail(_line: bytes) -> bytes:
    raise MemoryError


WORST = {
    "newlines": b"\n" * 8192,
    "one byte": b"a\n" * 4096,
    "two bytes": b"ab\n" * 2730,
    "a long line": b"a" * 8192,
    "lines": b"the usual line of a log, more or less\n" * 215,
}
SCRIPTS: "list[list[Action]]" = [
    [(b"/", b"./a")],
    [(b"+", b"*x*"), (b"/", b"./a")],
    [(b"-", b"*x*"), (b"+", b"*y*"), (b"/", b"./a"), (b"/", b"./b")],
    [(b"-", b"*x*"), (b"/", b"./a"), (b"-", b"*y*"), (b"/", b"./b"), (b"-", b"*z*"), (b"/", b".")],
    [(b"e", b""), (b"/", b"./a")],
    [(b"e", b""), (b"-", b"*x*"), (b"e", b""), (b"e", b""), (b"/", b"./a")],
    [(b"=", b"s"), (b"=", b"t"), (b"-", b"*x*"), (b"=", b"u"), (b"/", b"./a")],
    [(b"/", b"./%d" % n) for n in range(50)],
]


@pytest.mark.parametrize("kind", WORST)
@pytest.mark.parametrize("script", SCRIPTS, ids=str)
@pytest.mark.parametrize("is_stamped", [False, True])
def test_memory_of_the_worst_block(kind: str, script: "list[Action]", is_stamped: bool) -> None:
    fast, block = Selection(script, is_stamped=is_stamped), WORST[kind]
    fast.feed(b"begun", b"@%024x" % 7)
    tracemalloc.start()
    fast.feed(block, b"@%024x" % 7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < fast.memory_per_byte() * len(block)
