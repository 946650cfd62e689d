"""Rules of this project that no general tool knows: `python conformance/upkeep/lint`.

Run this before each commit; `tox -e lint` and CI do. A line of output names a broken rule
and its place. If nobody maintains a rule, delete its function and its place in `main`.

1. Every test has exactly one clause, and that clause exists. Every clause has a test.
2. Every clause has its level and source (the parser of clauses checks this).
3. The suite never imports the reference, and the reference never imports the suite.
4. Imports lead down the FLOORS or stay on one, and no two modules import each other,
   even indirectly. core and fast do not import os, time, signal or sys.
5. Tests import only what decides a test's answer, and no test module imports another.
6. No test sleeps for a fixed time, or waits without a deadline. It waits for events. What
   `eventually` asks answers no: a failed assertion would end the wait at the first look.
7. The expectations of all shipped profiles name clauses and variants that exist.
8. No function is longer than LONGEST_FUNCTION.
9. The suite without its tests, and its upkeep, stay within their budgets of lines.
10. A command with `-m daemontools...` has `-I`: in somebody else's working directory,
   python would import their daemontools/ instead of ours.
11. No file in git is larger than LARGEST_FILE.

Prints a line for each violation; exit 1 if there is any.
"""

import ast
import contextlib
import graphlib
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import demands
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.profiles import FILL_IN, ProfileError, find
from daemontools_conformance.reports import results
from daemontools_conformance.selection.tests import TESTS

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "reference/daemontools"
SUITE = ROOT / "conformance/daemontools_conformance"
UPKEEP = ROOT / "conformance/upkeep"

BUDGETS = {SUITE: 15420, UPKEEP: 2080}  # lines, tests apart
LONGEST_FUNCTION = 40  # lines, a screen; the docstring does not count
LARGEST_FILE = 300_000  # bytes
SLEEPERS = {"sleep"}

# What a reader may type or copy: `python -m daemontools.install`, and the same words in a list.
UNSAFE = re.compile(r"""(?<!-I )-m daemontools|(?<!"-I", )"-m", "daemontools""")
TEXTS = ("*.md", "*.py", "*.toml", "*.ini", "*.yml")

# package -> its floors, the lowest first. Modules that are not named here are above them all.
FLOORS = {
    REFERENCE: ["core", "fast unix", "programs"],
    SUITE: [
        "contract",
        "running",
        "selection judging helpers",
        "faults",
        "reports",
        "hope workers",
        "session",
        "plugin",
        "pytest_fixtures differential bench",
        "commands",
    ],
}
PURE = {"core", "fast"}
IMPURE = {"os", "time", "signal", "_signal", "sys", "fcntl", "socket", "subprocess", "select"}


class _Collected:
    """A pytest plugin that keeps what was collected."""

    def __init__(self) -> None:
        self.clauses: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.clauses[item.nodeid] = [str(m.args[0]) for m in item.iter_markers("clause")]


def clauses_and_tests() -> Iterator[str]:
    """Rule 1, on what pytest really collects."""
    known = clauses.load()
    collected = _Collected()
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as empty, contextlib.redirect_stdout(said):
        (Path(empty) / "svok").touch()  # enough of an implementation for collecting
        exit_code = pytest.main(
            [
                "--collect-only", "-qq", "-p", "daemontools_conformance.plugin",
                "-p", "no:xdist", "--implementation", empty,
                "--rootdir", str(SUITE), "-c", str(TESTS / "pytest.ini"),
                str(TESTS),
            ],
            plugins=[collected],
        )  # fmt: skip
    if exit_code != pytest.ExitCode.OK:
        yield f"pytest cannot collect the tests:\n{said.getvalue()}"
        return
    for test, marks in collected.clauses.items():
        if len(marks) != 1:
            yield f"{test}: has {len(marks)} clauses"
        elif marks[0] not in known:
            yield f"{test}: there is no clause {marks[0]}"
    tested = {mark for marks in collected.clauses.values() for mark in marks}
    for clause in known.values():
        if clause.id not in tested:
            yield f"{_short(clause.file)}:{clause.line}: no test for {clause.id}"


def strangers() -> Iterator[str]:
    """Rule 3."""
    for folders, other in (([SUITE, UPKEEP], REFERENCE), ([REFERENCE], SUITE)):
        for file in (file for part in folders for file in part.rglob("*.py")):
            for line, name in _imports(file):
                if name.split(".")[0] == other.name:
                    yield f"{_short(file)}:{line}: imports {name}"


def floors() -> Iterator[str]:
    """Rule 4."""
    for package, named in FLOORS.items():
        floor_of = {room: floor for floor, rooms in enumerate(named) for room in rooms.split()}
        for file in _sources(package):
            room = _room(_module(file))
            if room not in floor_of:
                continue
            for line, name in _imports(file):
                other = _room(name)
                is_own = name.split(".")[0] == package.name
                if is_own and other not in (room, "") and floor_of.get(other, 99) >= floor_of[room]:
                    yield f"{_short(file)}:{line}: {room} imports {name}"
                if room in PURE and name.split(".")[0] in IMPURE:
                    yield f"{_short(file)}:{line}: {room} imports {name}"


