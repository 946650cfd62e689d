"""Vectors: inputs with their answers, as data that any language can read.

They are in `fixtures/vectors`, and docs/implementers/vectors.md describes them. A test that
takes the fixture `vector` runs once for each vector of its clause:

    @clause("svc/letters/order")
    def test_the_order_is_kept(sandbox: Sandbox, vector: Vector) -> None:
        assert written(sandbox, vector) == vector.answer["written"]
"""

import json
from functools import cache
from typing import Any, NamedTuple

from daemontools_conformance.contract.places import folder


class Vector(NamedTuple):
    """A vector whose strings are decoded: all that it holds are bytes, numbers and booleans."""

    clause: str
    why: str
    input: dict[str, Any]
    answer: dict[str, Any]


@cache
def load() -> tuple[Vector, ...]:
    """All vectors, in the order of files and lines."""
    return tuple(
        Vector(one["clause"], one["why"], _decoded(one["input"]), _decoded(one["answer"]))
        for file in sorted((folder("fixtures") / "vectors").glob("*.json"))
        for one in json.loads(file.read_text())["vectors"]
    )


def of(clause: str) -> list[Vector]:
    """The vectors of a clause."""
    return [vector for vector in load() if vector.clause == clause]


def _decoded(value: Any) -> Any:
    """The value with bytes for strings: each character is a byte."""
    if isinstance(value, dict):
        return {name: _decoded(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_decoded(member) for member in value]
    return value.encode("latin-1") if isinstance(value, str) else value
