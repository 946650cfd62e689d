"""The specification's pages, made from the clauses themselves.

For each file `conformance/spec/X.md` this writes `docs/specification/X.md`
(never committed), whose one directive `{clauses} X` puts every clause on the
page. A clause's id is its HTML anchor, so that anything can link to

    specification/svok.html#svok/exit/running

A page shows for each clause: the text, level, source, reason, commands by hand,
variants, the tests that check it, and, once results are committed, its outcome
for each implementation.
"""

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from daemontools_conformance.clauses import LEVELS, Clause, parse

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "conformance/spec"
TESTS = ROOT / "conformance/daemontools_conformance/tests"
RESULTS = ROOT / "conformance/results"
NOT_CLAUSES = {"tombstones", "SOURCES", "README"}
SOURCE_URL = "https://cr.yp.to/daemontools/{}.html"


@cache
def tests_by_clause() -> dict[str, list[str]]:
    """clause id -> the tests that check it, as `folder/test_x.py::test_y`.

    Read from the source: a test is a function with a decorator `@clause("id")`.
    """
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.FunctionDef):
                for id_ in _ids(node):
                    name = f"{file.relative_to(TESTS)}::{node.name}"
                    found.setdefault(id_, []).append(name)
    return found


def _ids(function: ast.FunctionDef) -> list[str]:
    return [
        str(call.args[0].value)
        for call in function.decorator_list
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "clause"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]


@cache
def outcomes() -> dict[str, dict[str, str]]:
    """clause id -> {implementation: outcome}, from the committed results; empty without any."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(RESULTS.rglob("*.jsonl")) if RESULTS.exists() else []:
        implementation = file.parent.name if file.stem == "results" else file.stem
        for line in file.read_text().splitlines():
            record = json.loads(line)
            if "clause" in record and "outcome" in record:
                found.setdefault(record["clause"], {})[implementation] = record["outcome"]
    return found


class Clauses(SphinxDirective):
    """`{clauses} svok`: all clauses of `conformance/spec/svok.md`, as sections."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes that take the directive's place."""
        file = SPEC / f"{self.arguments[0]}.md"
        self.env.note_dependency(str(file))
        return [node for clause in parse(file.read_text(), file) for node in self._show(clause)]

    def _show(self, clause: Clause) -> list[nodes.Node]:
        anchor = nodes.target("", "", ids=[clause.id])
        title = nodes.paragraph("", "", nodes.literal("", clause.id), classes=["clause-id"], ids=[])
        title += nodes.reference("", "¶", refuri=f"#{clause.id}", classes=["clause-link"])
        body = nodes.container(classes=["clause", f"level-{clause.level.lower()}"])
        body += title
        body += self._markdown(clause.text)
        body += self._facts(clause)
        return [anchor, body]

    def _facts(self, clause: Clause) -> nodes.Node:
        rows = [("Level", clause.level), ("Source", _source(clause))]
        if clause.why:
            rows.append(("Why", clause.why))
        rows += [("By hand", f"`{command}`") for command in clause.by_hand]
        rows += [(f"Variant {name}", text) for name, text in clause.variants.items()]
        tests = tests_by_clause().get(clause.id, [])
        rows.append(("Tests", ", ".join(f"`{test}`" for test in tests) or "none"))
        seen = outcomes().get(clause.id, {})
        if seen:
            rows.append(("Results", ", ".join(f"{who} **{what}**" for who, what in seen.items())))
        fields = nodes.field_list(classes=["clause-facts"])
        for name, text in rows:
            body = nodes.field_body("", *self._markdown(text))
            fields += nodes.field("", nodes.field_name("", name), body)
        return fields

    def _markdown(self, text: str) -> list[nodes.Node]:
        return self.parse_text_to_nodes(text)


def _source(clause: Clause) -> str:
    """The source; the name of a manual page links to djb's own text."""
    page = re.fullmatch(r"manual, ([a-z0-9]+)", clause.source)
    if not page:
        return clause.source
    return f"manual, [{page[1]}]({SOURCE_URL.format(page[1])})"


def write_pages(_app: Sphinx) -> None:
    """One page a file of the specification, and their index."""
    pages = Path(__file__).parents[1] / "specification"
    pages.mkdir(exist_ok=True)
    files = [f for f in sorted(SPEC.glob("*.md")) if f.stem not in NOT_CLAUSES]
    for old in set(pages.glob("*.md")) - {pages / f.name for f in files}:
        old.unlink()
    rows = []
    for file in files:
        head = file.read_text().split("\n## ", 1)[0].strip()
        _write(pages / file.name, f"{head}\n\n```{{clauses}} {file.stem}\n```\n")
        rows.append((file.stem, parse(file.read_text(), file)))
    _write(pages / "index.md", _index(rows))


def _index(rows: list[tuple[str, list[Clause]]]) -> str:
    names = "\n".join(name for name, _ in rows)
    levels = list(LEVELS)
    table = ["| file | clauses | tests | " + " | ".join(levels) + " |"]
    table.append("|---|---|---|" + "---|" * len(levels))
    for name, clauses in rows:
        tests = sum(len(tests_by_clause().get(clause.id, [])) for clause in clauses)
        counts = [sum(clause.level == level for clause in clauses) for level in levels]
        cells = [f"[{name}]({name}.md)", len(clauses), tests, *counts]
        table.append("| " + " | ".join(map(str, cells)) + " |")
    meanings = "\n".join(f"- **{level}**: {text}." for level, text in LEVELS.items())
    total = sum(len(clauses) for _, clauses in rows)
    return (
        "# Specification\n\n"
        "What an implementation of daemontools must do, one observable fact at a time: "
        f"{total} clauses. A clause's id is permanent, and is its address on these pages. "
        "[How the suite works](../book/12-suite.md) says how they are checked.\n\n"
        f"{meanings}\n\n" + "\n".join(table) + "\n\n"
        f"```{{toctree}}\n:hidden:\n\n{names}\n```\n"
    )


def _write(path: Path, text: str) -> None:
    """Write a file only if it would change: Sphinx rebuilds what is newer."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("clauses", Clauses)
    app.connect("builder-inited", write_pages)
    return {"version": "1", "parallel_read_safe": True}
