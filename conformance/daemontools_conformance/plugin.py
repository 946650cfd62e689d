"""The pytest plugin: the suite's options, and a translation between pytest's words and ours.

The suite is ordinary pytest: -k, -x, -n and the rest work as always. This module
decides nothing. Its hooks ask `selection` what to run, `judging` for the outcome,
and `reports` to write the results.

The tests run in workers, which are forks of the process that has collected them. Each
test's outcome reaches that process with the test's report.
"""

import copy
import linecache
import os
import random
import sys
from collections import Counter
from collections.abc import Generator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from daemontools_conformance import workers
from daemontools_conformance.contract import vectors
from daemontools_conformance.contract.clauses import SpecError
from daemontools_conformance.contract.outcomes import Crashed, NotOffered, Outcome, Unavailable
from daemontools_conformance.contract.plain import plain
from daemontools_conformance.contract.profiles import ProfileError
from daemontools_conformance.judging import cause, failure
from daemontools_conformance.judging.cells import TestResult, packed, unpacked
from daemontools_conformance.judging.run import Run
from daemontools_conformance.judging.verdict import outcome_of, verdict
from daemontools_conformance.reports import committed, summary, write_all
from daemontools_conformance.running import needs, orphans, prepare
from daemontools_conformance.running.patience import set_factor, wait_at_most
from daemontools_conformance.running.processes import pass_on_no_ignored_signal
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.waking import keep_awake
from daemontools_conformance.selection import choice
from daemontools_conformance.selection.options import Asked, CannotRun, add_options
from daemontools_conformance.selection.tests import is_test, name_of_test, repetition_of
from daemontools_conformance.session import Session

pytest_plugins = ["daemontools_conformance.pytest_fixtures"]

