"""Which lines of the reference each clause executes, as `conformance/upkeep/lines` measures it.

The reference is read as text and never imported. The map is

    {"files": {"core/lines.py": {"digest": SHA-256, "lines": RANGES}, ...},
     "clauses": {"svok/exit/running": {"core/lines.py": RANGES, ...}, ...}}

where RANGES are line numbers such as "3-5,9": of all lines in functions, and of those
that the clause's tests executed. Lines without code may lie inside a range.
"""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from daemontools_conformance.contract.places import folder

MAP = folder("spec").parents[1] / "build/results/lines.json"  # only where it was measured
MOST = 8  # lines shown for a clause


def measured() -> dict[str, Any]:
    """The map; without files and clauses if nothing was measured here."""
    text = MAP.read_text() if MAP.exists() else '{"files": {}, "clauses": {}}'
    found: dict[str, Any] = json.loads(text)
    return found


def digest(file: Path) -> str:
    """A digest that shows whether a source has changed since the measurement."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def is_as_measured(file: Path, facts: Mapping[str, str]) -> bool:
    """Is the source still as it was when the map's `facts` were measured?"""
    return file.exists() and digest(file) == facts["digest"]


@cache
def numbers(ranges: str) -> frozenset[int]:
    """The numbers in a text such as "3-5,9"."""
    pairs = [part.partition("-") for part in ranges.split(",") if part]
    return frozenset(n for a, _, b in pairs for n in range(int(a), int(b or a) + 1))


def rarest(found: dict[str, Any], clause: str) -> list[tuple[int, str, int]]:
    """The lines of a clause, those that few clauses execute first: (how many, file, number)."""
    every = found["clauses"].values()
    counted = [
        (sum(number in numbers(one.get(file, "")) for one in every), file, number)
        for file, ranges in found["clauses"].get(clause, {}).items()
        for number in numbers(ranges) & numbers(found["files"][file]["lines"])
    ]
    return sorted(counted)


def most_its_own(clause: str) -> list[str]:
    """The rarest lines as text, if the reference is installed, without files that have changed."""
    spec = importlib.util.find_spec("daemontools")
    package = Path(spec.origin).parent if spec and spec.origin else Path("/nowhere")
    found, files = measured(), {}
    for name, facts in found["files"].items():
        if is_as_measured(package / name, facts):
            files[name] = (package / name).read_text().splitlines()
    return [
        f"{file}:{number} (other clauses: {count - 1}): {files[file][number - 1].strip()}"
        for count, file, number in rarest(found, clause)
        if file in files
    ][:MOST]
