"""The vectors: their schema, their clauses, their tests, and the bytes that they hold."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemontools_conformance.contract import clauses, vectors
from daemontools_conformance.contract.places import folder
from daemontools_conformance.reports.schema import mismatch
from daemontools_conformance.selection.tests import of_suite

FILES = sorted((folder("fixtures") / "vectors").glob("*.json"))
SCHEMA = json.loads((folder("fixtures") / "vectors.schema.json").read_text())


def read(file: Path) -> dict[str, Any]:
    """A file of vectors, as JSON gives it."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="ascii"))
    return content


def strings(value: object) -> Iterator[str]:
    """Every string in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from strings(member)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_keeps_to_the_schema(file: Path) -> None:
    assert mismatch(read(file), SCHEMA, SCHEMA) == ""


@pytest.mark.parametrize("missing", ["clause", "level", "why", "input", "answer"])
def test_the_schema_asks_for_each_key(missing: str) -> None:
    content = read(FILES[0])
    del content["vectors"][-1][missing]
    assert mismatch(content, SCHEMA, SCHEMA) == f"vectors: {missing} is missing"


def test_the_schema_knows_every_key() -> None:
    content = read(FILES[0])
    content["vectors"][-1]["because"] = ""
    assert mismatch(content, SCHEMA, SCHEMA) == "vectors: because is not known"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_head_explains_each_key(file: Path) -> None:
    content = read(file)
    for part in ("input", "answer"):
        used = {key for vector in content["vectors"] for key in vector[part]}
        assert used == set(content[part])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_level_is_that_of_the_clause(file: Path) -> None:
    known = clauses.load()
    for vector in read(file)["vectors"]:
        assert vector["level"] == known[vector["clause"]].level, vector


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_character_is_a_byte(file: Path) -> None:
    for vector in read(file)["vectors"]:
        assert max("".join(strings(vector)), default="") <= "\xff"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_question_is_asked_twice(file: Path) -> None:
    asked = [json.dumps([v["clause"], v["input"]]) for v in read(file)["vectors"]]
    assert len(asked) == len(set(asked))


def test_every_vector_is_run_and_every_test_has_vectors() -> None:
    taking = {
        test.clause for test in of_suite() if "vector" in parameters(test.file, test.function)
    }
    assert taking == {vector.clause for vector in vectors.load()}


def parameters(file: Path, function: str) -> list[str]:
    """The names of a test's parameters."""
    body = ast.parse(file.read_text()).body
    found = next(n for n in body if isinstance(n, ast.FunctionDef) and n.name == function)
    return [argument.arg for argument in found.args.args]
