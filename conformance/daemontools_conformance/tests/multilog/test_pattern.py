"""multilog: patterns of stars and non-stars."""

import itertools
import re
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox


def kept(sandbox: Sandbox, *script: str | bytes, lines: list[bytes]) -> list[bytes]:
    """The lines that are selected after this script."""
    directory = tempfile.mkdtemp(dir=sandbox.path)
    sandbox.run("multilog", *script, directory, input=b"".join(line + b"\n" for line in lines))
    return (Path(directory) / "current").read_bytes().split(b"\n")[:-1]


def selected(sandbox: Sandbox, vector: Vector) -> list[bytes]:
    """The lines of the vector that its patterns select."""
    return kept(sandbox, *vector.input["script"], lines=vector.input["lines"])


@clause("multilog/pattern/selected-at-first")
def test_without_patterns_every_line_is_selected(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/whole-line")
def test_pattern_matches_the_whole_line(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/minus")
def test_minus_deselects_the_lines_that_match(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/plus")
def test_plus_selects_again(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/last-match-decides")
def test_the_last_matching_pattern_decides(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/star-at-end")
def test_star_at_the_end_matches_anything(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/star-ends-at-next-character")
def test_star_ends_before_the_next_character(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/no-second-try")
def test_star_never_tries_a_later_occurrence(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/star-star")
def test_star_before_a_star_runs_to_a_star_in_the_line(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/nothing-else-special")
def test_other_characters_stand_for_themselves(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/empty")
def test_empty_pattern_matches_the_empty_line(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/bytes")
def test_pattern_and_line_are_bytes(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/nul-in-line")
def test_nul_in_a_line_is_a_character_like_any_other(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


@clause("multilog/pattern/first-1000")
def test_pattern_sees_the_first_1000_characters(sandbox: Sandbox, vector: Vector) -> None:
    assert selected(sandbox, vector) == vector.answer["selected"]


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


LETTERS = b"ab *"
# What stars before stars do is the matter of one clause, multilog/pattern/star-star.
BEGINNINGS = st.lists(st.sampled_from([b"a", b"b", b" ", b"*a", b"*b", b"* "]), max_size=4)
PATTERNS = st.builds(
    lambda pieces, end: b"".join([*pieces, end]), BEGINNINGS, st.sampled_from([b"", b"*"])
)
LINES = [bytes(word) for size in range(5) for word in itertools.product(LETTERS, repeat=size)]


def as_regular_expression(pattern: bytes) -> bytes:
    """The manual's sentences, written as a regular expression: an independent model."""
    translated = b""
    for index in range(len(pattern)):
        following = re.escape(pattern[index + 1 : index + 2])
        if pattern[index : index + 1] != b"*":
            translated += re.escape(pattern[index : index + 1])
        else:
            translated += b"(?:(?!" + following + b").)*" if following else b".*"
    return translated


def is_selected(script: list[bytes], line: bytes) -> bool:
    """The same for all patterns: the last one that matches decides."""
    selected = True
    for kind, pattern in ((word[:1], word[1:]) for word in script):
        if re.fullmatch(as_regular_expression(pattern), line, re.DOTALL):
            selected = kind == b"+"
    return selected


@clause("multilog/pattern/property")
def test_patterns_agree_with_an_independent_model(sandbox: Sandbox) -> None:
    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # a smaller example would take seconds, and say no more
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(PATTERNS, min_size=1, max_size=3))
    def agrees(patterns: list[bytes]) -> None:
        script = [b"-+"[n % 2 : n % 2 + 1] + pattern for n, pattern in enumerate(patterns)]
        expected = [line for line in LINES if is_selected(script, line)]
        found = kept(sandbox, *script, lines=LINES)
        judged_otherwise = [line for line in LINES if (line in found) != (line in expected)]
        assert judged_otherwise == [], f"by the patterns {script}"
        assert found == expected

    agrees()
