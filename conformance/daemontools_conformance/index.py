"""Which tests check which clause, read from the sources of the tests.

Nothing is imported and nothing is run: this is what `list`, `explain`, the
lint and the judgement of partial runs look things up in.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent / "tests"


@dataclass(frozen=True)
class Test:
    """A test function as its source shows it."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    clause: str  # "" if it has none, which the lint forbids
    function: str
    file: Path
    line: int
    needs: tuple[str, ...]
    slow: bool

    @property
    def id(self) -> str:
        """The node id that pytest gives it, without parameters."""
        return f"{TESTS.name}/{self.file.relative_to(TESTS).as_posix()}::{self.function}"


def of_suite(folder: Path = TESTS) -> list[Test]:
    """All tests of the suite, in the order of files and lines."""
    return [test for file in sorted(folder.rglob("test_*.py")) for test in _tests_of(file)]


def by_clause(found: list[Test]) -> dict[str, list[Test]]:
    """The tests of each clause."""
    grouped: dict[str, list[Test]] = {}
    for test in found:
        grouped.setdefault(test.clause, []).append(test)
    return grouped


def _tests_of(file: Path) -> Iterator[Test]:
    module = ast.parse(file.read_text(), str(file))
    everywhere = [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "pytestmark"
    ]
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [*_flatten(everywhere), *node.decorator_list]
            clauses = _arguments(marks, "clause")
            yield Test(
                clause=clauses[0] if clauses else "",
                function=node.name,
                file=file,
                line=node.lineno,
                needs=tuple(_arguments(marks, "needs")),
                slow=any(_name(mark) == "slow" for mark in marks),
            )


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
