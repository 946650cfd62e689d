"""The pages of deviations and of trust cannot lie: a row names what would fail if it were not so.

That is a clause which a profile declares, or a test of this repository. A fault of 0.76 that
is not kept is declared for djb's programs, what Python cannot do for the reference, and an
addition for either: the clause may ask for it, or for its absence.

And each clause that a page or a module names is one that there is.
"""

import ast
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from daemontools_conformance.contract.clauses import load

DOCS = Path(__file__).parent
ROOT = DOCS.parent
DJBS = ("djb", "djb-plain", "djb-freebsd")

# heading -> the profiles that declare the clauses of its table
DECLARED_FOR = {
    "Faults that are not kept": DJBS,
    "Additions": ("reference", "djb-plain"),  # a clause that is BEYOND plain 0.76
    "What Python cannot do, or does otherwise": ("reference",),
    "Where 0.76 itself has variants": DJBS,
}


class Row(NamedTuple):
    """A row of a table: the heading above it, its first cells, what its last cell names."""

    heading: str
    what: str
    shown_by: list[str]


def rows(page: str = "deviations") -> list[Row]:
    """All rows of all tables of a page."""
    found: list[Row] = []
    heading, before = "", ""
    for line in (DOCS / f"reference/{page}.md").read_text().splitlines():
        if line.startswith("## "):
            heading = line[3:]
        if line.startswith("|") and before.startswith("|") and not re.match(r"\| *--", line):
            *cells, shown_by = line.strip("| ").split(" | ")
            found.append(Row(heading, " | ".join(cells), re.findall("`([^`]+)`", shown_by)))
        before = line
    return found


def declared(profile: str) -> set[str]:
    """The clauses of which a profile itself expects something else."""
    table = tomllib.loads((ROOT / f"conformance/profiles/{profile}.toml").read_text())
    several = (entry.get("clauses") or [entry["clause"]] for entry in table["expect"])
    return set().union(*several)


def is_test(name: str) -> bool:
    """Is there such a test: `reference/tests/test_x.py::test_y`?"""
    file, _, function = name.partition("::")
    if not (ROOT / file).is_file():
        return False
    tree = ast.parse((ROOT / file).read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.what[:60])
def test_a_row_names_what_shows_it(row: Row) -> None:
    names = [name for name in row.shown_by if "::" not in name]
    tests = [name for name in row.shown_by if "::" in name]
    assert names or tests, "no clause and no test shows it"
    assert [name for name in tests if not is_test(name)] == []
    profiles = DECLARED_FOR[row.heading]
    everywhere = set().union(*map(declared, profiles))
    assert [name for name in names if name not in everywhere] == [], f"not declared: {profiles}"


@pytest.mark.parametrize("row", rows("trust"), ids=lambda row: row.what[:60])
def test_a_row_of_who_is_trusted_names_what_shows_it(row: Row) -> None:
    known = known_clauses()
    assert row.shown_by, "no clause and no test shows it"
    assert [name for name in row.shown_by if name not in known and not is_test(name)] == []


NAMED = re.compile(r"`([a-z0-9]+/[a-z-]+/[a-z0-9-]+)`")
NAMED_IN_MODULES = re.compile(r"([a-z0-9]+/(?:[a-z0-9-]+/)?)\.\.\.")


def known_clauses() -> list[str]:
    """The ids of all clauses."""
    spec = "".join(file.read_text() for file in (ROOT / "conformance/spec").glob("*.md"))
    return re.findall(r"^## (.+/.+/.+)$", spec, re.MULTILINE)


@pytest.mark.parametrize(
    "file",
    [*DOCS.glob("*/*.md"), *ROOT.glob("*.md"), *ROOT.glob("reference/daemontools/*/*.py")],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_a_clause_that_is_named_exists(file: Path) -> None:
    known = known_clauses()
    programs = {clause.split("/")[0] for clause in known}
    pattern = NAMED_IN_MODULES if file.suffix == ".py" else NAMED
    named = {name for name in pattern.findall(file.read_text()) if name.split("/")[0] in programs}
    assert [name for name in named if not any(clause.startswith(name) for clause in known)] == []


def test_each_variant_of_a_distribution_is_named_among_them() -> None:
    page = (DOCS / "reference/deviations.md").read_text()
    section = page.partition("## Where 0.76 itself has variants\n")[2].partition("\n## ")[0]
    of_distributions = {
        clause.id for clause in load().values() if {"plain", "freebsd"} & set(clause.variants)
    }
    assert set(NAMED.findall(section)) == of_distributions


def test_what_is_a_fault_of_djbs_is_not_one_of_the_reference() -> None:
    faults = [row for row in rows() if row.heading == "Faults that are not kept"]
    assert faults
    assert [row for row in faults if declared("reference") & set(row.shown_by)] == []
