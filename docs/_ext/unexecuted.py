"""The page of those lines of the reference that no clause executes.

Each is a hole in the suite, or a fault that no test can make, or should not be
there. `WHY` gives the reasons that are known.
"""

import ast
import tomllib
from pathlib import Path
from typing import Any

from daemontools_conformance.reports.lines import is_as_measured, measured, numbers

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "reference/daemontools"
WHY = ROOT / "conformance/upkeep/lines/why.toml"

HEAD = """\
# Lines that no clause executes

Measured: `./check -e lines` runs the suite on a copy of the reference that notes each line of its
functions, and counts the tests that pass. {executed} of {all} lines are executed by the tests of
at least one clause. Those that are not stand below, module by module, with the reason where one is
known. Each of the others is a hole in the suite. The other way round,
`daemontools-conformance explain CLAUSE` shows the lines that are most a clause's own.

"""


def page() -> str:
    """The page as Markdown."""
    found = measured()
    if not found["clauses"]:
        return "# Lines that no clause executes\n\nNot measured yet: `./check -e lines`.\n"
    missed = unexecuted(found)
    total = sum(len(numbers(facts["lines"])) for facts in found["files"].values())
    rest = sum(map(len, missed.values()))
    parts = [HEAD.format(executed=total - rest, all=total)]
    parts += [_section(file, missed[file], found) for file in sorted(missed)]
    return "\n".join(parts)


def unexecuted(found: dict[str, Any]) -> dict[str, set[int]]:
    """The lines of each file that no clause executes."""
    missed = {file: set(numbers(facts["lines"])) for file, facts in found["files"].items()}
    for clause in found["clauses"].values():
        for file, ranges in clause.items():
            missed[file] -= numbers(ranges)
    return missed


def _section(file: str, missed: set[int], found: dict[str, Any]) -> str:
    """What there is to say of one module."""
    source = PACKAGE / file
    if not is_as_measured(source, found["files"][file]):
        return f"## {file}\n\nIt has changed since the measurement.\n"
    text = source.read_text()
    functions = _functions(text)
    if not functions:
        return ""
    parts = [f"## {file}\n"]
    if missed:
        shown = [f"{n:4}  {line}" for n, line in enumerate(text.splitlines(), 1) if n in missed]
        parts.append("```text\n" + "\n".join(shown) + "\n```\n")
    why: dict[str, list[str]] = {}
    for name, (first, last) in functions.items():
        if missed & set(range(first, last + 1)):
            why.setdefault(reasons().get(f"{file}:{name}", "A hole."), []).append(f"`{name}`")
    parts += [f"- {', '.join(names)}: {reason}" for reason, names in why.items()]
    ranges = [clause.get(file, "") for clause in found["clauses"].values()]
    counts = (
        f"`{name}` {sum(first in numbers(r) for r in ranges)}"
        for name, (first, _) in functions.items()
    )
    parts.append(f"\nClauses that execute each function: {', '.join(counts)}.\n")
    return "\n".join(parts)


def reasons() -> dict[str, str]:
    """FILE:FUNCTION -> why some of its lines are executed by no clause."""
    entries = tomllib.loads(WHY.read_text())["line"]
    return {f"{e['file']}:{name}": e["why"] for e in entries for name in e["functions"]}


def _functions(text: str) -> dict[str, tuple[int, int]]:
    """The functions of a module: name with those around it -> first line, last line."""
    found = {}

    def look(node: ast.AST, around: str) -> None:
        for inner in ast.iter_child_nodes(node):
            name = around
            if isinstance(inner, ast.FunctionDef | ast.ClassDef):
                name = f"{around}{inner.name}."
            if isinstance(inner, ast.FunctionDef):
                first = min(n.lineno for n in [inner, *inner.decorator_list])
                found[name[:-1]] = (first, inner.end_lineno or first)
            look(inner, name)

    look(ast.parse(text), "")
    return found
