"""What pytest is taught: the clause of a test, the implementation under test, outcomes.

The suite is ordinary pytest: -k, -x, -n and the rest work as always. This
plugin adds the options of `pytest_addoption`, the fixtures `sandbox` and
`variant`, and the judgement at the end.

With xdist the tests run in workers. What a test came to travels to the
controller with its report; what was selected travels when a worker ends. Only
the controller judges and writes.
"""

import difflib
import fnmatch
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.outcomes import (
    Crashed,
    Hung,
    NotOffered,
    Outcome,
    Unavailable,
)
from daemontools_conformance.contract.profiles import Profile, ProfileError, check_profile, find
from daemontools_conformance.judging import failure
from daemontools_conformance.judging.cells import (
    Selection,
    TestResult,
    cells,
    lost,
    settled,
    surprises,
)
from daemontools_conformance.reports import results, summary, write_all
from daemontools_conformance.running import evidence, needs
from daemontools_conformance.running.implementation import Implementation, locate
from daemontools_conformance.running.patience import TooLate, set_factor
from daemontools_conformance.running.processes import become_subreaper, pass_on_no_ignored_signal
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.selection import heavy
from daemontools_conformance.selection import tests as index
from daemontools_conformance.selection.heavy import dice, minutes  # noqa: F401 - fixtures

_PROPERTY = "daemontools_conformance"
_NAME = "daemontools-conformance-session"
_BOX: pytest.StashKey[Sandbox] = pytest.StashKey()
_FAILURE: pytest.StashKey[str] = pytest.StashKey()
_HAS_FALLEN: pytest.StashKey[bool] = pytest.StashKey()
_QUICK_SECONDS = 0.9
_LONG_SECONDS = 0.9  # of a test that waits for a second at least
_REPETITION = re.compile(r"repetition(\d+)-?")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's own options."""
    add_options(parser.getgroup("daemontools conformance").addoption)


def add_options(add: Callable[..., object]) -> None:
    """Add each option by `add`, which takes what argparse's add_argument takes."""
    add(
        "--implementation",
        default="reference",
        metavar="NAME[=DIR]|DIR|FILE.toml",
        help="what is judged: a shipped profile (of the programs in DIR), "
        "a folder of programs, or a profile file",
    )
    add("--program", action="append", default=[], help="only clauses of this program")
    add("--clause", action="append", default=[], help="only clauses that begin so")
    add("--level", default="", help="only clauses of this level, e.g. promised")
    add(
        "--quick",
        action="store_true",
        help="one quick test of each clause that is PROMISED or CODE, none marked slow",
    )
    add("--report", type=Path, default=None, metavar="DIR", help="write results here")
    add("--patience", type=float, default=1.0, help="multiply all deadlines by this")
    add("--repeat", type=int, default=1, metavar="N", help="run each test N times; mixed: FLAKY")
    heavy.add_options(add)


