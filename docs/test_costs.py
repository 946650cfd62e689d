"""The pictures and the table of costs show all that was measured."""

import math
import re
import sys
from itertools import pairwise
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import costs  # noqa: E402

from daemontools_conformance.bench.costs import INPUT, LENGTH  # noqa: E402

DATA = costs.load()


def test_every_picture_has_all_contestants_their_colours_and_their_words() -> None:
    for name in costs.TITLES:
        curve = DATA["curves"][name]
        picture = costs.draw(name, curve)
        for contestant in curve["lines"]:
            assert f">{contestant}</text>" in picture, name
            assert contestant in costs.COLOURS
            assert contestant in costs.text(curve)


def test_a_picture_is_legible_on_a_telephone() -> None:
    for picture in costs.pictures(DATA).values():
        assert costs.WIDTH <= 400
        assert 'font-size="13"' in picture
        assert "prefers-color-scheme:dark" in picture


def test_nothing_is_drawn_outside_the_picture() -> None:
    for picture in costs.pictures(DATA).values():
        assert all(0 <= float(x) <= costs.WIDTH for x in re.findall(r' c?x="([-\d.]+)"', picture))
        assert all(0 <= float(y) <= costs.HEIGHT for y in re.findall(r' c?y="([-\d.]+)"', picture))


def test_labels_do_not_overlap_and_stay_inside() -> None:
    placed = costs.apart({"a": 100.0, "b": 101.0, "c": costs.BOTTOM, "d": costs.BOTTOM - 1.0})
    heights = sorted(placed.values())
    gaps = [below - above for above, below in pairwise(heights)]
    assert all(gap >= costs.LINE or math.isclose(gap, costs.LINE) for gap in gaps)
    assert max(heights) <= costs.BOTTOM


def test_the_reference_logs_more_slowly_only_where_the_fast_path_says_so() -> None:
    """On few lines, and with ten patterns or more on 4 MB; a quarter with one is its start."""
    behind = {
        (curve, x)
        for curve in costs.TITLES
        if curve.startswith("log, ")
        for x, median, *_ in DATA["curves"][curve]["lines"]["djb"]
        if costs.at(DATA, curve, "reference", x) < median
    }
    lines = {("log, lines", x) for x in (100, 1000, 10_000)}
    assert behind == lines | {("log, patterns", x) for x in (10, 100)}
    start = 100 * LENGTH / costs.at(DATA, "log, lines", "reference", 100)
    whole = INPUT / costs.at(DATA, "log, patterns", "reference", 1)
    assert INPUT == 4_000_000
    assert 0.2 < start / whole < 0.33


def test_the_parts_of_a_tree_s_memory_are_all_of_it() -> None:
    parts = ("memory, scanner", "memory, supervises", "memory, loggers")
    for contestant in DATA["curves"]["memory"]["lines"]:
        whole, *split = (
            costs.at(DATA, curve, contestant, costs.SERVICES) for curve in ("memory", *parts)
        )
        assert math.isclose(sum(split), whole, rel_tol=0.05)


def test_the_table_counts_everything_for_every_contestant() -> None:
    head, _, *rows = costs.table(DATA).splitlines()
    assert len(rows) == len(costs.ROWS) + 1
    assert all(row.count("|") == head.count("|") for row in rows)
    assert {"djb", "reference", "mixture"} <= set(head.replace("|", " ").split())
