"""The reader of clauses: what it accepts and what it refuses."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import demands
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.reports import pages
from daemontools_conformance.reports.results import Report, released_digest

ROOT = Path(__file__).parents[2]
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


def test_a_withdrawn_clause_names_the_version_that_withdrew_it() -> None:
    text = (folder("spec") / "tombstones.md").read_text()
    named = re.findall(r"^## (.*)\n\nWithdrawn in \d+\.\d+\.\d+\.\n", text, re.MULTILINE)
    assert sorted(named) == sorted(clauses.tombstones())


def released() -> tuple[str, dict[str, str]]:
    """The version of the last release, and the digest of what each of its clauses said."""
    version, *lines = (folder("spec") / "released.txt").read_text().splitlines()
    return version, dict(line.split() for line in lines)


def test_an_id_that_was_released_stays_or_is_withdrawn() -> None:
    _, digests = released()
    assert sorted(digests.keys() - clauses.load().keys() - clauses.tombstones()) == []


def test_a_clause_says_in_which_release_it_comes_if_the_last_one_lacks_it() -> None:
    """Or it would redden an implementation whose profile was written for the last release."""
    (version, digests), known = released(), clauses.load()
    profile = replace(find("djb"), suite_version=version)
    newer = {id_ for id_, demand in demands(profile, known).items() if demand.newer_than}
    assert newer == known.keys() - digests.keys()


def test_every_change_of_a_clause_is_in_the_changelog() -> None:
    """By its id, that of a group, or PROGRAM/... for several programs."""
    (_, digests), known = released(), clauses.load()
    changed = {i for i, c in known.items() if released_digest(c) != digests.get(i)}
    changed |= digests.keys() - known.keys()
    texts = "".join(file.read_text() for file in (ROOT / "changes").glob("*.clause.md"))
    named = {word.rstrip("/.") for word in re.findall(r"`([^`\s]+/[^`\s]+)`", texts)}

    def is_named(id_: str) -> bool:
        anybodys = f"PROGRAM/{id_.partition('/')[2]}"
        return anybodys in named or any(f"{id_}/".startswith(f"{word}/") for word in named)

    assert sorted(id_ for id_ in changed if not is_named(id_)) == []


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


def report(name: str, **outcomes: str) -> Report:
    """A result for clauses of the row "softlimit -r", by their last words."""
    lines = {f"softlimit/{word.replace('_', '/')}": {"outcome": o} for word, o in outcomes.items()}
    return Report({"profile": name}, {}, lines)


@pytest.mark.parametrize(
    ("outcomes", "by"),
    [
        ({"set_r": "PASS", "hit_r": "VARIANT"}, "all 2"),
        ({"set_r": "PASS", "hit_r": "FAIL"}, "1 of 2: good"),
        ({"set_r": "PASS", "hit_r": "NOT-OFFERED"}, "1 of 2: good"),
        ({"set_r": "PASS", "hit_r": "UNTESTED"}, "all 2"),
        ({"set_r": "PASS"}, "all 2"),  # hit/r is newer than the run
        ({"set_r": "UNTESTED", "hit_r": "NOT-RUN"}, "all 1"),
        ({"set_r": "NOT-OFFERED", "hit_r": "NOT-OFFERED"}, "all 1"),
    ],
)
def test_who_satisfies_a_row_of_djbs_list(outcomes: dict[str, str], by: str) -> None:
    known = {id_: clauses.load()[id_] for id_ in ("softlimit/set/r", "softlimit/hit/r")}
    good = report("good", set_r="PASS", hit_r="PASS")
    page = pages.djb_list(known, [good, report("other", **outcomes)])
    assert page.count(f"`softlimit/hit/r` | {by} |") == 1


def test_a_clause_beyond_djb_counts_in_no_row_of_his_list() -> None:
    known = {id_: clauses.load()[id_] for id_ in ("softlimit/set/r", "softlimit/hit/r")}
    known["softlimit/hit/r"] = replace(known["softlimit/hit/r"], level="BEYOND")
    page = pages.djb_list(known, [report("djb", set_r="PASS", hit_r="KNOWN-BUG")])
    assert "`softlimit/hit/r` | all 1 |" in page


def test_djbs_list_says_which_clause_no_run_could_test() -> None:
    known = {id_: clauses.load()[id_] for id_ in ("softlimit/set/r", "softlimit/hit/r")}
    page = pages.djb_list(known, [report("djb", set_r="PASS", hit_r="UNTESTED")])
    assert "| all 1, but no run could test `softlimit/hit/r` |" in page


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
    text = (ROOT / page).read_text()
    assert [level for level in clauses.LEVELS if level not in text] == []


def test_a_promise_quotes_no_message() -> None:
    quoted = re.compile(r"`[a-zA-Z]+: [^`]*`")  # `NAME: text`
    promises = [clause for clause in clauses.load().values() if clause.level == "PROMISED"]
    assert [clause.id for clause in promises if quoted.search(clause.text)] == []
