"""The page of lines that no clause executes shows what was measured, and is never empty."""

import json
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent / "conformance")]

import unexecuted  # noqa: E402

from daemontools_conformance.contract import clauses  # noqa: E402
from daemontools_conformance.reports.lines import digest  # noqa: E402

DATA = json.loads(unexecuted.DATA.read_text())


def test_nearly_all_clauses_were_measured() -> None:
    assert DATA["clauses"] > 0.9 * len(clauses.load())


def test_the_page_speaks_of_every_module_that_has_functions() -> None:
    page = unexecuted.page()
    assert f"On {DATA['date']} the tests of {DATA['clauses']} clauses executed" in page
    for file, facts in DATA["files"].items():
        assert f"## {file}\n" in page or not facts["clauses"], file


def test_a_map_becomes_the_lines_that_nobody_executes_and_the_callers_of_each_function() -> None:
    source = unexecuted.PACKAGE / "core/stamp.py"
    first = next(n for n, line in enumerate(source.read_text().splitlines(), 1) if "def " in line)
    files = {"core/stamp.py": {"digest": digest(source), "lines": f"{first}-{first + 2}"}}
    executed = {"tai64n/a/b": {"core/stamp.py": f"{first}"}, "tai64n/a/c": {}}
    kept = unexecuted.summary({"files": files, "clauses": executed}, "2026-01-31")
    assert kept["clauses"] == 2
    assert kept["files"]["core/stamp.py"] == {
        "digest": digest(source),
        "all": 3,
        "rest": 2,
        "missed": [first + 1, first + 2],
        "clauses": {"stamp": 1},
    }
