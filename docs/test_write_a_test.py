"""The page "Write a test" names every helper that a test can use."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parent
SUITE = DOCS.parent / "conformance/daemontools_conformance"
PAGE = (DOCS / "implementers/write-a-test.md").read_text()


def helpers() -> Iterator[str]:
    """Each public function of a module of helpers/. A script is named as a file."""
    for file in sorted((SUITE / "helpers").glob("*.py")):
        source = file.read_text()
        if "\nif __name__ ==" in source:
            yield file.name
            continue
        yield from (f"{name}(" for name in public(ast.parse(source).body))


def methods() -> Iterator[str]:
    """Each public method of Sandbox."""
    for node in ast.parse((SUITE / "running/sandbox.py").read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == "Sandbox":
            yield from (f"sandbox.{name}(" for name in public(node.body))


def public(body: list[ast.stmt]) -> list[str]:
    """The names of the functions that do not begin with an underscore."""
    return [n.name for n in body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


@pytest.mark.parametrize("name", sorted({*helpers(), *methods()}))
def test_the_page_names_it(name: str) -> None:
    assert name in PAGE
