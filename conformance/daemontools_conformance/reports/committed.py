"""The committed results of the shipped profiles, in a form that a person can review.

    results/djb.cells       profile, versions, digests, date; then a line for each clause, sorted:
                            svok/exit/killed PASS
    results/durations.txt   the long tests of djb's programs, by file:
                            svok/test_exit.py
                              1.3 test_running_supervise_gives_0

A change of one outcome is one changed line. Every other report (results.py) is made
again when needed. Reasons, kinds and links are read from the profile.
"""

import datetime
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import Demand
from daemontools_conformance.contract.outcomes import named
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.plain import plain
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.reports.results import BrokenReport, Line, Report, cell_line

HEADER = (
    "profile", "version", "suite_version", "spec_digest", "tests_digest", "profile_digest",
    "platform", "python", "time",
)  # fmt: skip
LONG_SECONDS = 0.5  # durations.txt lists no test that took less


def file_of(name: str) -> Path:
    """The committed results of a shipped profile (the file need not exist)."""
    return folder("results") / f"{name}.cells"


def as_text(report: Report) -> str:
    """The text of the file of cells for a report."""
    header = {**report.header, "time": _as_date(report.header["time"])}
    head = "".join(f"{key}: {header[key]}\n" for key in HEADER)
    cells = sorted(f"{clause} {line['outcome']}" for clause, line in report.clauses.items())
    return head + "\n" + "\n".join(cells) + "\n"


def read(file: Path) -> Report:
    """The report that a file of cells represents. Raises BrokenReport, ProfileError."""
    try:
        head, separator, body = plain(file.read_text()).partition("\n\n")
        header: Line = dict(line.split(": ", 1) for line in head.splitlines())
        outcomes = dict(line.split(" ") for line in body.splitlines())
        header["time"] = _as_seconds(header["time"])
        if not separator or set(header) != {*HEADER} or len(outcomes) < body.count("\n"):
            raise ValueError("the file was cut short, or a clause occurs twice")
        known = {clause: named(outcome) for clause, outcome in outcomes.items()}
    except (OSError, ValueError, KeyError) as error:
        raise BrokenReport(f"{file}: {error}") from error
    profile = find(header["profile"])
    demands = [Demand(clause, profile.expect.get(clause.id)) for clause in _clauses().values()]
    cells = {
        demand.clause.id: cell_line(demand, known[demand.clause.id])
        for demand in demands
        if demand.clause.id in known
    }
    is_success = not any(known[c].fell_short and not line["declared"] for c, line in cells.items())
    footer = {"is_partial": False, "is_success": is_success}
    return Report({**header, "title": profile.title}, footer, cells)


def reports() -> list[Report]:
    """All committed results: djb's, the reference's, the others'. Raises BrokenReport."""
    first = ("djb", "reference")
    files = folder("results").glob("*.cells")
    return [read(file) for file in sorted(files, key=lambda f: (f.stem not in first, f.stem))]


def durations_as_text(tests: Iterable[Line]) -> str:
    """The text of durations.txt: a report's long tests."""
    files: dict[str, list[str]] = {}
    for test in tests:
        if test["seconds"] >= LONG_SECONDS:
            file, _, name = test["test"].removeprefix("tests/").partition("::")
            files.setdefault(file, []).append(f"  {test['seconds']:.1f} {name}")
    return "".join("\n".join([file, *sorted(names), ""]) for file, names in sorted(files.items()))


@cache
def durations() -> Mapping[str, float]:
    """The seconds that each long test took, by node id. Every other test takes less."""
    took: dict[str, float] = {}
    file = ""
    for line in (folder("results") / "durations.txt").read_text().splitlines():
        if line.startswith("  "):
            seconds, name = line.split(maxsplit=1)
            took[f"tests/{file}::{name}"] = float(seconds)
        else:
            file = line
    return took


@cache
def _clauses() -> Mapping[str, clauses.Clause]:
    return clauses.load()


def _as_date(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_seconds(date: str) -> int:
    return int(datetime.datetime.strptime(date, "%Y-%m-%dT%H:%M:%S%z").timestamp())
