"""The specification's pages, made from the clauses themselves.

For each program this writes `docs/specification/PROGRAM.md` (never committed),
with a section for each topic, whose directive `{clauses} FILE TOPIC` shows those
clauses of `conformance/spec/FILE.md`. A clause's id is its HTML anchor: anything can link to

    specification/svok.html#svok/exit/running

A page shows for each clause: the text, level, source, reason, commands by hand,
variants, the tests that check it, and, once results are committed, its outcome
for each implementation that offers it.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import unexecuted
from docutils import nodes
from escaping import escaped
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from daemontools_conformance.contract.clauses import LEVELS, Clause, load
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.reports import committed, matrix, pages
from daemontools_conformance.reports.results import Report
from daemontools_conformance.selection.tests import Test, by_clause, exactly, of_suite

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "conformance/spec"
SOURCE_URL = "https://cr.yp.to/daemontools/{}.html"


@cache
def all_clauses() -> dict[str, Clause]:
    """All clauses by id."""
    return load(SPEC)


@cache
def tests_by_clause() -> dict[str, list[Test]]:
    """clause id -> the tests that check it."""
    return by_clause(exactly(of_suite()), all_clauses())


@cache
def results() -> list[Report]:
    """The committed results of the shipped profiles; none yet is no error."""
    return committed.reports()


@cache
def latest() -> tuple[str, str]:
    """The suite that has made the newest of them."""
    return matrix.latest_suite(results())


class Clauses(SphinxDirective):
    """`{clauses} svok svok/exit`: the clauses of a topic in `conformance/spec/svok.md`."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """The nodes that take the directive's place."""
        file, topic = self.arguments
        self.env.note_dependency(str(SPEC / f"{file}.md"))
        members = [c for c in all_clauses().values() if (c.file.stem, _topic(c)) == (file, topic)]
        return [node for clause in members for node in self._show(clause)]

    def _show(self, clause: Clause) -> list[nodes.Node]:
        anchor = nodes.target("", "", ids=[clause.id, anchor_of(clause)])
        title = nodes.paragraph("", "", nodes.literal("", clause.id), classes=["clause-id"], ids=[])
        title += nodes.reference("", "¶", refuri=f"#{clause.id}", classes=["clause-link"])
        body = nodes.container(classes=["clause", f"level-{clause.level.lower()}"])
        body += title
        body += self._markdown(escaped(clause.text))
        body += self._facts(clause)
        return [anchor, body]

    def _facts(self, clause: Clause) -> nodes.Node:
        rows = [("Level", clause.level), ("Source", _source(clause))]
        if clause.since != Clause.since:
            rows.append(("Since", f"{clause.since} of the suite"))
        if clause.why:
            rows.append(("Why", escaped(clause.why)))
        rows += [("By hand", escaped(item)) for item in clause.by_hand]
        rows += [(f"Variant {name}", escaped(text)) for name, text in clause.variants.items()]
        rows += [("Cause, if not", escaped(clause.cause))] * bool(clause.cause)
        tests = [test.id.partition("/")[2] for test in tests_by_clause().get(clause.id, [])]
        rows.append(("Tests", ", ".join(f"`{test}`" for test in tests) or "none"))
        rows += _outcomes(clause)
        fields = nodes.field_list(classes=["clause-facts"])
        for name, text in rows:
            body = nodes.field_body("", *self._markdown(text))
            fields += nodes.field("", nodes.field_name("", name), body)
        return fields

    def _markdown(self, text: str) -> list[nodes.Node]:
        return self.parse_text_to_nodes(text)


class Declared(SphinxDirective):
    """`{declared} reference`: what a profile declares, one row for each reason."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes that take the directive's place."""
        file = SPEC.parent / f"profiles/{self.arguments[0]}.toml"
        self.env.note_dependency(str(file))
        rows: dict[tuple[str, str], list[str]] = {}
        for entry in tomllib.loads(file.read_text()).get("expect", []):
            several = entry.get("clauses") or [entry["clause"]]
            need = f", without `{entry['without_need']}`" if "without_need" in entry else ""
            rows.setdefault((entry["kind"] + need, escaped(entry["reason"])), []).extend(several)
        table = [f"| {kind} | {reason} | {', '.join(f'`{id_}`' for id_ in ids)} |"
                 for (kind, reason), ids in rows.items()]  # fmt: skip
        return self.parse_text_to_nodes("\n".join(["| | why | clauses |", "|---|---|---|", *table]))


