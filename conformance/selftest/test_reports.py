"""Reporters against golden files: one report written by hand, in every form.

After an intended change, `python -m pytest conformance/selftest/test_reports.py
--golden` writes the files again. Read the difference before you commit it.
"""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import FILL_IN
from daemontools_conformance.reports import badge, changes, junit, matrix, results
from daemontools_conformance.reports.schema import mismatch

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = json.loads(Path(results.__file__).with_name("results.schema.json").read_text())
SPEC = clauses.parse(
    """\
## svok/exit/running

When supervise is running in the directory, svok exits 0.

- level: PROMISED
- source: manual, svok
- why: scripts <ask> & act
- by hand: `svok clock; echo $?`
- variant other: it exits 1

## svok/exit/killed

After supervise was killed, svok exits 100.

- level: CODE
- source: svok.c

## svok/usage/no-operand

Without an operand, svok exits 100.

- level: QUIRK
- source: svok.c

## svstat/answer/silent

Without operands, svstat says nothing.

- level: PLATFORM
- source: svstat.c
""",
    Path("svok.md"),
)
CLAUSES = {clause.id: clause for clause in SPEC}
HEADER = {
    "kind": "header",
    "schema": 1,
    "suite_version": "0.1.0",
    "spec_digest": "1" * 64,
    "tests_digest": "2" * 64,
    "profile": "under-test",
    "title": "A <clone> & more",
    "version": "1.0",
    "profile_suite_version": "0.1.0",
    "profile_digest": "",
    "programs": {"svok": "3" * 64},
    "platform": "Linux",
    "python": "3.11.2",
    "as_root": False,
    "processors": 2,
    "load": 0.5,
    "options": ["-n4"],
    "time": 1000000000,
}
SEEN = 'seen: b"\\x00<yes>" & more\x00\x1b'


def _test(name: str, clause: str, outcome: str, detail: str = "") -> results.Line:
    return {
        "kind": "test",
        "test": f"tests/svok/test_exit.py::{name}",
        "clause": clause,
        "outcome": outcome,
        "seconds": 0.25,
        "detail": detail,
        "evidence": f"evidence/{clause.replace('/', '.')}/{name}",
    }


def _cell(clause: str, outcome: str, **more: str) -> results.Line:
    plain = {"detail": "", "evidence": "", "declared": "", "seen": "", "reason": "", "link": ""}
    level = CLAUSES[clause].level
    cell = {"kind": "clause", "clause": clause, "level": level, "outcome": outcome}
    return {**cell, "complete": outcome != "NOT-RUN", **plain, **more}


WHY = {"cause": "does not end", "difference": "expected 0, seen <nothing>"}
LINES: list[results.Line] = [
    HEADER,
    _test("test_a", "svok/exit/running", "PASS"),
    {**_test("test_b", "svok/exit/killed", "FAIL", SEEN), **WHY},
    _test("test_c[\u00e9]", "svok/usage/no-operand", "KNOWN-BUG", "it crashes"),
    _test("test_d", "svok/usage/no-operand", "HARNESS-ERROR", "TypeError: oh"),
    _cell("svok/exit/running", "PASS", evidence="evidence/svok.exit.running/test_a"),
    {
        **_cell(
            "svok/exit/killed", "FAIL", detail=SEEN, evidence="evidence/svok.exit.killed/test_b"
        ),
        **WHY,
        "tests": 40,
        "holding": 36,
    },
    _cell(
        "svok/usage/no-operand",
        "KNOWN-BUG",
        declared="known-bug",
        reason="it crashes <there>",
        link="https://example.org/1?a=b&c=d",
    ),
    _cell("svstat/answer/silent", "NOT-RUN"),
    {
        "kind": "footer",
        "selected": 4,
        "finished": 4,
        "lost": [],
        "is_partial": True,
        "is_success": False,
        "exit_status": 1,
        "surprises": ["svok/exit/killed: FAIL"],
    },
]
REPORT = results.checked(LINES)


def golden(name: str, text: str, request: pytest.FixtureRequest) -> None:
    file = GOLDEN / name
    if request.config.getoption("golden"):
        file.write_text(text)
    assert text == file.read_text(), f"{name} has changed; see --golden"


def test_results(request: pytest.FixtureRequest) -> None:
    golden("results.jsonl", results.as_text(LINES), request)


def test_junit(request: pytest.FixtureRequest) -> None:
    document = junit.document(REPORT)
    golden("junit.xml", document, request)
    suite = ElementTree.fromstring(document.encode()).find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("1", "1", "1")


def test_what_is_beyond_djb_is_no_failure_for_a_ci_service() -> None:
    beyond = _test("test_e", "svok/exit/killed", "BEYOND", "1 is not 0")
    suite = ElementTree.fromstring(junit.document(replace(REPORT, tests=(beyond,)))).find(
        ".//*[@tests]"
    )
    assert suite is not None
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "1")


def test_matrix(request: pytest.FixtureRequest) -> None:
    page = matrix.page([REPORT, REPORT], CLAUSES, [".", ""], "spec/{program}.html#{anchor}")
    golden("matrix.html", page, request)


def test_the_matrix_says_what_an_older_suite_judged() -> None:
    newer = replace(REPORT, header={**REPORT.header, "tests_digest": "new", "time": 2e9})
    alone, both = matrix.page([newer], {}), matrix.page([REPORT, newer], {})
    assert "older suite" not in alone
    assert both.count("(judged by an older suite)") == 1
    assert "may contradict a clause" in both


def test_badge(request: pytest.FixtureRequest) -> None:
    golden("badge.svg", badge.image(REPORT), request)


