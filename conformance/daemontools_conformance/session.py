"""The state of one run: what it judges, what it chose, what it saw.

A worker has a copy of it. Only the process that has collected the tests judges.
"""

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import demands
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import Profile, find
from daemontools_conformance.hope import Hope
from daemontools_conformance.judging import run
from daemontools_conformance.judging.cells import TestResult
from daemontools_conformance.judging.failure import Failure
from daemontools_conformance.reports import REPORTS
from daemontools_conformance.running import evidence, needs, scratch
from daemontools_conformance.running.bounds import has_room_in_memory
from daemontools_conformance.running.implementation import locate, not_located
from daemontools_conformance.running.orphans import end_all_but
from daemontools_conformance.running.processes import children
from daemontools_conformance.running.removal import remove
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.selection import choice
from daemontools_conformance.selection.options import Asked, CannotRun
from daemontools_conformance.selection.tests import name_of_test, of_suite

_MEMORY = Path("/dev/shm")  # a file system in memory, on Linux


class Session:
    """A run from its beginning to its verdict.

    Raises ProfileError, SpecError, CannotRun.
    """

    def __init__(
        self,
        name: str,
        asked: Asked,
        report: Path | None,
        *,
        only_looks: bool = False,  # --collect-only: no program is started
    ) -> None:
        self._spared = children()
        self.asked = asked
        self.report = report
        self.clauses = clauses.load()
        self.profile = _as_here(find(name))
        self.demands = demands(self.profile, self.clauses)
        choice.check_asked(asked, self.clauses)
        choice.check_tests(of_suite(), asked, self.clauses)
        self.owner = os.getpid()  # who removes the scratch folder
        self.scratch = scratch.make(Path(tempfile.gettempdir()))
        self.ground = _ground(self.scratch, asked)  # where each test has its folder
        found = not_located if only_looks else locate
        self.implementation = found(self.profile, self.scratch)
        if not only_looks:
            if report:
                _make_ready(report)
            for parent in {self.scratch.parent, _MEMORY}:
                scratch.remove_left_behind(parent)
        # hypothesis writes to our scratch folder too, not to the user's working directory.
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(self.scratch / "hypothesis"))
        self.collected: dict[str, str] = {}  # test -> clause
        self.choices: list[choice.Choice] = []
        self.hope = Hope(self.clauses)
        self.results: list[TestResult] = []
        self.unclaimed: dict[str, str] = {}  # tests whose worker died, with pytest's message

    # Evidence

    @property
    def root(self) -> Path:
        """The folder that holds all evidence."""
        return self.report or self.scratch

    def place(self, clause: str, test: str) -> Path:
        """The folder for the evidence of a test."""
        return evidence.place(self.root, clause, test)

    def describe(
        self, failure: Failure, test: str, box: Sandbox | None, more: str
    ) -> tuple[str, str]:
        """The bug report for the terminal, and the whole one, which joins the evidence.

        If the evidence has been written already, the report is added to it here.
        """
        kept = self.place(failure.clause.id, test) if box else None
        script = box.replay(failure.clause.title) if box else ""
        short, whole = (
            "\n\n".join(filter(None, [failure.report(script, kept, is_whole=is_whole), more]))
            for is_whole in (False, True)
        )
        if kept and kept.exists():  # the sandbox is closed already
            (kept / "failure.txt").write_text(whole + "\n")
        return short, whole

    # The end

    def choose(self, chosen: Mapping[str, str]) -> None:
        """Note which of the collected tests run."""
        left_out = {clause for test, clause in self.collected.items() if test not in chosen}
        if self.collected:
            self.choices.append(choice.Choice(chosen, frozenset(left_out)))

    def finished(self, options: Sequence[str]) -> run.Run:
        """The run and its verdict."""
        whole = choice.together(self.choices, of_suite(), self.asked, self.clauses)
        chosen = {name_of_test(test): clause for test, clause in whole.chosen.items()}
        died = [
            TestResult(
                name_of_test(test), chosen[name_of_test(test)], Outcome.HARNESS_ERROR, detail=text
            )
            for test, text in self.unclaimed.items()
            if name_of_test(test) in chosen
        ]
        judged = run.finished(
            self.implementation, self.demands, self.results + died, chosen, whole.left_out
        )
        return replace(judged, options=tuple(options))

    def clean(self) -> None:
        """End what a worker that was killed has left, and remove the scratch folder unless it
        holds evidence of failures.
        """
        if os.getpid() != self.owner:
            return
        with contextlib.suppress(TimeoutError):
            end_all_but(self._spared)
        for folder in (self.scratch, self.ground):
            with contextlib.suppress(OSError):
                scratch.tidy(folder)


def _ground(run: Path, asked: Asked) -> Path:
    """The folder for those of the tests: in memory if the machine has much, else that of the run.

    A run makes and removes a hundred thousand files. A disk takes a fifth of the run for
    that. Heavy tests may need more room, and TMPDIR is a choice to obey.
    """
    if not asked.heavy and "TMPDIR" not in os.environ and has_room_in_memory(_MEMORY):
        return scratch.make(_MEMORY)
    ground = run / "tests"
    ground.mkdir()
    ground.chmod(0o755)
    return ground


def _as_here(profile: Profile) -> Profile:
    """The profile without the expectations that hold on other machines only."""
    of_elsewhere = {
        clause
        for clause, expected in profile.expect.items()
        if expected.without_need and not needs.missing(expected.without_need)
    }
    kept = {clause: e for clause, e in profile.expect.items() if clause not in of_elsewhere}
    return replace(profile, expect=kept)


def _make_ready(report: Path) -> None:
    """The report's folder, without evidence from an earlier run. Raises CannotRun."""
    try:
        report.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(report / "results.jsonl"):
            for name in REPORTS:  # a run that is killed must not leave an older verdict
                (report / name).unlink(missing_ok=True)
            remove(report / "evidence")
    except OSError as error:
        raise CannotRun(f"--report {report}: {error.strerror}") from error
