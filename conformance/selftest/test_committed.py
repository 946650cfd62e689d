"""The committed form of results is short, and gives the same report when read again."""

from pathlib import Path

import pytest

from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.reports import changes, committed
from daemontools_conformance.reports.results import BrokenReport, Line, Report

PROFILE = find("djb")
DECLARED = next(iter(PROFILE.expect.values()))
CELLS = {"svok/exit/running": "PASS", "svok/exit/killed": "FAIL", DECLARED.clause: "KNOWN-BUG"}


def report(**cells: str) -> Report:
    header = dict.fromkeys(committed.HEADER, "x") | {"profile": "djb", "time": 1000000000}
    footer = {"is_partial": False}
    lines: dict[str, Line] = {clause: {"outcome": outcome} for clause, outcome in cells.items()}
    return Report(header, footer, lines)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "djb.cells"
    path.write_text(committed.as_text(report(**CELLS)))
    return path


def test_the_text_has_a_sorted_line_for_each_clause(file: Path) -> None:
    head, _, body = file.read_text().partition("\n\n")
    assert "time: 2001-09-09T01:46:40Z" in head
    assert body.splitlines() == sorted(f"{clause} {seen}" for clause, seen in CELLS.items())


def test_outcomes_survive(file: Path) -> None:
    found = committed.read(file)
    assert {c: str(found.outcome(c)) for c in CELLS} == CELLS
    assert found.outcome("svok/usage/no-operand") == Outcome.NOT_RUN
    assert found.header["time"] == 1000000000


def test_reasons_come_from_the_profile(file: Path) -> None:
    line = committed.read(file).clauses[DECLARED.clause]
    assert (line["reason"], line["link"]) == (DECLARED.reason, DECLARED.link)


def test_a_clause_that_fell_short_undeclared_is_no_success(file: Path) -> None:
    assert not committed.read(file).footer["is_success"]
    file.write_text(committed.as_text(report(**CELLS | {"svok/exit/killed": "PASS"})))
    assert committed.read(file).footer["is_success"]


def test_the_two_forms_of_one_report_do_not_differ(file: Path) -> None:
    lines, _ = changes.differences(report(**CELLS), committed.read(file))
    apart = "0 clauses have an outcome in only one of the two results"
    assert lines[-3:] == ["0 worse", "0 better", apart]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("PASS", "FINE"),
        lambda text: text + "svok/exit/running PASS\n",
        lambda text: text.partition("\n\n")[0],
        lambda text: text.replace("python: x\n", ""),
        lambda text: text.replace("2001", "long ago"),
    ],
)
def test_a_broken_file_is_refused(file: Path, change) -> None:  # type: ignore[no-untyped-def]
    file.write_text(change(file.read_text()))
    with pytest.raises(BrokenReport):
        committed.read(file)


def test_only_long_tests_are_listed_and_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = [
        {"test": "tests/svok/test_exit.py::test_a[x y]", "seconds": 2.04},
        {"test": "tests/svok/test_exit.py::test_b", "seconds": 0.1},
        {"test": "tests/svc/test_letters.py::test_c", "seconds": 0.5},
    ]
    (tmp_path / "durations.txt").write_text(committed.durations_as_text(tests))
    monkeypatch.setattr(committed, "folder", lambda _: tmp_path)
    assert committed.durations() == {
        "tests/svok/test_exit.py::test_a[x y]": 2.0,
        "tests/svc/test_letters.py::test_c": 0.5,
    }
