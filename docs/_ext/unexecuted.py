"""The page of those lines of the reference that no clause executes.

Each is a hole in the suite, or a fault that no test can make, or should not be
there. `WHY` gives the reasons that are known.
"""

import ast
import json
import time
import tomllib
from pathlib import Path
from typing import Any

from daemontools_conformance.reports.lines import MAP, is_as_measured, measured, numbers

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "reference/daemontools"
WHY = ROOT / "conformance/upkeep/lines/why.toml"
DATA = ROOT / "docs/data/lines.json"

HEAD = """\
# Lines that no clause executes

`./check -e lines` runs the suite on a copy of the reference that notes which lines of its
functions are executed; only tests that pass count.
On {date} the tests of {clauses} clauses executed {executed} of {all} lines.
This page shows the others, module by module, and says why no clause executes them. *A hole*
means that a clause or a test is missing. At the end of each module are its functions, with the
number of clauses that execute each of them. Of a module that has changed since the measurement
the page shows nothing. The other way round, in a checkout that has been measured,
`daemontools-conformance explain CLAUSE` shows the lines that few other clauses execute.

"""


def page() -> str:
    """The page as Markdown."""
    found = json.loads(DATA.read_text())
    files = found["files"]
    rest, total = (sum(facts[key] for facts in files.values()) for key in ("rest", "all"))
    head = HEAD.format_map({**found, "executed": total - rest, "all": total})
    return "\n".join([head, *(_section(file, files[file]) for file in sorted(files))])


def write() -> None:
    """Keep what the page needs of the last measurement, unless it was of fewer clauses."""
    found, kept = measured(), json.loads(DATA.read_text())
    if len(found["clauses"]) < max(kept["clauses"], 1):
        return
    kept = summary(found, time.strftime("%Y-%m-%d", time.gmtime(MAP.stat().st_mtime)))
    DATA.write_text(json.dumps(kept, indent=1) + "\n")


def summary(found: dict[str, Any], date: str) -> dict[str, Any]:
    """What the page needs of a map: of each file, the lines missed, and who calls its functions."""
    files = {}
    for file, missed in unexecuted(found).items():
        ranges = [clause.get(file, "") for clause in found["clauses"].values()]
        files[file] = {
            "digest": found["files"][file]["digest"],
            "all": len(numbers(found["files"][file]["lines"])),
            "rest": len(missed),
            "missed": sorted(missed),
            "clauses": {
                name: sum(first in numbers(r) for r in ranges)
                for name, (first, _) in _functions((PACKAGE / file).read_text()).items()
            },
        }
    return {"date": date, "clauses": len(found["clauses"]), "files": files}


def unexecuted(found: dict[str, Any]) -> dict[str, set[int]]:
    """The lines of each file that no clause executes."""
    missed = {file: set(numbers(facts["lines"])) for file, facts in found["files"].items()}
    for clause in found["clauses"].values():
        for file, ranges in clause.items():
            missed[file] -= numbers(ranges)
    return missed


def _section(file: str, facts: dict[str, Any]) -> str:
    """What there is to say of one module."""
    source = PACKAGE / file
    if not is_as_measured(source, facts):
        return f"## {file}\n\nIt has changed since the measurement.\n"
    if not facts["clauses"]:
        return ""
    text, missed = source.read_text(), set(facts["missed"])
    parts = [f"## {file}\n"]
    if missed:
        shown = [f"{n:4}  {line}" for n, line in enumerate(text.splitlines(), 1) if n in missed]
        parts.append("```text\n" + "\n".join(shown) + "\n```\n")
    why: dict[str, list[str]] = {}
    for name, (first, last) in _functions(text).items():
        if missed & set(range(first, last + 1)):
            why.setdefault(reasons().get(f"{file}:{name}", "A hole."), []).append(f"`{name}`")
    parts += [f"- {', '.join(names)}: {reason}" for reason, names in why.items()]
    counts = (f"`{name}` {count}" for name, count in facts["clauses"].items())
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
