"""From notes to lines.json, and from there to the lines that few other clauses run."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from daemontools_conformance.reports import lines
from daemontools_conformance.reports.results import Report
from selftest.builds import REFERENCE
from upkeep.lines.__main__ import (
    as_map,
    as_ranges,
    as_text,
    by_clause,
    by_file,
    install,
    lines_of_functions,
    sources,
)

PACKAGE = REFERENCE / "daemontools"
PLACES = {"a.py": 0, "b.py": 4}
MODULE = """\
import os

class Table:
    size = 3

    def half(self):
        if self.size:
            return 1
        return [n for n in range(
            2)]
"""


def report(*tests: tuple[str, str, str]) -> Report:
    found = tuple({"test": t, "clause": c, "outcome": o} for t, c, o in tests)
    return Report({}, {}, {}, found)


@pytest.mark.parametrize("chosen", [set(), {4}, {3, 4, 9}, {3, 5, 7, 9}, {3, 4, 5, 7, 9}])
def test_ranges_are_read_as_they_were_written(chosen: set[int]) -> None:
    code = {3, 4, 5, 7, 9}
    assert lines.numbers(as_ranges(chosen, code)) & code == chosen


def test_a_range_spans_lines_without_code() -> None:
    assert as_ranges({3, 5, 9}, {3, 5, 7, 9}) == "3-5,9"


def test_only_lines_of_functions_are_counted() -> None:
    assert lines_of_functions(compile(MODULE, "m", "exec")) == {6, 7, 8, 9, 10}


def test_notes_belong_to_the_files_in_their_order() -> None:
    assert by_file(bytes([0, 1, 0, 1, 0, 0, 1]), PLACES) == {"a.py": {1, 3}, "b.py": {2}}
    assert by_file(bytes(7), PLACES) == {}


def test_only_tests_that_passed_tell_and_they_tell_for_their_clause(tmp_path: Path) -> None:
    for name, (test, noted) in {
        "ta": ("one", [0, 1, 0, 0, 0, 0, 0]),
        "tb": ("two[x]", [0, 0, 1, 0, 0, 0, 0]),
        "tc": ("failed", [0, 0, 0, 1, 0, 0, 0]),
        "td": ("declared", [0, 0, 0, 0, 0, 1, 0]),
        "te": ("of nobody", [1] * 7),
    }.items():
        (tmp_path / f"name.{name}").write_text(test)
        (tmp_path / name).write_bytes(bytes(noted))
    judged = report(
        ("one", "p/t/a", "PASS"),
        ("two[x]", "p/t/a", "PASS"),
        ("failed", "p/t/b", "FAIL"),
        ("declared", "p/t/c", "VARIANT"),
    )
    found = by_clause(tmp_path, judged, PLACES)
    assert found == {"p/t/a": {"a.py": {1, 2}}, "p/t/c": {"b.py": {1}}}


def test_a_run_of_some_clauses_keeps_the_others_unless_the_sources_changed() -> None:
    file, code = (
        "programs/svok.py",
        lines_of_functions(compile(sources(PACKAGE)["programs/svok.py"].read_bytes(), "m", "exec")),
    )
    first = as_map({"a/b/c": {file: code}, "a/b/d": {file: {min(code)}}}, PACKAGE, {})
    second = as_map({"a/b/d": {}}, PACKAGE, json.loads(as_text(first)))
    assert list(second["clauses"]) == ["a/b/c", "a/b/d"]
    assert second["clauses"]["a/b/d"] == {}
    first["files"][file]["digest"] = "another"
    assert list(as_map({"a/b/d": {}}, PACKAGE, first)["clauses"]) == ["a/b/d"]


def test_the_rarest_lines_of_a_clause_come_first_and_lines_without_code_do_not() -> None:
    found = {
        "files": {"a.py": {"digest": "", "lines": "1,3,5-6"}},
        "clauses": {"p/t/a": {"a.py": "1-5"}, "p/t/b": {"a.py": "1,6"}, "p/t/c": {"a.py": "1-3"}},
    }
    assert lines.rarest(found, "p/t/a") == [(1, "a.py", 5), (2, "a.py", 3), (3, "a.py", 1)]
    assert lines.rarest(found, "p/t/unknown") == []


def test_every_reason_is_about_a_function_that_is_there() -> None:
    entries = tomllib.loads((REFERENCE.parent / "conformance/upkeep/lines/why.toml").read_text())[
        "line"
    ]
    for entry in entries:
        tree = ast.parse((PACKAGE / entry["file"]).read_text())
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert {name.split(".")[-1] for name in entry["functions"]} <= there


def test_a_traced_program_notes_its_lines_and_keeps_no_descriptor(tmp_path: Path) -> None:
    """Trace a program that forks, counts its descriptors and is killed."""
    box, notes, library = tmp_path / "tbox/box", tmp_path / "notes", tmp_path / "library"
    for folder in (box, notes, library):
        folder.mkdir(parents=True)
    program = library / "program.py"
    program.write_text(
        "import os\n"
        "def main():\n"
        "    if os.fork():\n"
        "        os.wait()\n"
        "        print(sorted(os.listdir('/proc/self/fd')), flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "        return 1\n"
        "    os._exit(0)\n"
    )
    tracer = Path(__file__).parents[1] / "upkeep/lines/tracer.py"
    values = f"NOTES = {str(notes)!r}\nFIRST = {{{str(program)!r}: 0}}\nbegin()\n"
    (library / "tracer.py").write_text(tracer.read_text() + values)
    (notes / "tbox").write_bytes(bytes(9))
    call = f"import sys; sys.path.append({str(library)!r})\n{{}}import program; program.main()"
    seen = [
        subprocess.run(
            [sys.executable, "-ISc", call.format(first)], cwd=box, capture_output=True, check=False
        )
        for first in ("", "import tracer;")
    ]
    assert [finished.returncode for finished in seen] == [-9, -9]
    assert seen[0].stdout == seen[1].stdout != b""
    assert (notes / "tbox").read_bytes() == bytes([0, 0, 1, 1, 1, 1, 1, 0, 1])
    assert not list(notes.glob("lost.*"))


def test_a_traced_program_notes_its_lines(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    programs, places = install(tmp_path, notes)
    box = tmp_path / "t1"
    box.mkdir()
    (notes / "t1").write_bytes(bytes(int((notes / "size").read_text())))
    refused = subprocess.run([programs / "svok"], cwd=box, capture_output=True, check=False)
    assert (refused.returncode, refused.stderr) == (100, b"svok: usage: svok dir\n")
    assert "programs/svok.py" in by_file((notes / "t1").read_bytes(), places)
