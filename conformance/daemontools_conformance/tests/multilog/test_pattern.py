"""multilog: patterns of stars and non-stars."""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox


def kept(sandbox: Sandbox, *script: str | bytes, lines: list[bytes]) -> list[bytes]:
    """The lines that are selected after this script."""
    directory = tempfile.mkdtemp(dir=sandbox.path)
    sandbox.run("multilog", *script, directory, input=b"".join(line + b"\n" for line in lines))
    return (Path(directory) / "current").read_bytes().split(b"\n")[:-1]


@clause("multilog/pattern/selected-at-first")
def test_without_patterns_every_line_is_selected(sandbox: Sandbox) -> None:
    assert kept(sandbox, lines=[b"a", b"", b"b"]) == [b"a", b"", b"b"]


@clause("multilog/pattern/whole-line")
def test_pattern_matches_the_whole_line(sandbox: Sandbox) -> None:
    lines = [b"hello", b"hello world", b"hell", b"say hello", b"Hello"]
    assert kept(sandbox, "-*", "+hello", lines=lines) == [b"hello"]


@clause("multilog/pattern/minus")
def test_minus_deselects_the_lines_that_match(sandbox: Sandbox) -> None:
    assert kept(sandbox, "-a", lines=[b"a", b"b", b"aa"]) == [b"b", b"aa"]


@clause("multilog/pattern/plus")
def test_plus_selects_again(sandbox: Sandbox) -> None:
    assert kept(sandbox, "-a*", "+ab", lines=[b"a", b"ab", b"b"]) == [b"ab", b"b"]


@clause("multilog/pattern/last-match-decides")
def test_the_last_matching_pattern_decides(sandbox: Sandbox) -> None:
    script = ["-*", "+a*", "-*z", "+az"]
    assert kept(sandbox, *script, lines=[b"a", b"abz", b"az", b"z"]) == [b"a", b"az"]


@clause("multilog/pattern/star-at-end")
def test_star_at_the_end_matches_anything(sandbox: Sandbox) -> None:
    lines = [b"a", b"a b*c", b"a" * 900, b"b", b""]
    assert kept(sandbox, "-*", "+a*", lines=lines) == lines[:3]


@clause("multilog/pattern/star-at-end")
def test_star_alone_matches_every_line(sandbox: Sandbox) -> None:
    assert kept(sandbox, "-*", lines=[b"", b"a", b"\0", b"*"]) == []


@clause("multilog/pattern/star-ends-at-next-character")
def test_star_ends_before_the_next_character_of_the_pattern(sandbox: Sandbox) -> None:
    lines = [b"named[135]: Cleaned cache of 3 RRs", b"named[]: Cleaned cache ", b"named: Cleaned"]
    assert kept(sandbox, "-named[*]: Cleaned cache *", lines=lines) == [b"named: Cleaned"]


@clause("multilog/pattern/no-second-try")
def test_star_never_tries_a_later_occurrence(sandbox: Sandbox) -> None:
    lines = [b"a: fatal", b"a: b: fatal", b"xab", b"xaab"]
    assert kept(sandbox, "-*: fatal", "-*ab", lines=lines) == [b"a: b: fatal", b"xaab"]


@clause("multilog/pattern/star-star")
def test_star_before_a_star_runs_to_a_star_in_the_line(sandbox: Sandbox) -> None:
    lines = [b"abc", b"a*c", b"*", b""]
    assert kept(sandbox, "-**", lines=lines) == [b"abc", b""]


@clause("multilog/pattern/star-star")
def test_second_star_begins_where_the_first_ended(sandbox: Sandbox) -> None:
    lines = [b"x*yc", b"x*cy", b"xyc", b"*c", b"c*c"]
    assert kept(sandbox, "-**c", lines=lines) == [b"x*cy", b"xyc"]


@clause("multilog/pattern/nothing-else-special")
@pytest.mark.parametrize("text", ["a.c", "[ab]", "a?", "a|b", "^a$", "\\a", "(a)", "a+", "{1}"])
def test_other_characters_stand_for_themselves(sandbox: Sandbox, text: str) -> None:
    lines = [text.encode(), b"abc", b"a", b"b", b"aa", b"\\" + text.encode()]
    assert kept(sandbox, "-*", "+" + text, lines=lines) == [text.encode()]


@clause("multilog/pattern/nothing-else-special")
@pytest.mark.parametrize("after_star", ["]", "^", "-", "\\", ".", "["])
def test_any_character_may_follow_a_star(sandbox: Sandbox, after_star: str) -> None:
    lines = [f"ab{after_star}".encode(), b"ab", b"b"]
    assert kept(sandbox, "-*", f"+a*{after_star}", lines=lines) == lines[:1]


@clause("multilog/pattern/empty")
def test_empty_pattern_matches_the_empty_line(sandbox: Sandbox) -> None:
    assert kept(sandbox, "-", lines=[b"", b"a", b" "]) == [b"a", b" "]


