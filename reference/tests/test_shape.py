"""The shape of the reference: no program knows another, and none waits for large modules.

(`conformance/upkeep/lint` checks the length of functions, and that imports go
programs -> unix, fast -> core and never back.)
"""

import ast
import subprocess
import sys
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


PROGRAMS = sorted(file.stem for file in (PACKAGE / "programs").glob("[a-z]*.py"))


@pytest.mark.parametrize("program", sorted({*PROGRAMS} - {"svscanboot", "tai64nlocal"}))
def test_no_program_imports_a_large_module(program: str) -> None:
    """See docs/explain/shape.md. svscanboot runs once, and tai64nlocal looks for labels with re."""
    code = (
        f"import sys; sys.path.append({str(PACKAGE.parent)!r}); "
        f"import daemontools.programs.{program}, daemontools.unix.start; "
        "print(*{'os', 're', 'enum', 'signal', 'typing', 'collections'} & set(sys.modules))"
    )
    command = [sys.executable, "-ISXutf8", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)
    assert loaded.stdout == "\n"