# A false assertion of a module beside the tests says what was seen, too. (If one is imported
# already, it is too late, and pytest would warn.)
_BESIDE = {"daemontools_conformance.tests", "daemontools_conformance.faults"}
pytest.register_assert_rewrite(*_BESIDE.difference(sys.modules))
_PARCEL = "daemontools_conformance"  # the name under which results and choices travel
# pytest's options of a run that starts no program, and so must not run a profile's `setup` either.
_LOOKS = (
    "collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test",
    "cacheshow", "setupplan",
)  # fmt: skip
_MANY = 100  # tests, for which compiling a program is worth its time
SESSION: pytest.StashKey[Session] = pytest.StashKey()
BOX: pytest.StashKey[Sandbox] = pytest.StashKey()  # of a test: its sandbox
FAILURE: pytest.StashKey[str] = pytest.StashKey()  # of a test: the bug report
COMPARED: pytest.StashKey[tuple[str, object, object, str]] = pytest.StashKey()  # the last one
UMASK = 0o022  # of every test
HAS_FAILED: pytest.StashKey[bool] = pytest.StashKey()  # of a test: did a phase of it raise?


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's own options."""
    # addoption refuses every option of one small letter, and people know -n from xdist.
    add_options(parser.getgroup("daemontools conformance")._addoption)  # noqa: SLF001


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Find the implementation, once for all workers, and register the hooks."""
    config.addinivalue_line("markers", "clause(id): the clause that this test checks")
    config.addinivalue_line("markers", "needs(what): what this test needs from the machine")
    config.addinivalue_line("markers", "slow: --quick leaves this test out")
    config.addinivalue_line("markers", "heavy(kind): only --heavy KIND runs this test")
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(1_000_000)
    session = config.stash[SESSION] = _begun(config)
    # pytest's own choice, below /tmp, may be somebody else's by now
    config.option.basetemp = str(session.scratch / "pytest")
    set_factor(session.profile.patience * config.getoption("patience"))
    keep_awake()
    orphans.prepare(is_worker=False)
    pass_on_no_ignored_signal(is_worker=False)
    config.pluginmanager.register(Conformance(config, session))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each vector of its clause, and N times for `--repeat N`."""
    if "vector" in metafunc.fixturenames:
        found = vectors.of(clause_of(metafunc.definition))
        metafunc.parametrize("vector", found, ids=[vector.why for vector in found])
    times = metafunc.config.getoption("repeat")
    if times > 1:
        metafunc.fixturenames.append("_repetition")
        ids = [f"repetition{number}" for number in range(1, times + 1)]
        metafunc.parametrize("_repetition", range(1, times + 1), ids=ids)


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Show what was expected and what was seen, with bytes in hex; keep both for the cause."""
    lines = failure.compared(op, left, right)
    config.stash[COMPARED] = (op, left, right, lines[-1].strip() if lines else "")
    return lines


class Conformance:
    """The hooks that share the session."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self.config = config
        self.session = session
        self.run: Run | None = None
        self.wants_tracebacks = config.option.tbstyle != "auto"
        if not self.wants_tracebacks:  # pytest makes one for each failure: let it be a cheap one
            config.option.tbstyle = "native"

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Say what this run judges, since a whole run takes minutes."""
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            profile = self.session.profile
            what = f"{profile.name}, {profile.title}" if profile.title else profile.name
            reporter.write_line(f"{what}: programs in {self.session.implementation.folder}")

    # Selection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep the tests that the options ask for."""
        asked = self.session.asked
        of = {_candidate(item): item for item in items}
        candidates = [one for one in of if asked.heavy or not one.heavy]
        self.session.collected = {one.test: one.clause for one in candidates}
        chosen = choice.chosen(candidates, asked, self.session.clauses, committed.durations())
        kept = set(chosen)
        if left_out := [of[one] for one in candidates if one not in kept]:
            config.hook.pytest_deselected(items=left_out)
        items[:] = [of[one] for one in chosen]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the chosen tests, now that -k and similar options have been applied."""
        self.session.choose({item.nodeid: clause_of(item) for item in session.items})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the tests in workers, which a program may kill; with -n 0 pytest does it."""
        option = self.config.option
        number = min(self.session.asked.workers_for(len(session.items)), len(session.items))
        if number < 1 or option.collectonly or option.usepdb or session.testsfailed:
            os.umask(UMASK)
            return None
        of = {_candidate(item): item for item in session.items}
        order = [of[one] for one in choice.in_order(list(of), committed.durations())]
        for item in order:  # each worker would ask the machine again
            _unmet_needs(item)
        if len(order) >= _MANY:
            prepare.compile_in(self.session.scratch)
        workers.run(session, order, number, _begin_worker)
        return True

    # One test

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Raise NotOffered or Unavailable if the test cannot run here."""
        profile = self.session.profile
        program = self.session.clauses[clause_of(item)].program
        if program in profile.not_offered:
            raise NotOffered(f"{profile.name} does not offer {program}")
        for why in _unmet_needs(item):
            raise Unavailable(why)
        clause, usual = clause_of(item), committed.durations().get(item.nodeid, 0.0)
        wait_at_most(self.session.hope.longest_wait(clause, usual))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Raise NotOffered or Unavailable after a test that asked for an absent program."""
        try:
            return (yield)
        finally:
            if BOX in item.stash:
                item.stash[BOX].check_none_was_absent()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[None]"
    ) -> Generator[None, Any, None]:
        """Ask for the verdict, translate it for pytest, and attach the result."""
        hook = yield
        report: pytest.TestReport = hook.get_result()
        if call.excinfo is None and report.when != "call":
            return
        if report.when == "teardown" and item.stash.get(HAS_FAILED, False):
            report.outcome = "passed"  # one report for one failure
            return
        item.stash[HAS_FAILED] = call.excinfo is not None
        error = _error(item, call.excinfo.value) if call.excinfo else None
        outcome, why = verdict(
            self.session.demands[clause_of(item)],
            error,
            in_test=report.when == "call",
            takes_variant="variant" in getattr(item, "fixturenames", []),
        )
        if outcome == Outcome.PASS or outcome_of(error, in_test=True) == Outcome.TIMEOUT:
            self.session.hope.note(clause_of(item), in_vain=outcome != Outcome.PASS)
        if call.excinfo:
            self._translate(item, report, call.excinfo, outcome, why)
        kept = BOX in item.stash and (self.session.report or FAILURE in item.stash)
        place = self.session.place(clause_of(item), item.nodeid)
        result = TestResult(
            test=name_of_test(item.nodeid),
            clause=clause_of(item),
            outcome=outcome,
            seconds=call.duration,
            detail=why,
            evidence=str(place.relative_to(self.session.root)) if kept else "",
            repetition=repetition_of(item.nodeid),
        )
        if call.excinfo and outcome >= Outcome.NEW:
            result = self._explained(result, item, call.excinfo)
        report.user_properties.append((_PARCEL, packed(result)))

    def _explained(
        self, result: TestResult, item: pytest.Item, excinfo: "pytest.ExceptionInfo[BaseException]"
    ) -> TestResult:
        """The result with its cause, and with what was expected and seen."""
        error, compared = _error(item, excinfo.value), None
        op, seen, expected, last = self.config.stash.get(COMPARED, ("", None, None, ""))
        if last and last in str(excinfo.value):  # and not of an assertion that a wait forgave
            compared = cause.Compared(op, seen, expected, _line_of_test(item, excinfo))
        return replace(
            result,
            cause=cause.cause(compared, error) or self.session.clauses[result.clause].cause,
            difference=cause.difference(compared, error),
        )

    def _translate(
        self,
        item: pytest.Item,
        report: pytest.TestReport,
        excinfo: "pytest.ExceptionInfo[BaseException]",
        outcome: Outcome,
        why: str,
    ) -> None:
        """Mark the report skipped, xfailed, or failed with a bug report instead of a traceback."""
        if outcome in (Outcome.NOT_OFFERED, Outcome.UNTESTED):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"{outcome}: {why}")
        elif not outcome.fell_short:
            report.outcome = "skipped"
            report.wasxfail = why
        else:
            more = self.wants_tracebacks or outcome == Outcome.HARNESS_ERROR
            error, where = _error(item, excinfo.value), _line_of_test(item, excinfo)
            report.longrepr, item.stash[FAILURE] = self.session.describe(
                failure.Failure(self.session.clauses[clause_of(item)], outcome, error, where),
                item.nodeid,
                item.stash.get(BOX, None),
                more=report.longreprtext if more else "",
            )

    # The end

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the outcomes; they arrive here from the workers."""
        parcels: list[Any] = [v for name, v in report.user_properties if name == _PARCEL]
        self.session.results += [unpacked(parcel) for parcel in parcels]
        if report.failed and not parcels:
            self.session.unclaimed[report.nodeid] = report.longreprtext

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if a cell is unexpected, if tests are missing, or if nothing ran."""
        if not session.config.getoption("collectonly"):
            run = self.session.finished([str(w) for w in session.config.invocation_params.args])
            if session.exitstatus == pytest.ExitCode.OK and not run.is_success:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self.run = replace(run, exit_status=int(session.exitstatus))
            if self.session.report:
                write_all(self.run, self.session.report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        """Print some failures in full, the table program x outcome, and what is unexpected."""
        whole = {kind: terminalreporter.getreports(kind) for kind in ("failed", "error")}
        for kind, reports in whole.items():
            if reports:
                terminalreporter.stats[kind] = self._in_full(reports)
        yield
        terminalreporter.stats.update({kind: reports for kind, reports in whole.items() if reports})
        if self.run:
            terminalreporter.section(f"clauses: {self.session.profile.name}")
            kept = self.session.scratch / "evidence"
            where = self.session.report or (kept if kept.exists() else None)
            for line in summary.told(self.run, where):
                terminalreporter.write_line(plain(line))
            if self.session.asked.heavy or self.run.surprises:
                seed = self.session.asked.seed
                terminalreporter.write_line(f"--seed {seed} repeats these random choices")

    def _in_full(self, reports: list[Any]) -> list[Any]:
        """The reports to print; the last of each clause says how many are not printed."""
        facts = [_clause_and_cause(report) for report in reports]
        chosen = summary.in_full(facts)
        others = Counter(facts[n][0] for n in {*range(len(facts))} - {*chosen})
        last = {facts[number][0]: number for number in chosen}
        printed = {number: copy.copy(reports[number]) for number in chosen}
        for clause, number in last.items():
            if hidden := others.pop(clause, 0):
                cell = self.run.cells.get(clause) if self.run else None
                place = self.session.place(clause, reports[number].nodeid).parent
                states = cell.short("").states if cell else ""
                more = summary.left_out(clause, hidden, states, place)
                printed[number].longrepr = f"{reports[number].longreprtext}\n{more}"
        if others:
            more = f"and {others.total()} more failures, of {len(others)} other clauses"
            end = printed[chosen[-1]]
            end.longrepr = f"{end.longreprtext}\n{more}: the summary names them"
        return [*printed.values()]

    def pytest_unconfigure(self) -> None:
        """Remove everything but the evidence of failures."""
        self.session.clean()
        prepare.program = None  # the next run of this process makes its own


def _begun(config: pytest.Config) -> Session:
    """The session that the options ask for. Raises UsageError."""
    asked = Asked(**{field.name: config.getoption(field.name) for field in fields(Asked)})
    given: Path | None = config.getoption("report")
    report = config.invocation_params.dir / given if given else None
    if others := [word for word in config.args if not is_test(word)]:
        raise pytest.UsageError(f"{others[0]} holds no tests: did you mean --implementation?")
    try:
        only_looks = any(config.getoption(name, default=False) for name in _LOOKS)
        return Session(config.getoption("implementation"), asked, report, only_looks=only_looks)
    except (ProfileError, SpecError, CannotRun) as error:
        raise pytest.UsageError(str(error)) from error


def _unmet_needs(item: pytest.Item) -> list[str]:
    """Why the test cannot run on this machine."""
    asked = [need for mark in item.iter_markers("needs") for need in mark.args]
    return [why for need in asked if (why := needs.missing(need))]


def _begin_worker() -> None:
    os.umask(UMASK)  # not in the main process, whose report its user may want closed
    keep_awake()
    orphans.prepare(is_worker=True)
    pass_on_no_ignored_signal(is_worker=True)


def clause_of(item: pytest.Item) -> str:
    """The id of the clause that the test checks."""
    mark = item.get_closest_marker("clause")
    assert mark is not None
    return str(mark.args[0])


def _candidate(item: pytest.Item) -> choice.Candidate:
    heavy = item.get_closest_marker("heavy")
    return choice.Candidate(
        test=item.nodeid,
        clause=clause_of(item),
        is_slow=item.get_closest_marker("slow") is not None,
        heavy=str(heavy.args[0]) if heavy else "",
    )


def _clause_and_cause(report: Any) -> tuple[str, str]:
    """What the failure is about; a report that the suite did not make stands for itself."""
    properties = getattr(report, "user_properties", ())
    results = [unpacked(value) for name, value in properties if name == _PARCEL]
    return (results[-1].clause, results[-1].cause) if results else (report.nodeid, "")


def _error(item: pytest.Item, error: BaseException) -> BaseException:
    """What the test raised, or the crash of a program that explains it."""
    found = _in_our_words(error)
    if BOX not in item.stash or isinstance(found, Crashed):
        return found
    try:
        item.stash[BOX].check_bounds()
        if isinstance(found, AssertionError | OSError | ValueError | LookupError):
            # A program that dies closes its input a moment before it has ended.
            item.stash[BOX].check_no_crash(2.0 if isinstance(found, BrokenPipeError) else 0.0)
    except Crashed as crash:
        return crash
    return found


def _in_our_words(error: BaseException) -> BaseException:
    """The suite's own exception for each of pytest's."""
    match error:
        case pytest.skip.Exception():
            return Unavailable(str(error))
        case pytest.fail.Exception():
            return AssertionError(str(error))
        case _:
            return error


def _line_of_test(item: pytest.Item, excinfo: "pytest.ExceptionInfo[BaseException]") -> str:
    """The test, and its line that raised."""
    inside = [entry for entry in excinfo.traceback if Path(entry.path) == item.path]
    if not inside:
        return item.nodeid
    number = inside[-1].lineno + 1
    return f"{item.nodeid} (line {number}: {linecache.getline(str(item.path), number).strip()})"
