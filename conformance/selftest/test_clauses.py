"""The reader of clauses: what it accepts and what it refuses."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from daemontools_conformance.contract import clauses
from daemontools_conformance.reports import pages

FILE = Path("svok.md")
GOOD = """\
# svok

## svok/exit/running

Exit code
0.

- level: PROMISED
- source: manual,
  svok
- by hand: `svok s`
- variant debian: exit code 1
"""


def test_a_clause_is_read() -> None:
    [clause] = clauses.parse(GOOD, FILE)
    assert (clause.id, clause.text, clause.line) == ("svok/exit/running", "Exit code 0.", 3)
    assert (clause.level, clause.source) == ("PROMISED", "manual, svok")
    assert clause.by_hand == ("`svok s`",)
    assert clause.variants == {"debian": "exit code 1"}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("svok/exit/running", "svok/exit", "program/topic/word"),
        ("PROMISED", "MUST", "level"),
        ("- source: manual,\n  svok\n", "", "source"),
        ("Exit code\n0.\n", "", "has no text"),
        ("- by hand", "- by foot", "by foot"),
    ],
)
def test_a_clause_that_is_wrong_is_refused(old: str, new: str, complaint: str) -> None:
    with pytest.raises(clauses.SpecError, match=complaint):
        clauses.parse(GOOD.replace(old, new), FILE)


def test_an_id_may_not_come_back_from_the_dead(tmp_path: Path) -> None:
    (tmp_path / "svok.md").write_text(GOOD)
    (tmp_path / "tombstones.md").write_text("# Withdrawn\n\n## svok/exit/running\n")
    with pytest.raises(clauses.SpecError, match="withdrawn"):
        clauses.load(tmp_path)


def test_an_id_may_not_stand_twice(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(GOOD)
    (tmp_path / "b.md").write_text(GOOD)
    with pytest.raises(clauses.SpecError, match="twice"):
        clauses.load(tmp_path)


def test_all_clauses_of_the_suite_are_well_formed() -> None:
    assert len(clauses.load()) > 10


def test_each_thing_on_djbs_list_is_tested() -> None:
    known = clauses.load()
    items = pages.djb_items()
    assert len(items) == 34
    for item in items:
        words = item["clauses"]
        assert isinstance(words, list)
        for word in words:
            assert word in known or (word.endswith("/") and below(known, word)), word


def below(known: Iterable[str], beginning: str) -> list[str]:
    return [clause for clause in known if clause.startswith(beginning)]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "conformance/CONTRACT.md",
        "docs/implementers/index.md",
        "docs/book/12-suite.md",
        "docs/book/13-clone.md",
    ],
)
def test_every_level_is_explained_where_a_reader_meets_them(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text()
    assert [level for level in clauses.LEVELS if level not in text] == []


def test_a_promise_quotes_no_message() -> None:
    quoted = re.compile(r"`[a-zA-Z]+: [^`]*`")  # `NAME: text`
    promises = [clause for clause in clauses.load().values() if clause.level == "PROMISED"]
    assert [clause.id for clause in promises if quoted.search(clause.text)] == []