def pytest_configure(config: pytest.Config) -> None:
    """Find the implementation, once for all workers, and start to listen."""
    config.addinivalue_line("markers", "clause(id): the clause that this test checks")
    config.addinivalue_line("markers", "needs(what): what the machine must offer for this test")
    config.addinivalue_line("markers", "slow: left out by --quick")
    config.addinivalue_line("markers", "heavy(kind): left out unless --heavy KIND asks for it")
    heavy.settle_seed(config)
    config.pluginmanager.register(Conformance(config), _NAME)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`--repeat N` runs each test N times."""
    times = metafunc.config.getoption("repeat")
    if times > 1:
        metafunc.fixturenames.append("_repetition")
        ids = [f"repetition{number}" for number in range(1, times + 1)]
        metafunc.parametrize("_repetition", range(1, times + 1), ids=ids)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """What was expected and what was seen, with bytes in hex."""
    return failure.compared(op, left, right)


class Conformance:
    """The state of one run: the implementation, the results, the judgement."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        worker = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        try:
            self.clauses = clauses.load()
            self.profile: Profile = find(config.getoption("implementation"))
            if worker:
                self.scratch = Path(worker["conformance_scratch"])
                self.implementation = _unpacked(self.profile, worker["conformance_folders"])
            else:
                check_profile(self.profile, self.clauses)
                _check_asked(config, self.clauses)
                _check_tests(config, self.clauses)
                self.scratch = Path(tempfile.mkdtemp(prefix="daemontools-conformance-"))
                self.scratch.chmod(0o755)
                self.implementation = locate(self.profile, self.scratch)
        except (ProfileError, clauses.SpecError) as error:
            raise pytest.UsageError(str(error)) from error
        set_factor(self.profile.patience * config.getoption("patience"))
        become_subreaper()
        pass_on_no_ignored_signal(is_worker=self.is_worker)
        given: Path | None = config.getoption("report")
        self.report = config.invocation_params.dir / given if given else None
        if self.report and not worker:
            _make_ready(self.report)
        # What hypothesis keeps goes where everything of ours goes, and not into the user's folder.
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(self.scratch / "hypothesis"))
        self.results: list[TestResult] = []
        self.unclaimed: dict[str, str] = {}  # tests whose worker died, with what pytest says
        self.collected: dict[str, str] = {}
        self.selections: list[Selection] = []
        self.asked = 0  # tests that were handed out; workers that are interrupted tell no more

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist starts a worker: tell it where the programs are."""
        peer = self.implementation.peer
        folders = [str(self.implementation.folder), str(peer.folder) if peer else ""]
        node.workerinput["conformance_folders"] = folders
        node.workerinput["conformance_scratch"] = str(self.scratch)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """A worker knows what there is to do."""
        self.asked = len(ids)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Say what is judged; a whole run takes minutes."""
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter and not self.is_worker:
            what = f"{self.profile.name}, {self.profile.title}" if self.profile.title else ""
            where = f"programs in {self.implementation.folder}"
            reporter.write_line(f"{what or self.profile.name}: {where}")

    # Selection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Apply the selection; in a worker, the longest tests come first."""
        kind = config.getoption("heavy")
        items[:] = [item for item in items if kind or not heavy.kind_of(item)]
        self.collected = {item.nodeid: _clause_of(item) for item in items}
        took = results.durations(self.profile.name)
        chosen = heavy.sampled([item for item in items if self._is_chosen(item)], config)
        if config.getoption("quick"):
            demanded = {id_ for id_, c in self.clauses.items() if c.level in ("PROMISED", "CODE")}
            chosen = _one_of_each_clause([i for i in chosen if _clause_of(i) in demanded], took)
        kept = set(chosen)
        if left_out := [item for item in items if item not in kept]:
            config.hook.pytest_deselected(items=left_out)
        items[:] = chosen
        if self.is_worker:
            usual = {item: 20.0 if _is_slow(item) else 1.0 for item in items}
            items[:] = _mixed({item: took.get(item.nodeid, usual[item]) for item in items})

    def _is_chosen(self, item: pytest.Item) -> bool:
        option = self.config.getoption
        id_ = _clause_of(item)
        return (
            index.is_wanted(id_, option("program"), option("clause"))
            and heavy.kind_of(item) == option("heavy")
            and (not option("level") or self.clauses[id_].level == option("level").upper())
            and not (option("quick") and _is_slow(item))
        )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Now -k and its like have had their say too."""
        chosen = {item.nodeid: _clause_of(item) for item in session.items}
        left_out = {c for test, c in self.collected.items() if test not in chosen}
        if self.collected:
            self.selections.append(Selection(chosen, frozenset(left_out)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker has ended: what it had selected."""
        output = getattr(node, "workeroutput", {}).get(_PROPERTY)
        if output and not error:
            chosen, left_out = output
            self.selections.append(Selection(chosen, frozenset(left_out)))

    # One test

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """What is not offered is not run; a test whose needs are not met here is UNTESTED."""
        program = _clause_of(item).split("/", maxsplit=1)[0]
        if program in self.profile.not_offered:
            raise NotOffered(f"{self.profile.name} does not offer {program}")
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
        if report.when == "teardown" and item.stash.get(_HAS_FALLEN, False):
            report.outcome = "passed"  # one report for one failure
            return
        item.stash[_HAS_FALLEN] = call.excinfo is not None
        error = call.excinfo.value if call.excinfo else None
        outcome, detail = self._judged(item, outcome_of(error, report.when), error)
        if outcome in (Outcome.NOT_OFFERED, Outcome.UNTESTED) and error:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"{outcome}: {detail}")
        elif error and not outcome.fell_short:
            report.outcome = "skipped"
            report.wasxfail = detail
        elif error and call.excinfo:
            self._describe(item, report, outcome, call.excinfo)
        where = self._evidence(item)
        kept = self.report is not None or item.stash.get(_FAILURE, "")
        result = {
            "test": _REPETITION.sub("", item.nodeid).replace("[]", ""),
            "clause": _clause_of(item),
            "outcome": int(outcome),
            "seconds": call.duration,
            "detail": detail,
            "evidence": str(where.relative_to(self._root())) if kept and _BOX in item.stash else "",
            "repetition": _repetition_of(item),
        }
        report.user_properties.append((_PROPERTY, result))

    def _judged(
        self, item: pytest.Item, outcome: Outcome, error: BaseException | None
    ) -> tuple[Outcome, str]:
        """The outcome in the light of the profile, and why."""
        clause = self.clauses[_clause_of(item)]
        expectation = self.profile.expect.get(clause.id)
        short = Outcome.FAIL <= outcome <= Outcome.CRASH
        if expectation and expectation.kind != "variant" and short:
            kind = "NOT_OFFERED" if expectation.kind == "not-offered" else "KNOWN_BUG"
            return Outcome[kind], expectation.reason
        if expectation and outcome == Outcome.PASS and "variant" in _fixtures_of(item):
            return Outcome.VARIANT, expectation.reason
        if short and is_newer(clause.since, self.profile.suite_version):
            return Outcome.NEW, f"the clause is newer than {self.profile.suite_version}: {error}"
        return outcome, str(error) if error else ""

    def _describe(
        self,
        item: pytest.Item,
        report: pytest.TestReport,
        outcome: Outcome,
        excinfo: pytest.ExceptionInfo[BaseException],
    ) -> None:
        """Put a bug report in the place of pytest's traceback (unless --tb asks for that too)."""
        box = item.stash.get(_BOX, None)
        clause = self.clauses[_clause_of(item)]
        where = item.nodeid
        if inside := [entry for entry in excinfo.traceback if Path(entry.path) == item.path]:
            line = str(inside[-1].statement).strip().splitlines()[0]
            where = f"{item.nodeid} (line {inside[-1].lineno + 1}: {line})"
        problem = str(excinfo.value) or type(excinfo.value).__name__
        if not isinstance(excinfo.value, AssertionError):
            problem = f"{type(excinfo.value).__name__}: {problem}"
        script = box.replay(f"{clause.id}: {clause.text}") if box else ""
        kept = self._evidence(item) if box else None
        text = failure.report(clause, outcome, problem, where, script, kept)
        if outcome == Outcome.HARNESS_ERROR or self.config.getoption("tbstyle") != "auto":
            text = f"{text}\n\n{report.longreprtext}"
        item.stash[_FAILURE] = text
        if kept and kept.exists():  # the sandbox is closed already
            (kept / "failure.txt").write_text(text + "\n")
        report.longrepr = text

    def _root(self) -> Path:
        return self.report or self.scratch

    def _evidence(self, item: pytest.Item) -> Path:
        return evidence.place(self._root(), _clause_of(item), item.nodeid)

    def keep_evidence(self, item: pytest.Item, box: Sandbox, *, crashed: bool) -> None:
        """At the end of a test: keep what it left, if asked to or if it fell short."""
        failed = item.stash.get(_FAILURE, "")
        crashed = crashed and not item.stash.get(_HAS_FALLEN, False)
        if not (self.report or failed or crashed):
            return
        clause = self.clauses[_clause_of(item)]
        script = box.replay(f"{clause.id}: {clause.text}")
        where = self._evidence(item)
        evidence.keep(where, box.evidence, box.journal, box.files(), script, failed)

    # The end

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the outcomes; with xdist they arrive here from the workers."""
        packed = [value for name, value in report.user_properties if name == _PROPERTY]
        for value in packed:
            facts: dict[str, Any] = dict(value)  # type: ignore[call-overload]
            outcome = Outcome(facts.pop("outcome"))
            self.results.append(TestResult(outcome=outcome, **facts))
        if report.failed and not packed:
            self.unclaimed[report.nodeid] = report.longreprtext

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge: an unexpected cell, a run cut short, or nothing at all, is a failure."""
        if self.is_worker:
            selection = self.selections[0] if self.selections else Selection({}, frozenset())
            output = (dict(selection.chosen), sorted(selection.left_out))
            self.config.workeroutput[_PROPERTY] = output  # type: ignore[attr-defined]
            return
        if session.config.getoption("collectonly"):
            return
        self.run = self._finished_run(session)
        if session.exitstatus == pytest.ExitCode.OK and not self.run.is_success:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.run = results.with_exit_status(self.run, int(session.exitstatus))
        if self.report:
            write_all(self.run, self.report)

    def _finished_run(self, session: pytest.Session) -> results.Run:
        chosen = {t: c for selection in self.selections for t, c in selection.chosen.items()}
        left_out = {c for selection in self.selections for c in selection.left_out}
        chosen = {_REPETITION.sub("", test).replace("[]", ""): c for test, c in chosen.items()}
        functions = {test.split("[")[0] for test in chosen}
        kind = self.config.getoption("heavy")
        others = [
            test
            for test in index.of_suite()
            if test.id not in functions and (kind or not test.heavy)
        ]
        left_out |= {
            clause for clause, tests in index.by_clause(others, self.clauses).items() if tests
        }
        for test, text in self.unclaimed.items():
            name = _REPETITION.sub("", test).replace("[]", "")
            if clause := chosen.get(name):
                died = TestResult(name, clause, Outcome.HARNESS_ERROR, detail=text)
                self.results.append(died)
        finished = settled(self.results)
        missing = lost(Selection(chosen, frozenset()), (result.test for result in finished))
        unfinished = {result.clause for result in missing}
        found = cells(finished)
        complete = frozenset(found) - left_out - unfinished
        return results.Run(
            implementation=self.implementation,
            clauses=self.clauses,
            tests=tuple(finished),
            cells=found,
            selected=len(chosen) or self.asked,
            lost=tuple(result.test for result in missing),
            is_partial=bool(left_out),
            complete=complete,
            surprises=tuple(surprises(found, self.profile.expect, complete)),
            options=tuple(str(word) for word in session.config.invocation_params.args),
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The table program x outcome, and what was not expected."""
        if run := getattr(self, "run", None):
            terminalreporter.section(f"clauses: {self.profile.name}")
            kept = self.scratch / "evidence"
            where = self.report or (kept if kept.exists() else None)
            for line in summary.lines(run, where):
                terminalreporter.write_line(line)
            if self.config.getoption("heavy"):
                seed = self.config.getoption("seed")
                terminalreporter.write_line(f"--seed {seed} makes the same choices")

    def pytest_unconfigure(self) -> None:
        """Remove the scratch folder unless it holds evidence of failures."""
        if not self.is_worker and not (self.scratch / "evidence").exists():
            shutil.rmtree(self.scratch, ignore_errors=True)


def _make_ready(report: Path) -> None:
    """The report's folder, without the evidence of an earlier report. Raises UsageError."""
    try:
        report.mkdir(parents=True, exist_ok=True)
        if (report / "results.jsonl").exists():
            shutil.rmtree(report / "evidence", ignore_errors=True)
    except OSError as error:
        raise pytest.UsageError(f"--report {report}: {error.strerror}") from error


def _check_asked(config: pytest.Config, known: Mapping[str, clauses.Clause]) -> None:
    """Is there what is asked for? Raises UsageError, with what may have been meant."""
    option = config.getoption
    programs = {clause.program for clause in known.values()}
    levels = {clause.level.lower() for clause in known.values()}
    wrong = [("program", word, programs) for word in option("program") if word not in programs]
    wrong += [
        ("clause", word, set(known))
        for word in option("clause")
        if not any(id_.startswith(word) for id_ in known)
    ]
    if option("level") and option("level").lower() not in levels:
        wrong.append(("level", option("level"), levels))
    for what, word, names in wrong:
        near = difflib.get_close_matches(word, names, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise pytest.UsageError(f"there is no {what} {word}{hint}")


def _check_tests(config: pytest.Config, known: dict[str, clauses.Clause]) -> None:
    """Has every test that may be wanted exactly one clause that exists? Raises UsageError."""
    option = config.getoption
    ordinary = {test.clause for test in index.of_suite() if not test.heavy}
    for test in index.of_suite():
        where = f"{test.file.name}:{test.line}: {test.function}"
        if len(test.clauses) != 1:
            raise pytest.UsageError(f"{where}: a test has exactly one clause")
        if (
            test.clause not in known
            and "*" not in test.clause
            and index.is_wanted(test.clause, option("program"), option("clause"))
        ):
            raise pytest.UsageError(f"{where}: there is no clause {test.clause}")
        if test.heavy and not (test.clause in ordinary or _is_meant(test.clause, ordinary)):
            raise pytest.UsageError(f"{where}: {test.clause} has no ordinary test")


def _is_meant(clause: str, patterns: Iterable[str]) -> bool:
    """Does the clause of a test whose parameters carry it stand for this one?"""
    return any(fnmatch.fnmatch(clause, pattern) for pattern in patterns if "*" in pattern)


def _unpacked(profile: Profile, folders: list[str]) -> Implementation:
    """The implementation as the controller found it."""
    own, lent = folders
    peer = Implementation(find(profile.peer), Path(lent)) if lent else None
    return Implementation(profile, Path(own), peer)


def outcome_of(error: BaseException | None, when: str | None) -> Outcome:
    """What an exception (or none) in a phase of a test says about the implementation."""
    if type(error).__module__.startswith("pexpect"):
        return Outcome.TIMEOUT if type(error).__name__ == "TIMEOUT" else Outcome.FAIL
    match error:
        case None:
            return Outcome.PASS
        case NotOffered():
            return Outcome.NOT_OFFERED
        case Unavailable() | pytest.skip.Exception():
            return Outcome.UNTESTED
        case Crashed():
            return Outcome.CRASH
        case Hung() | TooLate():
            return Outcome.TIMEOUT
        case AssertionError() | pytest.fail.Exception() if when == "call":
            return Outcome.FAIL
        case OSError() | ValueError() | LookupError() if when == "call":
            # What the test looked for is not there, or is not what it should be.
            return Outcome.FAIL
        case _:
            return Outcome.HARNESS_ERROR


def is_newer(since: str, suite_version: str) -> bool:
    """Was the clause written after the suite version that a profile was written for?"""

    def numbers(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split("."))

    return bool(suite_version) and numbers(since) > numbers(suite_version)


def _one_of_each_clause(items: list[pytest.Item], took: Mapping[str, float]) -> list[pytest.Item]:
    """For --quick: the quickest test of each clause, as far as is known; none of seconds."""
    quickest: dict[str, pytest.Item] = {}
    for item in sorted(items, key=lambda item: took.get(item.nodeid, 0.5)):
        quickest.setdefault(_clause_of(item), item)
    kept = {item for item in quickest.values() if took.get(item.nodeid, 0.5) < _QUICK_SECONDS}
    return [item for item in items if item in kept]


def _mixed(seconds: Mapping[pytest.Item, float]) -> list[pytest.Item]:
    """The longest tests first, and among them, evenly, those that hardly wait.

    A long test only waits, a short one needs the processor: each kind alone would
    leave half of the machine idle. xdist begins with two consecutive tests for each
    worker, and the second waits for the first: so no two long ones stand together.
    """
    longest_first = sorted(seconds, key=lambda item: -seconds[item])
    long = [item for item in longest_first if seconds[item] >= _LONG_SECONDS]
    short = longest_first[len(long) :]
    mixed = []
    for place, item in enumerate(long):
        mixed.append(item)
        mixed += short[place * len(short) // len(long) : (place + 1) * len(short) // len(long)]
    return mixed or short


def _clause_of(item: pytest.Item) -> str:
    mark = item.get_closest_marker("clause")
    assert mark is not None
    return str(mark.args[0])


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _repetition_of(item: pytest.Item) -> int:
    found = _REPETITION.search(item.nodeid)
    return int(found[1]) if found else 0


def _fixtures_of(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", []))


def _session(request: pytest.FixtureRequest) -> Conformance:
    session = request.config.pluginmanager.get_plugin(_NAME)
    assert isinstance(session, Conformance)
    return session


@pytest.fixture
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """The implementation under test."""
    return _session(request).implementation


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, implementation: Implementation) -> Iterator[Sandbox]:
    """A folder of its own for the test; whatever it started is gone afterwards."""
    session = _session(request)
    parent = Path(tempfile.mkdtemp(prefix="t", dir=session.scratch))
    parent.chmod(0o755)
    box = Sandbox(implementation, parent / "box", _clause_of(request.node).split("/")[0])
    request.node.stash[_BOX] = box
    crashed = True
    try:
        yield box
        box.close()
        crashed = False
    finally:
        session.keep_evidence(request.node, box, crashed=crashed)
        box.remove()
        shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def variant(request: pytest.FixtureRequest) -> str:
    """The variant that the profile declares for this test's clause; "" for plain 0.76.

    A test that takes it checks the variant by its value:

        assert result.code == {"": 111, "debian": 0}[variant]
    """
    expectation = _session(request).profile.expect.get(_clause_of(request.node))
    return expectation.seen if expectation and expectation.kind == "variant" else ""