def circles() -> Iterator[str]:
    """Rule 4: no two modules that import each other."""
    for package in FLOORS:
        modules = {_module(file): file for file in package.rglob("*.py")}
        graph = {
            module: {name for _, name in _imports(file) if name in modules and name != module}
            for module, file in modules.items()
        }
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            yield f"a circle of imports: {' <- '.join(error.args[1])}"


def tests() -> Iterator[str]:
    """Rule 5."""
    for file in sorted(TESTS.rglob("*.py")):
        for line, name in _imports(file):
            if name.split(".")[0] == SUITE.name and _room(name) not in {*results.DECIDES, ""}:
                yield f"{_short(file)}:{line}: a test imports {name}"
            if any(part.startswith("test_") for part in name.split(".")):
                yield f"{_short(file)}:{line}: imports a test module: {name}"


def sleeps() -> Iterator[str]:
    """Rule 6."""
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and _called(node) in SLEEPERS:
                yield f"{_short(file)}:{node.lineno}: sleeps; use eventually or never"
            if isinstance(node, ast.While) and _is_negation(node.test):
                yield f"{_short(file)}:{node.lineno}: waits without a deadline; use until"


def questions() -> Iterator[str]:
    """Rule 6, for questions with yes or no for an answer, and their askers in the same module."""
    for file in sorted(SUITE.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(file.read_text())))
        waits = [n for n in nodes if isinstance(n, ast.Call) and _called(n) == "eventually"]
        asked = {n.id for wait in waits for n in ast.walk(wait) if isinstance(n, ast.Name)}
        functions = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name in asked]
        for function in filter(_answers_bool, functions):
            if any(isinstance(part, ast.Assert) for part in ast.walk(function)):
                yield f"{_short(file)}:{function.lineno}: {function.name} asserts; it must answer"


def profiles() -> Iterator[str]:
    """Rule 7."""
    known = clauses.load()
    for file in sorted(folder("profiles").glob("*.toml")):
        try:
            profile = find(str(file))
            demands(profile, known)
        except ProfileError as error:
            yield str(error)
            continue
        for clause, expectation in profile.expect.items():
            if FILL_IN in (expectation.reason, expectation.link):
                yield f"{_short(file)}: {clause}: a reason still has to be filled in"


def lengths() -> Iterator[str]:
    """Rule 8."""
    for file in (file for part in (REFERENCE, SUITE, UPKEEP) for file in part.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                lines -= len((ast.get_docstring(node) or "").splitlines())
                if lines > LONGEST_FUNCTION:
                    yield f"{_short(file)}:{node.lineno}: {node.name} has {lines} lines"


def budgets() -> Iterator[str]:
    """Rule 9."""
    for part, budget in BUDGETS.items():
        lines = sum(len(file.read_text().splitlines()) for file in _sources(part))
        if lines > budget:
            yield f"{_short(part)} has {lines} lines without tests; its budget is {budget}"


def _sources(folder: Path) -> list[Path]:
    """The modules below a folder, without the suite's tests."""
    return [file for file in sorted(folder.rglob("*.py")) if not file.is_relative_to(TESTS)]


def _module(file: Path) -> str:
    """The dotted name of a module of one of the two packages."""
    package = REFERENCE if file.is_relative_to(REFERENCE) else SUITE
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str:
    """The folder or module directly below its package; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def commands() -> Iterator[str]:
    """Rule 10."""
    texts = [file for pattern in TEXTS for file in ROOT.rglob(pattern)]
    for file in [*texts, ROOT / "demo", ROOT / "check"]:
        parts = file.relative_to(ROOT).parts
        if parts[0] in {".venv", ".tox", ".git", "build"} or file == Path(__file__):
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
            if UNSAFE.search(line):
                yield f"{_short(file)}:{number}: -m daemontools without -I"


def large_files() -> Iterator[str]:
    """Rule 11, on what git has or is about to have; nothing in a tree without git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    for name in listed.stdout.decode().split("\0")[:-1]:
        file = ROOT / name
        if file.is_file() and file.stat().st_size > LARGEST_FILE:
            yield f"{name}: {file.stat().st_size} bytes; the largest file may have {LARGEST_FILE}"


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    """The modules that a file imports at run time, with their lines."""
    tree = ast.parse(file.read_text())
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and _is_type_checking(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield node.lineno, name if _is_module(name) else node.module


@cache
def _is_module(name: str) -> bool:
    """Is it a module (or folder) of one of the two packages, and not a name inside a module?"""
    return any(
        (package.parent / f"{name.replace('.', '/')}{suffix}").exists()
        for package in FLOORS
        for suffix in (".py", "")
    )


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _is_negation(test: ast.expr) -> bool:
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


def _answers_bool(function: ast.FunctionDef) -> bool:
    return isinstance(function.returns, ast.Name) and function.returns.id == "bool"


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _short(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)


def main() -> int:
    """Apply all rules."""
    rules = [
        clauses_and_tests,
        strangers,
        floors,
        circles,
        tests,
        sleeps,
        questions,
        profiles,
        lengths,
        budgets,
        commands,
        large_files,
    ]
    wrong = [line for rule in rules for line in rule()]
    print("\n".join(wrong) if wrong else "the project's own rules hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
