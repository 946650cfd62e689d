"""results.jsonl: one JSON object on each line, a header first and a footer last.

    {"kind": "header", ...}   what was judged, by what, where
    {"kind": "test", ...}     one for each test that finished
    {"kind": "clause", ...}   one for each clause of the suite: the cell
    {"kind": "footer", ...}   how the run ended; without it the file was cut short

The published schema is `results.schema.json` beside this file. `schema` 1 only
gains optional members, levels and outcomes; any other change makes it 2.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from daemontools_conformance import __version__
from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.demands import Demand
from daemontools_conformance.contract.outcomes import Outcome, named
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.plain import all_plain, clipped
from daemontools_conformance.contract.profiles import Profile, find
from daemontools_conformance.judging.cause import Short
from daemontools_conformance.judging.cells import TestResult
from daemontools_conformance.judging.run import Run
from daemontools_conformance.reports.schema import mismatch
from daemontools_conformance.selection.tests import TESTS

SCHEMA = 1
MOST_DETAIL = 4000  # characters of what was seen; the evidence has the rest
# The parts of the package and of the fixtures that decide a test's answer. (The lint lets
# tests import nothing else.)
DECIDES = (
    "contract", "faults", "helpers", "judging", "running", "tests",
    "plugin.py", "pytest_fixtures.py",
)  # fmt: skip
FIXTURES = ("clockstep.c", "logdirs", "nolinks.c", "vectors", "witness")
Line = dict[str, Any]


class BrokenReport(Exception):
    """Raised for a results file that is cut short, inconsistent, or of another schema."""


@dataclass(frozen=True)
class Report:
    """A results file that has been read and is whole."""

    header: Line
    footer: Line
    clauses: Mapping[str, Line]
    tests: tuple[Line, ...] = field(default=())

    @property
    def name(self) -> str:
        """The profile's name."""
        return str(self.header["profile"])

    def outcome(self, clause: str) -> Outcome:
        """The outcome of a cell; NOT_RUN for a clause that the report does not know."""
        cell = self.clauses.get(clause)
        return named(cell["outcome"]) if cell else Outcome.NOT_RUN

    @property
    def shorts(self) -> list[Short]:
        """The clauses that fell short and were not declared to."""
        return [
            Short(
                clause=clause,
                level=cell["level"],
                outcome=self.outcome(clause),
                cause=cell.get("cause", ""),
                difference=cell.get("difference", ""),
                holding=cell.get("holding", 0),
                tests=cell.get("tests", 0),
            )
            for clause, cell in self.clauses.items()
            if self.outcome(clause).fell_short
        ]


def lines_of(run: Run) -> list[Line]:
    """The lines of results.jsonl, as objects."""
    lines: list[Line] = [_header(run)]
    lines += [_test(test) for test in sorted(run.tests, key=lambda test: test.test)]
    lines += [_cell(demand, run) for demand in run.demands.values()]
    lines.append(
        {
            "kind": "footer",
            "selected": run.selected,
            "finished": len(run.tests),
            "lost": list(run.lost),
            "is_partial": run.is_partial,
            "is_success": run.is_success and run.exit_status == 0,
            "exit_status": run.exit_status,
            "surprises": list(run.surprises),
        }
    )
    return all_plain(lines)  # type: ignore[no-any-return]


def _header(run: Run) -> Line:
    profile = run.implementation.profile
    return {
        "kind": "header",
        "schema": SCHEMA,
        "suite_version": __version__,
        "spec_digest": spec_digest(demand.clause for demand in run.demands.values()),
        "tests_digest": tests_digest(),
        "profile": profile.name,
        "title": profile.title,
        "version": profile.version,
        "profile_suite_version": profile.suite_version,
        "profile_digest": profile_digest(profile),
        "programs": run.implementation.digests(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "as_root": os.geteuid() == 0,
        "processors": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 2),
        "options": list(run.options),
        "time": int(time.time()),
    }


def _test(test: TestResult) -> Line:
    return {
        "kind": "test",
        "test": test.test,
        "clause": test.clause,
        "outcome": str(test.outcome),
        "seconds": round(test.seconds, 3),
        "detail": clipped(test.detail, MOST_DETAIL),
        "evidence": test.evidence,
        **_why(test.cause, test.difference),
    }


def _why(cause: str, difference: str) -> Line:
    """The optional members of a test or clause that fell short."""
    return {"cause": cause, "difference": difference} if cause or difference else {}


def _cell(demand: Demand, run: Run) -> Line:
    clause = demand.clause.id
    cell = run.cells.get(clause)
    line = cell_line(demand, cell.outcome if cell else Outcome.NOT_RUN)
    line["complete"] = clause in run.complete
    if cell:
        line["detail"] = clipped(cell.detail, MOST_DETAIL)
        line["evidence"] = next((t.evidence for t in cell.tests if t.outcome == cell.outcome), "")
        short = cell.short(demand.clause.level)
        line |= {"tests": short.tests, "holding": short.holding}
        if cell.outcome >= Outcome.NEW:
            line |= _why(short.cause, short.difference)
    return line


