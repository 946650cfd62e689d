"""The shape of the reference: short functions, and no program that knows another.

(That imports go programs -> unix -> core, never back, `conformance/upkeep/lint` sees to.)
"""

import ast
from pathlib import Path

import pytest

import daemontools

PACKAGE = Path(daemontools.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FUNCTION = 48  # lines of code, a screen; the docstring is not counted

# svscan calls supervise in a forked child.
KNOWS = {"svscan": {"supervise"}}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_functions_are_short(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            lines -= len((ast.get_docstring(node) or "").splitlines())
            assert lines <= LONGEST_FUNCTION, f"{module}:{node.lineno}: {node.name}, {lines} lines"


@pytest.mark.parametrize(
    "program", sorted((PACKAGE / "programs").glob("[a-z]*.py")), ids=lambda p: p.stem
)
def test_no_program_knows_another(program: Path) -> None:
    known = set()
    for node in ast.walk(ast.parse(program.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            known |= {n.split(".")[2] for n in names if n.startswith("daemontools.programs.")}
    assert known <= KNOWS.get(program.stem, set())