@pytest.mark.parametrize("level", ["QUIRK", "BEYOND"])
def test_the_badge_does_not_count_what_is_not_asked_of_everybody(level: str) -> None:
    without = badge.told(REPORT)
    fell = {"clause": "x/y/z", "level": level, "outcome": "FAIL"}
    more = replace(REPORT, clauses={**REPORT.clauses, "x/y/z": fell})
    assert badge.told(more) == without
    assert badge.told(replace(more, clauses={**more.clauses, "x/y/z": {**fell, "level": "CODE"}}))[
        0
    ].startswith("1 of 3 clauses")


def test_the_badge_counts_what_is_not_offered_and_the_matrix_leaves_it_out() -> None:
    absent = _cell("svok/exit/killed", "NOT-OFFERED")
    few = {"svok/exit/running": REPORT.clauses["svok/exit/running"], "svok/exit/killed": absent}
    assert badge.told(replace(REPORT, clauses=few))[0].startswith("1 of 2 clauses")
    by_level = matrix.page([replace(REPORT, clauses=few)], CLAUSES).partition("by level</h2>")[2]
    assert by_level.count("<td class=n>1 of 1</td>") == 1
    assert " of 2</td>" not in by_level


class _Links(HTMLParser):
    """The ids of a page, and the ids that its links point to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: set[str] = set()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "id" in found:
            self.ids.append(str(found["id"]))
        href = found.get("href") or ""
        if tag == "a" and href.startswith("#"):
            self.targets.add(href[1:])
        if tag in ("script", "link", "img") and (found.get("src") or found.get("href")):
            self.foreign.append(tag)


def test_the_matrix_is_self_contained_and_its_links_lead_somewhere() -> None:
    links = _Links()
    links.feed(matrix.page([REPORT], CLAUSES))
    assert links.targets <= set(links.ids)
    assert len(links.ids) == len(set(links.ids))
    assert links.foreign == []


def test_the_matrix_needs_no_script_to_be_read() -> None:
    without = re.sub(r"<script>.*?</script>", "", matrix.page([REPORT], CLAUSES), flags=re.S)
    for clause in CLAUSES.values():
        assert clause.id in without.replace("<wbr>", "")
    assert "it crashes &lt;there&gt;" in without
    assert "<form class=filters hidden>" in without


@pytest.mark.parametrize("line", LINES, ids=lambda line: str(line["kind"]))
def test_every_line_is_as_the_schema_says(line: results.Line) -> None:
    assert mismatch(line, SCHEMA, SCHEMA) == ""


def test_a_report_without_causes_is_read_as_before() -> None:
    added = ("cause", "difference", "tests", "holding")
    older = [{key: value for key, value in line.items() if key not in added} for line in LINES]
    [short] = results.checked(older).shorts
    assert (short.clause, short.cause, short.states) == ("svok/exit/killed", "", "")
    assert "svok/exit/killed: CODE" in matrix.page([results.checked(older)], CLAUSES).replace(
        "</a>", ""
    )


def test_the_page_begins_with_what_falls_short() -> None:
    page = matrix.page([REPORT], CLAUSES)
    assert page.index("What falls short") < page.index("Counts") < page.index("Clauses</h2>")
    assert "<dt>does not end: 1 clause</dt>" in page
    assert "(36 of 40 hold)" in page
    assert "<td class=n>1 of 1</td><td class=n>0 of 1</td>" in page  # PROMISED, CODE
    bare = {**HEADER, "title": FILL_IN, "version": FILL_IN}
    assert FILL_IN not in matrix.page([results.checked([bare, *LINES[1:]])], CLAUSES)


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"profile": 7}, {"kind": "heading"}, {"options": [1]}, {"as_root": "no"}],
)
def test_the_schema_refuses(change: dict[str, object]) -> None:
    assert mismatch({**HEADER, **change}, SCHEMA, SCHEMA)


def test_the_schema_knows_every_outcome() -> None:
    known = SCHEMA["$defs"]["outcome"]["enum"]
    assert sorted(known) == sorted(str(outcome) for outcome in Outcome)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "no header"),
        (LINES[1:], "no header"),
        (LINES[:-1], "cut short"),
        ([LINES[0], LINES[1], *LINES[1:]], "twice"),
        ([*LINES[:6], *LINES[5:]], "twice"),
        ([LINES[0], *LINES[2:]], "4 tests finished, 3 are reported"),
        ([{**HEADER, "schema": 2}, *LINES[1:]], "schema"),
    ],
)
def test_a_broken_report_is_refused(lines: list[results.Line], complaint: str) -> None:
    with pytest.raises(results.BrokenReport, match=complaint):
        results.checked(lines)


def test_a_file_that_is_cut_in_a_line_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(results.as_text(LINES)[:-10])
    with pytest.raises(results.BrokenReport):
        results.read(tmp_path)


def test_a_report_survives_writing_and_reading(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text(results.as_text(LINES))
    assert results.read(tmp_path) == REPORT


def test_differences_name_what_got_worse_and_better() -> None:
    changed = [
        {**line, "outcome": {"PASS": "CRASH", "FAIL": "PASS"}.get(line["outcome"], line["outcome"])}
        if line["kind"] == "clause"
        else line
        for line in LINES
    ]
    lines, is_worse = changes.differences(REPORT, results.checked(changed))
    assert is_worse
    assert "  svok/exit/running: PASS -> CRASH" in lines
    assert "  svok/exit/killed: FAIL -> PASS" in lines
    assert changes.differences(REPORT, REPORT)[1] is False


def test_a_clause_that_neither_run_has_judged_is_not_counted_as_a_difference() -> None:
    both = [
        results.checked(
            [{**line, "outcome": name} if line["kind"] == "clause" else line for line in LINES]
        )
        for name in ("UNTESTED", "NOT-RUN")
    ]
    last = changes.differences(*both)[0][-1]
    assert last == "0 clauses have an outcome in only one of the two results"