def _outcomes(clause: Clause) -> list[tuple[str, str]]:
    """The outcomes for those who offer it; those that an older suite judged are a row apart."""
    rows: dict[str, list[str]] = {}
    for report in results():
        outcome = report.outcome(clause.id)
        label = "Results of an older suite" if matrix.suite(report) != latest() else "Results"
        if outcome not in (Outcome.NOT_OFFERED, Outcome.NOT_RUN):
            rows.setdefault(label, []).append(f"{report.name} **{outcome}**")
    return [(label, ", ".join(shown)) for label, shown in sorted(rows.items())]


def _source(clause: Clause) -> str:
    """The source; the name of a manual page links to djb's own text."""
    page = re.fullmatch(r"manual, ([a-z0-9]+)", clause.source)
    if not page:
        return escaped(clause.source)
    return f"manual, [{page[1]}]({SOURCE_URL.format(page[1])})"


def _topic(clause: Clause) -> str:
    return clause.id.rpartition("/")[0]


def anchor_of(clause: Clause) -> str:
    """The clause's anchor as the matrix writes it."""
    return clause.id.replace("/", "-")


def write_pages(_app: Sphinx) -> None:
    """One page a program, their index, and the pages that the suite makes."""
    folder = Path(__file__).parents[1] / "specification"
    folder.mkdir(exist_ok=True)
    programs: dict[str, list[Clause]] = {}
    for clause in all_clauses().values():
        programs.setdefault(clause.program, []).append(clause)
    texts = {program: _page(program, clauses) for program, clauses in programs.items()}
    texts["index"] = _index(programs)
    texts["matrix"] = MATRIX
    texts["djb-list"] = pages.djb_list(all_clauses(), results())
    texts["not-tested"] = pages.untested(all_clauses(), of_suite(), results())
    texts["not-executed"] = unexecuted.page()
    for old in set(folder.glob("*.md")) - {folder / f"{name}.md" for name in texts}:
        old.unlink()
    for name, text in texts.items():
        _write(folder / f"{name}.md", text)


def _page(program: str, clauses: list[Clause]) -> str:
    """A program's page: what its files say at their head, and their clauses by topic."""
    files: dict[str, dict[str, None]] = {}  # the file of the program's own name comes first
    for clause in sorted(clauses, key=lambda clause: clause.file.stem != program):
        files.setdefault(clause.file.stem, {})[_topic(clause)] = None
    parts: list[str] = []
    for file, topics in files.items():
        deeper = "#" if parts else ""  # the second file is a section of the page
        head = (SPEC / f"{file}.md").read_text().split("\n## ", 1)[0].strip()
        for other in files:  # a file that this page holds has no page of its own
            head = head.replace(f"`{other}.md`", f"[a later section](#{_heading(other)})")
        about = (
            ""
            if parts
            else "[The index](index.md#what-a-clause-takes-for-granted) says what the clauses take "
            "for granted, and what the lines *By hand* do.\n"
        )
        parts.append(f"{deeper}{head}\n\n{about}")
        parts += [f"{deeper}## {topic}\n\n```{{clauses}} {file} {topic}\n```\n" for topic in topics]
    return "\n".join(parts)


def _heading(file: str) -> str:
    """The anchor that MyST gives to the heading of a file of clauses."""
    title = (SPEC / f"{file}.md").read_text().partition("\n")[0]
    return re.sub(r"[^\w -]", "", title.strip("# ").lower()).replace(" ", "-")


def _index(programs: dict[str, list[Clause]]) -> str:
    levels = list(LEVELS)
    table = ["| program | clauses | tests | " + " | ".join(levels) + " |"]
    table.append("|---|---|---|" + "---|" * len(levels))
    for name, clauses in programs.items():
        tests = sum(len(tests_by_clause().get(clause.id, [])) for clause in clauses)
        counts = [sum(clause.level == level for clause in clauses) for level in levels]
        cells = [f"[{name}]({name}.md)", len(clauses), tests, *counts]
        table.append("| " + " | ".join(map(str, cells)) + " |")
    shown = sum(any(line[0] == "`" for line in c.by_hand) for c in all_clauses().values())
    meanings = "\n".join(f"- **{level}**: {text}." for level, text in LEVELS.items())
    names = "\n".join([*programs, "djb-list", "not-tested", "not-executed"])
    all_at_once = "The [matrix](matrix.md) shows all of them at once.\n\n" if results() else ""
    return (
        "# Specification\n\n"
        "What an implementation of daemontools must do, one observable fact at a time: "
        f"{len(all_clauses())} clauses. A clause's id is permanent, and is its address on these "
        "pages. [How the suite works](../book/12-suite.md) says how they are checked. "
        "Three lists show [what djb's own tests leave out](djb-list.md), "
        "[what this suite leaves out](not-tested.md) and "
        "[which code of the reference no clause needs](not-executed.md).\n\n"
        f"{all_at_once}{meanings}\n\n"
        "A BEYOND clause that falls short turns a run red only if the profile says "
        "`beyond = true`. *Cause, if not* is the name of the group in which "
        "[a report](../implementers/index.md#reading-a-failure) shows the clause if it falls "
        "short and what the test saw has no name of its own. "
        "*Results* are those of the profiles in `conformance/profiles/`. They leave out the "
        "implementations for which the clause is NOT-OFFERED, and results of an older suite may "
        "contradict a clause that has changed since.\n\n" + "\n".join(table) + "\n\n"
        f"{FOR_GRANTED}\n"
        f"## By hand\n\n{shown} of the {len(all_clauses())} clauses have commands that show them "
        f"by hand; for the others, read what the clause says in words, or the tests.\n{BY_HAND}\n"
        f"```{{toctree}}\n:hidden:\n\n{names}\n```\n"
    )