@clause("multilog/pattern/bytes")
def test_pattern_and_line_are_bytes(sandbox: Sandbox) -> None:
    lines = [b"\xff\xfe", b"\xff", "ä".encode(), "ö".encode()]
    expected = [b"\xff", "ä".encode()]
    assert kept(sandbox, b"-\xff\xfe", b"-*\xb6", lines=lines) == expected


@clause("multilog/pattern/nul-in-line")
def test_nul_in_a_line_is_a_character_like_any_other(sandbox: Sandbox) -> None:
    lines = [b"a\0b", b"a", b"a\0c"]
    assert kept(sandbox, "-a*b", "-a", lines=lines) == [b"a\0c"]


@clause("multilog/pattern/sees-the-stamp")
def test_pattern_sees_the_stamp(sandbox: Sandbox, variant: str) -> None:
    lines = [b"fatal: a", b"ok"]
    with_stamp = kept(sandbox, "t", "-*", "+* fatal: *", lines=lines)
    without = kept(sandbox, "t", "-*", "+fatal: *", lines=lines)
    seen = [[line[26:] for line in found] for found in (with_stamp, without)]
    assert seen == {"": [[b"fatal: a"], []], "freebsd": [[], [b"fatal: a"]]}[variant]


@clause("multilog/pattern/stamp-begins-with-at")
def test_a_pattern_shorter_than_the_stamp_matches_no_line(sandbox: Sandbox) -> None:
    assert kept(sandbox, "t", "-*", "+@4", lines=[b"a", b"b"]) == []
    assert len(kept(sandbox, "t", "-@4", lines=[b"a", b"b"])) == 2


@clause("multilog/pattern/stamp-begins-with-at")
def test_a_star_may_end_inside_the_stamp(sandbox: Sandbox) -> None:
    assert len(kept(sandbox, "t", "-*", "+@4*", lines=[b"a", b"b"])) == 2
    assert kept(sandbox, "t", "-*", "+*4x", lines=[b"4x", b"x4x"]) == []


@clause("multilog/pattern/first-1000")
def test_pattern_sees_the_first_1000_characters(sandbox: Sandbox) -> None:
    long, longer = b"a" * 999 + b"b", b"a" * 1000 + b"b"
    assert kept(sandbox, "-*b*", lines=[long, longer]) == [longer]


@clause("multilog/pattern/first-1000")
def test_end_of_the_pattern_matches_at_1000_characters(sandbox: Sandbox) -> None:
    lines = [b"a" * 999, b"a" * 1000, b"a" * 1000 + b"b", b"a" * 5000]
    assert kept(sandbox, "-" + "a" * 1000, lines=lines) == lines[:1]


@clause("multilog/pattern/first-1000-with-stamp")
def test_stamp_counts_among_the_1000(sandbox: Sandbox) -> None:
    found = kept(sandbox, "t", "-*b*", lines=[b"c" * 973 + b"bb", b"c" * 974 + b"bb"])
    # Digits of a stamp may hold a b: then both lines would be gone.
    if found:
        assert [line[26:] for line in found] == [b"c" * 974 + b"bb"]
    found = kept(sandbox, "t", "-*", "+*z*", lines=[b"c" * 973 + b"zz", b"c" * 974 + b"zz"])
    assert [line[26:] for line in found] == [b"c" * 973 + b"zz"]


@clause("multilog/pattern/many")
def test_a_thousand_patterns(sandbox: Sandbox) -> None:
    script = [f"{'-+'[n % 2]}*<{n}>*" for n in range(1000)] + ["-non"]
    lines = [b"<0> a", b"b <999>", b"<2> <3>", b"<3> <2>", b"none"]
    # A star ends at the first <, so that the first number of a line counts.
    assert kept(sandbox, *script, lines=lines) == [lines[1], lines[3], lines[4]]


LETTERS = b"aab *"
PATTERNS = st.lists(st.sampled_from(list(LETTERS)), max_size=6).map(bytes)
LINES = st.lists(st.sampled_from(list(LETTERS)), max_size=10).map(bytes)


def as_regular_expression(pattern: bytes) -> bytes:
    """The manual's sentences, written as a regular expression: an independent model."""
    translated = b""
    for index in range(len(pattern)):
        following = re.escape(pattern[index + 1 : index + 2])
        if pattern[index : index + 1] != b"*":
            translated += re.escape(pattern[index : index + 1])
        else:
            translated += b"(?:(?!" + following + b").)*" if following else b".*"
            translated += b"(?=[*])" if following == rb"\*" else b""
    return translated


@clause("multilog/pattern/property")
def test_patterns_agree_with_an_independent_model(sandbox: Sandbox) -> None:
    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(PATTERNS, min_size=1, max_size=4), st.lists(LINES, max_size=300))
    def agrees(patterns: list[bytes], lines: list[bytes]) -> None:
        script = [b"-+"[n % 2 : n % 2 + 1] + pattern for n, pattern in enumerate(patterns)]
        expected = []
        for line in lines:
            selected = True
            for n, pattern in enumerate(patterns):
                if re.fullmatch(as_regular_expression(pattern), line, re.DOTALL):
                    selected = n % 2 == 1
            if selected:
                expected.append(line)
        assert kept(sandbox, *script, lines=lines) == expected

    agrees()
