"""The shape of the reference: no program knows another.

(`conformance/upkeep/lint` checks the length of functions, and that imports go
programs -> unix, fast -> core and never back.)
"""

import ast
from pathlib import Path

import pytest

import daemontools

PACKAGE = Path(daemontools.__file__).parent


@pytest.mark.parametrize(
    "program", sorted((PACKAGE / "programs").glob("[a-z]*.py")), ids=lambda p: p.stem
)
def test_no_program_knows_another(program: Path) -> None:
    known = set()
    for node in ast.walk(ast.parse(program.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            known |= {n.split(".")[2] for n in names if n.startswith("daemontools.programs.")}
    assert known == set()