FOR_GRANTED = """\
## What a clause takes for granted

A clause speaks of the case that it names, and apart from that of the usual one:

- The program starts as [the contract](../implementers/contract.md#how-programs-are-called) says:
  descriptors 0, 1 and 2 are open, and all signals are at their defaults and unblocked.
  It is not process 1, and its limits are far away.
- A service has no file `down`, so a supervise that starts also starts its `./run`.
- No operand begins with `-`, and no file or line is larger than 2 GB.
- Somebody reads what the program writes, the disk has room, and no system call fails.
- The clock is not set.
- Nobody else changes the files, kills the program, or stops it.

What 0.76 does in other cases, other clauses say, as far as it is worth relying on.
"""

BY_HAND = """\
Type the lines *By hand* into an interactive bash at a terminal, as root and in an empty folder
that everybody may enter and read.
They call the programs that come first on PATH: to try your own, put their folder first. If
they are not files with djb's names, make a folder of scripts that call them.
pip installs the reference's programs with the suite: in its virtual environment they come before
djb's, so put djb's folder first for those.
Where a line names a program of daemontools by its path, such as `/usr/bin/pgrphack`, write the
path of yours.
Lines with `strace -e inject=` name system calls of djb's programs, some of them by number
(`when=2`): if your program makes other calls, name those.
This is what the lines take for granted:

- `e` and `env` are empty folders for envdir.
- `s`, `clock` and `sub/s` are services whose `./run` is `exec sleep 1000`.
  `/service` holds `clock`, which prints the date every second and has a logger
  (`multilog t ./main` in `clock/log`), and `a`, which sleeps.
  `/etc/new` sleeps, and is not in `/service` yet.
- supervise, svscan or svscanboot runs if the line needs it and does not start it.
- What a line makes is not there before, and neither are lock files and directories of logs.
- Words in capitals are process ids: `SVSCAN` is svscan, `SUPERVISE` is the supervise of the
  service (`/service/clock` for svscan, svscanboot and tree, `s` for the others), `RUN` is its
  `./run`, `SUPERVISE-LOG` and `RUN-OF-LOG` are those of the logger, and `READPROCTITLE` is
  svscanboot's readproctitle.
- A second command on a line is for a second terminal, a second later.
- A line that shows something for ever ends with Ctrl-C.

"""
MATRIX = """\
---
hide-toc: true
---

# Matrix

All clauses, and what each implementation makes of them.

```{matrix}
```
"""


class Matrix(SphinxDirective):
    """`{matrix}`: the matrix of the committed results; its rows lead to the clauses' pages."""

    def run(self) -> list[nodes.Node]:
        """The nodes that take the directive's place."""
        if not results():
            return self.parse_text_to_nodes("No results are committed yet.")
        page = matrix.page(results(), all_clauses(), clause_link="{program}.html#{anchor}")
        style, rest = page.partition("<style>")[2].split("</style>", 1)
        shown = rest.partition("</h1>")[2].partition("</body>")[0]
        # The style of a page of its own becomes the style of one part of this page.
        style = style.replace(":root", "&").replace("body {", ".whole-page {")
        text = f'<style>.conformance {{ {style} }}</style><div class="conformance">{shown}</div>'
        return [nodes.raw("", text, format="html")]


def _write(path: Path, text: str) -> None:
    """Write a file only if it would change: Sphinx rebuilds what is newer."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("clauses", Clauses)
    app.add_directive("declared", Declared)
    app.add_directive("matrix", Matrix)
    app.connect("builder-inited", write_pages)
    return {"version": "1", "parallel_read_safe": True}
