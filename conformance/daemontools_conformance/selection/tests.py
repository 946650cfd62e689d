"""Which tests check which clause, read from the sources of the tests.

Nothing is run, and only `exactly` imports a test. `list`, `explain`, the lint and the verdict on
partial runs use this.
"""

import ast
import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
PACKAGE = "daemontools_conformance.tests"
_REPETITION = re.compile(r"repetition(\d+)-?")


@dataclass(frozen=True)
class Test:
    """A test function, read from its source."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    clauses: tuple[str, ...]  # any number but one is an error; with * if parameters carry it
    function: str
    file: Path
    line: int
    needs: tuple[str, ...]
    slow: bool
    heavy: str  # the kind; "" for an ordinary test

    @property
    def clause(self) -> str:
        """The clause that the test checks."""
        return self.clauses[0] if self.clauses else ""

    @property
    def id(self) -> str:
        """The node id that pytest gives it, without parameters."""
        return f"{TESTS.name}/{self.file.relative_to(TESTS).as_posix()}::{self.function}"


@cache
def of_suite(folder: Path = TESTS) -> tuple[Test, ...]:
    """All tests of the suite, in the order of files and lines."""
    return tuple(test for file in sorted(folder.rglob("test_*.py")) for test in _tests_of(file))


def is_test(word: str) -> bool:
    """Does the argument name tests of this suite (and not an implementation's folder)?"""
    return Path(word.split("::", maxsplit=1)[0]).absolute().is_relative_to(TESTS)


def is_wanted(clause: str, programs: Sequence[str], prefixes: Sequence[str]) -> bool:
    """Do `--program` and `--clause` (each given any number of times) select the clause?

    A clause with * is selected if any clause that it matches is.
    """
    sure = clause.split("*", maxsplit=1)[0]
    is_sure = sure == clause
    return (not programs or clause.split("/", maxsplit=1)[0] in {*programs, "*"}) and (
        not prefixes
        or any(sure.startswith(p) or (not is_sure and p.startswith(sure)) for p in prefixes)
    )


def exactly(found: Iterable[Test]) -> Iterator[Test]:
    """The same tests; one whose parameters carry clauses becomes one for each of these."""
    for test in found:
        if "*" in test.clause:
            carried = dict.fromkeys(_carried(test))
            yield from (replace(test, clauses=(clause,)) for clause in carried)
        else:
            yield test


def _carried(test: Test) -> Iterator[str]:
    """The clauses that the parameters of a test carry, in their order."""
    words = test.file.relative_to(TESTS).with_suffix("").parts
    function = getattr(import_module(".".join([PACKAGE, *words])), test.function)
    for mark in function.pytestmark:
        values = mark.args[1] if mark.name == "parametrize" else ()
        for inner in (inner for value in values for inner in getattr(value, "marks", ())):
            if inner.name == "clause":
                yield inner.args[0]


def by_clause(found: Iterable[Test], known: Iterable[str]) -> dict[str, list[Test]]:
    """The tests of each of the known clauses."""
    grouped: dict[str, list[Test]] = {clause: [] for clause in known}
    for test in found:
        meant = fnmatch.filter(grouped, test.clause) if "*" in test.clause else [test.clause]
        for clause in meant:
            if clause in grouped:
                grouped[clause].append(test)
    return grouped


def name_of_test(node_id: str) -> str:
    """The name of a test in results: its node id without the number that --repeat adds."""
    return _REPETITION.sub("", node_id).replace("[]", "")


def repetition_of(node_id: str) -> int:
    """The number that --repeat added; 0 if none."""
    found = _REPETITION.search(node_id)
    return int(found[1]) if found else 0


def _tests_of(file: Path) -> Iterator[Test]:
    try:
        module = ast.parse(file.read_text(), str(file))
    except SyntaxError:
        return  # pytest gives the better message
    everywhere = [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "pytestmark"
    ]
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [*_flatten(everywhere), *node.decorator_list]
            yield Test(
                clauses=tuple(_arguments(marks, "clause") or _of_parameters(marks, module)),
                function=node.name,
                file=file,
                line=node.lineno,
                needs=tuple(_arguments(marks, "needs")),
                slow=any(_name(mark) == "slow" for mark in marks),
                heavy="".join(_arguments(marks, "heavy")),
            )


def _of_parameters(marks: list[ast.expr], module: ast.Module) -> list[str]:
    """The clause of a test whose parameters carry it, as a pattern.

    A parametrize whose values are TOPIC/WORD gives */TOPIC/WORD. Otherwise the
    pattern is clause(f"...") with * for each replacement field: that of the function
    which makes the parameters, or the module's.
    """
    parametrized = [m for m in marks if isinstance(m, ast.Call) and _name(m.func) == "parametrize"]
    words = [
        node.value
        for mark in parametrized
        for node in ast.walk(mark)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    if topics := [word for word in words if re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", word)]:
        return [f"*/{topics[0]}"]
    called = {_name(m.args[1]) for m in parametrized if len(m.args) > 1}
    makers = [n for n in module.body if isinstance(n, ast.FunctionDef) and n.name in called]
    shown = [
        "".join(str(v.value) if isinstance(v, ast.Constant) else "*" for v in node.args[0].values)
        for part in [*makers, module]
        for node in ast.walk(part)
        if isinstance(node, ast.Call) and _name(node.func) == "clause"
        if isinstance(node.args[0], ast.JoinedStr)
    ]
    return shown[:1] if parametrized else []


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
