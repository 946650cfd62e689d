"""The classic changes of a module, and a sweep of one module from end to end."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from selftest.builds import REFERENCE
from upkeep.sweep.__main__ import equivalents, mutants
from upkeep.sweep.mutations import mutations

SWEEP = Path(__file__).parents[1] / "upkeep/sweep"


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
    found = mutants(["core/rotate.py"])
    assert len(found) > 100
    original = ast.dump(ast.parse(found[0].text))
    for mutant in found:
        assert ast.dump(ast.parse(mutant.mutation.applied(mutant.text))) != original, str(mutant)


def test_each_equivalent_is_a_mutation_and_has_its_reason() -> None:
    known = equivalents()
    keys = {mutant.key for mutant in mutants({file for file, *_ in known})}
    assert [key for key in known if key not in keys] == []
    assert all(why.endswith(".") for why in known.values())


def test_a_sweep_tells_what_is_noticed() -> None:
    call = ["core/stamp.py", "--units", "--sample", "4", "--seed", "1", "--jobs", "2"]
    swept = subprocess.run(
        [sys.executable, SWEEP, *call], capture_output=True, text=True, check=False, timeout=300
    )
    if "unshare" in swept.stderr:
        pytest.skip(swept.stderr)
    assert "4 of 4 are noticed by unit tests\n" in swept.stdout
    whole = len(mutations((REFERENCE / "daemontools/core/stamp.py").read_bytes()))
    assert swept.stdout.splitlines()[-1].startswith("4 of 4 mutants noticed, 0 survived; ")
    assert f"; {whole} in all, " in swept.stdout
    assert swept.returncode == 0
