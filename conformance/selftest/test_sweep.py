"""The classic changes of a module, and a sweep of one module from end to end."""

import argparse
import ast
import re
from pathlib import Path

import pytest

from upkeep.sweep import __main__ as sweep
from upkeep.sweep.mutations import Mutation, mutations

FOLDERS = ["core", "fast", "unix", "programs", "companion", "installing"]


def changes(source: str) -> list[tuple[str, str]]:
    """The kinds of the mutations of the text, and what becomes of its last line."""
    text = source.encode()
    return sorted((m.kind, m.shown(text)[1]) for m in mutations(text))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", [("compare", "a <= b")]),
        ("a <= b < c", [("compare", "a < b < c"), ("compare", "a <= b <= c")]),
        ("a not in b", [("compare", "a in b")]),
        ("a + b", [("arithmetic", "(a - b)")]),
        ("a and b", [("condition", "(a or b)")]),
        ("not a", [("condition", "(a)")]),
        ("f(1)", [("constant", "f((0))"), ("constant", "f(2)"), ("statement", "pass")]),
        ("f(True)", [("constant", "f(False)"), ("statement", "pass")]),
        ("f(b'x', '')", [("constant", "f(b'', '')"), ("statement", "pass")]),
        ("a += b", [("arithmetic", "a -= b"), ("statement", "pass")]),
        ("a[b:c]", [("slice", "a[:c]"), ("slice", "a[b:]")]),
        ("raise a", [("statement", "pass")]),
        ("del a", [("statement", "pass")]),
        ("b if a else c", [("condition", "b if (not (a)) else c")]),
        ("while a: break", [
            ("condition", "while (not (a)): break"), ("statement", "while a: continue")]),
        ("def f(a: 'int | None' = None) -> 'x': return a", [
            ("return", "def f(a: 'int | None' = None) -> 'x': return None")]),
        ("def f(): return None", []),
        ("try: a\nexcept E: b", [("except", "except E: raise")]),
        ('"""Text."""', []),
        ("import a", []),
        ("if TYPE_CHECKING: a = 1", []),
        ("a: 'list[int]' = b", []),
    ],
)  # fmt: skip
def test_a_line_has_these_changes(source: str, expected: list[tuple[str, str]]) -> None:
    shown = [(kind, line) for kind, line in changes(source)]
    if source.startswith("try"):  # its second line changes
        text = source.encode()
        shown = [(m.kind, m.applied(text).decode().splitlines()[1]) for m in mutations(text)]
    assert shown == sorted(expected)


def test_each_mutation_of_a_module_is_another_program() -> None:
    found = sweep.mutants(["core/rotate.py"])
    assert len(found) > 100
    original = ast.dump(ast.parse(found[0].text))
    for mutant in found:
        assert ast.dump(ast.parse(mutant.mutation.applied(mutant.text))) != original, str(mutant)


def test_each_equivalent_is_a_mutation_and_has_its_reason() -> None:
    known = sweep.equivalents()
    keys = {mutant.key for mutant in sweep.mutants({file for file, *_ in known})}
    assert [key for key in known if key not in keys] == []
    assert all(why.endswith(".") for why in known.values())


def test_a_sweep_tells_what_is_noticed_and_remembers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweep, "KNOWN", tmp_path / "results/sweep.jsonl")
    given = argparse.Namespace(
        names=["core/stamp.py"], sample=4, seed=1, units=True, clauses=False, jobs=2
    )
    assert sweep.swept(given) == []
    assert capsys.readouterr().out.splitlines()[-1] == "4 of 4 noticed by units"
    assert sweep.swept(given) == []
    assert "; 4 of 4 were noticed before\n" in capsys.readouterr().out


def test_a_change_that_no_test_notices_survives() -> None:
    comments = [Mutation("comment", "", 1, 0, 0, text) for text in (b"# one\n", b"# two\n")]
    same = [sweep.Mutant("core/stamp.py", comment) for comment in comments]
    assert dict(sweep.answers(same, 1, sweep.past_unit_tests)) == dict.fromkeys(same, "")


def test_the_suite_notices_what_the_changed_program_does_wrong() -> None:
    found = [one for one in sweep.mutants(["programs/svok.py"]) if one.mutation.kind == "return"]
    noticed = dict(sweep.answers(found, 1, sweep.past_suite))
    assert set(noticed) == set(found)
    assert all(noticed.values())


def test_the_table_of_the_page_adds_up() -> None:
    rows = [row for row in rows_of_the_page() if not row[-1].endswith("%")]
    assert [folder for folder, *_ in rows] == FOLDERS
    for folder, date, *counts in rows:
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", date), folder
        every, *parts = map(int, counts)
        assert every == sum(parts), folder
        assert parts[0] == sweep.count(sweep.mutants([folder]), {})[1], folder


def test_the_table_of_samples_adds_up() -> None:
    rows = [row for row in rows_of_the_page() if row[-1].endswith("%")]
    assert [folder for folder, *_ in rows] == FOLDERS[2:]
    for folder, date, *counts, share in rows:
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", date), folder
        drawn, *parts = map(int, counts)
        assert drawn == sum(parts) >= 100, folder
        low, high = sweep.interval(parts[-1], drawn)
        assert share == f"{low:.1f} to {high:.1f} %", folder


def rows_of_the_page() -> list[list[str]]:
    """The cells of each row that begins with a folder."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", sweep.PAGE.read_text(), re.MULTILINE)
    return [[folder, *cells.split(" | ")] for folder, cells in rows]


@pytest.mark.parametrize(
    ("hits", "tries", "expected"),
    [(0, 100, "0.0 to 3.7"), (10, 100, "5.5 to 17.4"), (50, 100, "40.4 to 59.6")],
)
def test_an_interval_is_wilsons(hits: int, tries: int, expected: str) -> None:
    low, high = sweep.interval(hits, tries)
    assert f"{low:.1f} to {high:.1f}" == expected
