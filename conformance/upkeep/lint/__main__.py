"""Rules of this project that no general tool knows: `python conformance/upkeep/lint`.

1. Every clause has a test, every test has exactly one clause.
2. Withdrawn ids do not come back (the reader of clauses sees to it).
3. The suite never imports the reference; the reference never imports the suite.
4. In the reference: programs may import unix and core, unix may import core,
   core imports neither, nor os, time, signal, sys.
5. No fixed sleep in a test: it waits for events.
6. Expectations of all shipped profiles name clauses and variants that exist.
7. The suite without its tests stays below its budget of lines.

Prints what is wrong, one line each; exit 1 if there is anything.
"""

import ast
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import demands
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.profiles import FILL_IN, ProfileError, find
from daemontools_conformance.selection.tests import TESTS

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "reference/daemontools"
SUITE = ROOT / "conformance/daemontools_conformance"

BUDGET = 8800  # lines of the suite without its tests
SLEEPERS = {"sleep", "wait_for_timeout"}

# layer -> what of the package it may import
MAY_IMPORT = {
    "core": {"core"},
    "unix": {"unix", "core"},
    "programs": {"programs", "unix", "core"},
}
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
        (Path(empty) / "svok").touch()  # an implementation, as far as collecting goes
        status = pytest.main(
            [
                "--collect-only", "-qq", "-p", "daemontools_conformance.plugin",
                "-p", "no:xdist", "--implementation", empty,
                "--rootdir", str(SUITE), "-c", str(TESTS / "pytest.ini"),
                str(TESTS),
            ],
            plugins=[collected],
        )  # fmt: skip
    if status != pytest.ExitCode.OK:
        yield f"the tests cannot be collected:\n{said.getvalue()}"
        return
    for test, marks in collected.clauses.items():
        if len(marks) != 1:
            yield f"{test}: it has {len(marks)} clauses"
        elif marks[0] not in known:
            yield f"{test}: there is no clause {marks[0]}"
    tested = {mark for marks in collected.clauses.values() for mark in marks}
    for clause in known.values():
        if clause.id not in tested:
            yield f"{_short(clause.file)}:{clause.line}: no test for {clause.id}"


def strangers() -> Iterator[str]:
    """Rule 3."""
    for file in [*SUITE.rglob("*.py"), *(ROOT / "conformance/upkeep").glob("*.py")]:
        for line, name in _imports(file):
            if name.split(".")[0] == "daemontools":
                yield f"{_short(file)}:{line}: the suite imports {name}"
    for file in REFERENCE.rglob("*.py"):
        for line, name in _imports(file):
            if name.split(".")[0] == "daemontools_conformance":
                yield f"{_short(file)}:{line}: the reference imports {name}"


def layers() -> Iterator[str]:
    """Rule 4."""
    for layer, allowed in MAY_IMPORT.items():
        for file in sorted((REFERENCE / layer).rglob("*.py")):
            for line, name in _imports(file):
                parts = name.split(".")
                if parts[0] == "daemontools" and len(parts) > 1 and parts[1] not in allowed:
                    yield f"{_short(file)}:{line}: {layer} imports {name}"
                if layer == "core" and parts[0] in IMPURE:
                    yield f"{_short(file)}:{line}: core imports {name}"


def sleeps() -> Iterator[str]:
    """Rule 5."""
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and _called(node) in SLEEPERS:
                yield f"{_short(file)}:{node.lineno}: a fixed sleep; use eventually or never"


def profiles() -> Iterator[str]:
    """Rule 6."""
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
                yield f"{_short(file)}: {clause}: a reason is still to be filled in"


def budget() -> Iterator[str]:
    """Rule 7."""
    files = [file for file in SUITE.rglob("*.py") if not file.is_relative_to(TESTS)]
    lines = sum(len(file.read_text().splitlines()) for file in files)
    if lines > BUDGET:
        yield f"the suite without its tests has {lines} lines; its budget is {BUDGET}"


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
            yield node.lineno, node.module
            if node.module == "daemontools":
                yield from ((node.lineno, f"daemontools.{a.name}") for a in node.names)


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


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
    rules = [clauses_and_tests, strangers, layers, sleeps, profiles, budget]
    wrong = [line for rule in rules for line in rule()]
    print("\n".join(wrong) if wrong else "the project's own rules hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
