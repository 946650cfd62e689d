"""What pytest is taught: the clause of a test, the implementation under test, outcomes.

The suite is ordinary pytest: -k, -x, -n and the rest work as always. This
plugin adds the options of `pytest_addoption`, the fixtures `sandbox` and
`variant`, and the judgement at the end.
"""

import json
import platform
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from daemontools_conformance import __version__, clauses, needs
from daemontools_conformance.cells import TestResult, cells, surprises
from daemontools_conformance.implementation import Implementation, locate
from daemontools_conformance.outcomes import Crashed, Hung, NotOffered, Outcome, Unavailable
from daemontools_conformance.patience import TooLate, set_factor
from daemontools_conformance.processes import become_subreaper
from daemontools_conformance.profiles import Profile, ProfileError, find
from daemontools_conformance.sandbox import Sandbox

_PROPERTY = "daemontools_conformance"
_Packed = tuple[str, str, int, float, str]  # a TestResult on its way from an xdist worker


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's own options."""
    group = parser.getgroup("daemontools conformance")
    group.addoption(
        "--implementation",
        default="reference",
        metavar="NAME|DIR|FILE.toml",
        help="what is judged: a shipped profile, a folder of programs, or a profile file",
    )
    group.addoption("--program", action="append", default=[], help="only clauses of this program")
    group.addoption("--clause", action="append", default=[], help="only clauses that begin so")
    group.addoption("--level", default="", help="only clauses of this level, e.g. promised")
    group.addoption("--quick", action="store_true", help="leave out tests marked slow")
    group.addoption("--report", type=Path, default=None, metavar="DIR", help="write results here")
    group.addoption("--patience", type=float, default=1.0, help="multiply all deadlines by this")


def pytest_configure(config: pytest.Config) -> None:
    """Find the implementation, once for all workers, and start to listen."""
    config.addinivalue_line("markers", "clause(id): the clause that this test checks")
    config.addinivalue_line("markers", "needs(what): what the machine must offer for this test")
    config.addinivalue_line("markers", "slow: left out by --quick")
    config.pluginmanager.register(Conformance(config), "daemontools-conformance-session")


def _configure_worker(node: Any) -> None:
    session: Conformance = node.config.pluginmanager.get_plugin("daemontools-conformance-session")
    node.workerinput["conformance_folder"] = str(session.implementation.folder)
    node.workerinput["conformance_scratch"] = str(session.scratch)