def cell_line(demand: Demand, outcome: Outcome) -> Line:
    """The line of a clause, with everything that its outcome and the profile determine."""
    declared = demand.expectation if outcome >= Outcome.PASS else None
    return {
        "kind": "clause",
        "clause": demand.clause.id,
        "level": demand.clause.level,
        "outcome": str(outcome),
        "complete": outcome != Outcome.NOT_RUN,
        "detail": "",
        "evidence": "",
        "declared": declared.kind if declared else "",
        "seen": declared.seen if declared else "",
        "reason": declared.reason if declared else "",
        "link": declared.link if declared else "",
    }


def as_text(lines: Iterable[Line]) -> str:
    """The objects as the text of a results file."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def read(file: Path) -> Report:
    """Read a results file, or the one in a report folder. Raises BrokenReport."""
    file = file / "results.jsonl" if file.is_dir() else file
    if file.exists() and not file.is_file():
        raise BrokenReport(f"{file}: it is not a file")
    try:
        lines = [json.loads(line) for line in file.read_text().removesuffix("\n").split("\n")]
    except (json.JSONDecodeError, RecursionError) as error:
        message = f"{file}: a line is not JSON; was the file cut short? ({error})"
        raise BrokenReport(message) from error
    except (OSError, ValueError) as error:
        raise BrokenReport(f"{file}: {error}") from error
    try:
        return checked(lines)
    except BrokenReport as error:
        raise BrokenReport(f"{file}: {error}") from error


def checked(lines: list[Line]) -> Report:
    """The report in these lines. Raises BrokenReport."""
    if not all(isinstance(line, dict) for line in lines):
        raise BrokenReport("a line is not an object")
    if not lines or lines[0].get("kind") != "header":
        raise BrokenReport("it has no header")
    if lines[0].get("schema") != SCHEMA:
        raise BrokenReport(f"its schema is {lines[0].get('schema')!r}, not {SCHEMA}")
    if lines[-1].get("kind") != "footer":
        raise BrokenReport("it has no footer: the run was cut short")
    lines = all_plain(lines)
    for line in lines:
        kind = _schema()["$defs"].get(str(line.get("kind")), _schema())
        if wrong := mismatch(line, kind, _schema()):
            raise BrokenReport(f"a line is not as the schema asks: {clipped(wrong, 200)}")
    tests = [line for line in lines if line.get("kind") == "test"]
    cells = {line["clause"]: line for line in lines if line.get("kind") == "clause"}
    if len(tests) + len(cells) + 2 != len(lines):
        raise BrokenReport("a clause occurs twice, or a line is of an unknown kind")
    if len({line["test"] for line in tests}) != len(tests):
        raise BrokenReport("a test occurs twice")
    if lines[-1]["finished"] != len(tests):
        raise BrokenReport(f"{lines[-1]['finished']} tests finished, {len(tests)} are reported")
    return Report(lines[0], lines[-1], cells, tuple(tests))


@cache
def _schema() -> dict[str, Any]:
    """The published schema of a line."""
    text = Path(__file__).with_name("results.schema.json").read_text()
    return json.loads(text)  # type: ignore[no-any-return]


def spec_digest(clauses: Iterable[Clause]) -> str:
    """A digest of what all clauses say, whatever file and line they are on."""
    text = "".join(f"{c.id}\0{c.text}\0{c.level}\0{sorted(c.variants.items())}\0" for c in clauses)
    return hashlib.sha256(text.encode()).hexdigest()


def released_digest(clause: Clause) -> str:
    """What conformance/spec/released.txt holds of a clause: the beginning of its digest."""
    return spec_digest([clause])[:12]


def tests_digest() -> str:
    """A digest of everything that decides a test's answer."""
    sums = hashlib.sha256()
    for base, names in ((TESTS.parent, DECIDES), (folder("fixtures"), FIXTURES)):
        for part in (base / name for name in names):
            for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if file.is_file() and file.parent.name != "__pycache__":
                    name = file.relative_to(base).as_posix()
                    sums.update(name.encode() + b"\0" + file.read_bytes())
    return sums.hexdigest()


def profile_digest(profile: Profile) -> str:
    """A digest of the profile's file, and of those it inherits from; empty for a plain folder."""
    source = Path(profile.source)
    if not source.is_file():
        return ""
    inherited = profile_digest(find(profile.inherits)) if profile.inherits else ""
    return hashlib.sha256(source.read_bytes() + inherited.encode()).hexdigest()
