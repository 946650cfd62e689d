"""Which tests check which clause, read from the sources of the tests.

Nothing is imported and nothing is run: this is what `list`, `explain`, the
lint and the judgement of partial runs look things up in.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent / "tests"


@dataclass(frozen=True)
class Test:
    """A test function as its source shows it."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    clauses: tuple[str, ...]  # exactly one, or it is an error; */TOPIC/WORD: for many programs
    function: str
    file: Path
    line: int
    needs: tuple[str, ...]
    slow: bool

    @property
    def clause(self) -> str:
        """The clause that the test checks."""
        return self.clauses[0] if self.clauses else ""

    @property
    def id(self) -> str:
        """The node id that pytest gives it, without parameters."""
        return f"{TESTS.name}/{self.file.relative_to(TESTS).as_posix()}::{self.function}"


def of_suite(folder: Path = TESTS) -> list[Test]:
    """All tests of the suite, in the order of files and lines."""
    return [test for file in sorted(folder.rglob("test_*.py")) for test in _tests_of(file)]


def is_wanted(clause: str, programs: Sequence[str], prefixes: Sequence[str]) -> bool:
    """Do `--program` and `--clause` (each may be given several times, or not) let it through?"""
    if clause.startswith("*/"):
        return True  # only its parameters say of which program
    return (not programs or clause.split("/", maxsplit=1)[0] in programs) and (
        not prefixes or any(clause.startswith(prefix) for prefix in prefixes)
    )


def by_clause(found: Iterable[Test], known: Iterable[str]) -> dict[str, list[Test]]:
    """The tests of each of the known clauses."""
    grouped: dict[str, list[Test]] = {clause: [] for clause in known}
    for test in found:
        for clause in grouped if test.clause.startswith("*/") else [test.clause]:
            if clause in grouped and clause.endswith(test.clause.removeprefix("*")):
                grouped[clause].append(test)
    return grouped


def _tests_of(file: Path) -> Iterator[Test]:
    try:
        module = ast.parse(file.read_text(), str(file))
    except SyntaxError:
        return  # pytest reports it better
    everywhere = [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "pytestmark"
    ]
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [*_flatten(everywhere), *node.decorator_list]
            yield Test(
                clauses=tuple(_arguments(marks, "clause") or _of_parameters(marks)),
                function=node.name,
                file=file,
                line=node.lineno,
                needs=tuple(_arguments(marks, "needs")),
                slow=any(_name(mark) == "slow" for mark in marks),
            )


def _of_parameters(marks: list[ast.expr]) -> list[str]:
    """Clauses that parameters carry: */TOPIC/WORD for a parametrize that speaks of TOPIC/WORD."""
    words = {
        str(node.value)
        for mark in marks
        if isinstance(mark, ast.Call) and _name(mark.func) == "parametrize"
        for node in ast.walk(mark)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return [f"*/{word}" for word in sorted(words) if re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", word)]


def _flatten(values: list[ast.expr]) -> Iterator[ast.expr]:
    for value in values:
        yield from value.elts if isinstance(value, ast.List) else [value]


def _arguments(marks: list[ast.expr], name: str) -> list[str]:
    """The words given to the marks of this name."""
    return [
        str(argument.value)
        for mark in marks
        if isinstance(mark, ast.Call) and _name(mark.func) == name
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=func):
            return _name(func)
        case _:
            return ""