class Conformance:
    """The state of one run: the implementation, the results, the judgement."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        try:
            self.clauses = clauses.load()
            self.profile: Profile = find(config.getoption("implementation"))
            worker = getattr(config, "workerinput", None)
            if worker:
                self.scratch = Path(worker["conformance_scratch"])
                folder = Path(worker["conformance_folder"])
                self.implementation = Implementation(self.profile, folder)
            else:
                self.scratch = Path(tempfile.mkdtemp(prefix="daemontools-conformance-"))
                self.scratch.chmod(0o755)
                self.implementation = locate(self.profile, self.scratch)
        except (ProfileError, clauses.SpecError) as error:
            raise pytest.UsageError(str(error)) from error
        self.is_worker = worker is not None
        if unknown := sorted(self.profile.expect.keys() - self.clauses.keys()):
            raise pytest.UsageError(f"profile {self.profile.name}: no such clause: {unknown[0]}")
        set_factor(self.profile.patience * config.getoption("patience"))
        become_subreaper()
        self.results: list[TestResult] = []
        self.partly_selected: set[str] = set()
        self.kept_evidence: list[Path] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist starts a worker: tell it where the programs are."""
        _configure_worker(node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Check every test's clause; then apply the selection."""
        for item in items:
            marks = [mark.args[0] for mark in item.iter_markers("clause")]
            if len(marks) != 1:
                raise pytest.UsageError(f"{item.nodeid}: a test has exactly one clause")
            if marks[0] not in self.clauses:
                raise pytest.UsageError(f"{item.nodeid}: there is no clause {marks[0]}")
        chosen = [item for item in items if self._is_chosen(item)]
        left_out = [item for item in items if not self._is_chosen(item)]
        self.partly_selected = {_clause_of(item) for item in left_out}
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen

    def _is_chosen(self, item: pytest.Item) -> bool:
        clause = self.clauses[_clause_of(item)]
        option = self.config.getoption
        return (
            (not option("program") or clause.program in option("program"))
            and (not option("clause") or any(clause.id.startswith(c) for c in option("clause")))
            and (not option("level") or clause.level == option("level").upper())
            and not (option("quick") and item.get_closest_marker("slow"))
        )

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test whose needs are not met here is UNTESTED."""
        for mark in item.iter_markers("needs"):
            for need in mark.args:
                if why := needs.missing(need):
                    raise Unavailable(why)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[None]"
    ) -> Generator[None, Any, None]:
        """Turn what pytest saw into one of the outcomes."""
        hook = yield
        report: pytest.TestReport = hook.get_result()
        if call.excinfo is None and report.when != "call":
            return
        clause = self.clauses[_clause_of(item)]
        error = call.excinfo.value if call.excinfo else None
        outcome = _outcome_of(error, report.when)
        detail = str(error) if error else ""
        expectation = self.profile.expect.get(clause.id)
        if isinstance(error, NotOffered | Unavailable):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"{outcome}: {error}")
        elif expectation and expectation.kind != "variant" and _fell_short(outcome):
            kind = "NOT_OFFERED" if expectation.kind == "not-offered" else "KNOWN_BUG"
            outcome, detail = Outcome[kind], expectation.reason
            report.outcome = "skipped"
            report.wasxfail = expectation.reason
        elif expectation and outcome == Outcome.PASS and "variant" in _fixtures_of(item):
            outcome, detail = Outcome.VARIANT, expectation.reason
        elif _fell_short(outcome) and _is_newer(clause.since, self.profile.suite_version):
            outcome = Outcome.NEW
            report.outcome = "skipped"
            report.wasxfail = f"newer than {self.profile.suite_version}"
        report.user_properties.append(
            (_PROPERTY, [item.nodeid, clause.id, int(outcome), call.duration, detail])
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the outcomes; with xdist they arrive here from the workers."""
        for name, value in report.user_properties:
            if name == _PROPERTY:
                test, clause, outcome, seconds, detail = cast(_Packed, value)
                result = TestResult(test, clause, Outcome(outcome), seconds, detail)
                self.results.append(result)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge: an unexpected cell, or nothing at all, is a failure."""
        if self.is_worker or session.config.getoption("collectonly"):
            return
        found = cells(self.results)
        complete = frozenset(self.clauses) - self.partly_selected
        self.surprises = surprises(found, self.profile.expect, complete)
        if session.exitstatus == pytest.ExitCode.OK and (self.surprises or not found):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if report := self.config.getoption("report"):
            self._write_results(report)

    def _write_results(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        lines: list[dict[str, object]] = [
            {
                "kind": "header",
                "suite_version": __version__,
                "profile": self.profile.name,
                "version": self.profile.version,
                "platform": platform.platform(),
                "time": int(time.time()),
            }
        ]
        lines += [
            {
                "kind": "test",
                "test": r.test,
                "clause": r.clause,
                "outcome": str(r.outcome),
                "seconds": round(r.seconds, 3),
                "detail": r.detail,
            }
            for r in self.results
        ]
        lines.append({"kind": "footer", "tests": len(self.results)})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "results.jsonl").write_text(text)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The table program x outcome, and what was not expected."""
        found = cells(self.results)
        if not found:
            return
        write = terminalreporter.write_line
        terminalreporter.section(f"clauses: {self.profile.name}")
        shown = sorted({cell.outcome for cell in found.values()})
        write(f"{'':14}" + "".join(f"{outcome!s:>15}" for outcome in shown))
        for program in sorted({self.clauses[c].program for c in found}):
            counts = Counter(
                cell.outcome for cell in found.values() if cell.clause.startswith(f"{program}/")
            )
            row = "".join(f"{counts.get(outcome, '') or '':>15}" for outcome in shown)
            write(f"{program:14}{row}")
        for surprise in getattr(self, "surprises", []):
            write(f"unexpected: {surprise}")

    def pytest_unconfigure(self) -> None:
        """Remove the scratch folder unless it holds evidence of failures."""
        if not self.is_worker and not any(self.scratch.glob("*/evidence-kept")):
            shutil.rmtree(self.scratch, ignore_errors=True)


def _outcome_of(error: BaseException | None, when: str | None) -> Outcome:
    match error:
        case None:
            return Outcome.PASS
        case NotOffered():
            return Outcome.NOT_OFFERED
        case Unavailable():
            return Outcome.UNTESTED
        case Crashed():
            return Outcome.CRASH
        case Hung() | TooLate():
            return Outcome.TIMEOUT
        case AssertionError() if when == "call":
            return Outcome.FAIL
        case _:
            return Outcome.HARNESS_ERROR


def _fell_short(outcome: Outcome) -> bool:
    return Outcome.FAIL <= outcome <= Outcome.CRASH


def _is_newer(since: str, suite_version: str) -> bool:
    def numbers(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split("."))

    return bool(suite_version) and numbers(since) > numbers(suite_version)


def _clause_of(item: pytest.Item) -> str:
    mark = item.get_closest_marker("clause")
    assert mark is not None
    return str(mark.args[0])


def _fixtures_of(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", []))


@pytest.fixture
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """The implementation under test."""
    session = request.config.pluginmanager.get_plugin("daemontools-conformance-session")
    assert isinstance(session, Conformance)
    return session.implementation


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, implementation: Implementation) -> Iterator[Sandbox]:
    """A folder of its own for the test; whatever it started is gone afterwards."""
    session = request.config.pluginmanager.get_plugin("daemontools-conformance-session")
    assert isinstance(session, Conformance)
    parent = Path(tempfile.mkdtemp(prefix="t", dir=session.scratch))
    parent.chmod(0o755)
    box = Sandbox(implementation, parent / "box")
    try:
        yield box
    finally:
        box.close()
        box.remove()
        parent.rmdir()


@pytest.fixture
def variant(request: pytest.FixtureRequest) -> str:
    """The variant that the profile declares for this test's clause; "" for plain 0.76.

    A test that takes it checks the variant by its value:

        assert result.code == {"": 111, "debian": 0}[variant]
    """
    session = request.config.pluginmanager.get_plugin("daemontools-conformance-session")
    assert isinstance(session, Conformance)
    expectation = session.profile.expect.get(_clause_of(request.node))
    return expectation.seen if expectation and expectation.kind == "variant" else ""
