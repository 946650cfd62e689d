"""The layers of the reference: programs -> unix -> core, never back; and the shape of its files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import daemontools

PACKAGE = Path(daemontools.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
NOT_FOR_CORE = {"os", "time", "signal", "_signal", "sys", "fcntl", "resource", "select", "pathlib"}
MAY_IMPORT = {
    "core": {"core"},
    "unix": {"core", "unix"},
    "programs": {"core", "unix", "programs"},
}
ALLOWED = {"local_blocks": {"sys"}}  # sys.byteorder
# svscan calls supervise in a forked child; no other program knows another.
KNOWS = {"svscan": {"supervise"}}
LONGEST_FUNCTION = 48  # lines of code, a screen; the docstring is not counted


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names of the modules that the source imports, for type checks or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(module: Path) -> str:
    """The folder under the package; empty for the package's own modules."""
    return module.relative_to(PACKAGE).parts[0] if module.parent != PACKAGE else ""


@pytest.mark.parametrize("module", [m for m in MODULES if layer_of(m)], ids=lambda m: m.stem)
def test_imports_go_in_one_direction(module: Path) -> None:
    layer = layer_of(module)
    for name in imports(ast.parse(module.read_text())):
        head, _, rest = name.partition(".")
        if head == "daemontools" and rest:
            assert rest.split(".")[0] in MAY_IMPORT[layer], f"{module}: {name}"
        elif layer == "core":
            assert head not in NOT_FOR_CORE - ALLOWED.get(module.stem, set()), (
                f"{module}: core knows no kernel: {name}"
            )
        if name.startswith("daemontools.programs.") and layer == "programs":
            known = KNOWS.get(module.stem, set())
            assert name.split(".")[2] in known, f"{module}: {name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_functions_are_short(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            lines -= len((ast.get_docstring(node) or "").splitlines())
            assert lines <= LONGEST_FUNCTION, f"{module}:{node.lineno}: {node.name}, {lines} lines"
