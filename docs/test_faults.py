"""The committed page of faults says what its program says now, though the program seldom runs."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daemontools_conformance.contract.profiles import find
from daemontools_conformance.faults.__main__ import HEADING, OTHERS, POWER, SUPERVISORS, outcome
from daemontools_conformance.faults.power import SCENARIOS
from daemontools_conformance.faults.supervisors import FOR_A_WHILE, ONCE, TABLES
from daemontools_conformance.faults.table import FAULTS
from daemontools_conformance.running.implementation import locate

PAGE = Path(__file__).parent / "reference/faults.md"


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_page_has_the_words_of_its_program() -> None:
    page = words(PAGE.read_text())
    for text in (HEADING, POWER, OTHERS.format("djb reference"), SUPERVISORS):
        assert words(text) in page


def test_the_page_has_the_rows_of_its_program() -> None:
    rows = [
        f"{fault.name.replace('-', ' ')} | {error} | `{fault.warning}`"
        for fault in FAULTS
        for error in fault.errors
    ]
    rows += [scenario.what for scenario in SCENARIOS]
    rows += [
        f"{program} | {refusal.name.replace('-', ' ')} | {error} | {how_long}"
        for program, its in TABLES.items()
        for refusal in its
        for error in refusal.errors
        for _, how_long in ((ONCE, "once"), (FOR_A_WHILE, "longer"))
    ]
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    heads = [n for n, line in enumerate(lines) if set(line) <= set("| -")]
    of_tables = [line for n, line in enumerate(lines) if not {n, n + 1} & {*heads}]
    assert [line.removeprefix("| ").rsplit(" | ", 2)[0] for line in of_tables] == rows


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_row_can_be_tried_beside_others(tmp_path: Path) -> None:
    """In a thread, as all rows are."""
    [fault] = [fault for fault in FAULTS if fault.name == "write"]
    implementation = locate(find("reference"), tmp_path)
    with ThreadPoolExecutor(1) as pool:
        tried = pool.submit(outcome, implementation, fault, "EINTR", tmp_path)
    assert tried.result() == "in silence"
