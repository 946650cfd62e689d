"""The state of one run in one process: what it judges, what it chose, what it saw.

With xdist the tests run in workers. Each worker has its own session, made from
what the controller sends (`for_worker`). Only the controller judges.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.demands import demands
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.judging import run
from daemontools_conformance.judging.cells import TestResult
from daemontools_conformance.judging.failure import Failure
from daemontools_conformance.running import evidence
from daemontools_conformance.running.implementation import locate, located
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.selection import choice
from daemontools_conformance.selection.options import Asked, CannotRun
from daemontools_conformance.selection.tests import name_of_test, of_suite


class Session:
    """A worker's session if `told` is what a controller sends, else a controller's.

    Raises ProfileError, SpecError, CannotRun.
    """

    def __init__(
        self, name: str, asked: Asked, report: Path | None, told: Mapping[str, Any] | None
    ) -> None:
        self.is_worker = told is not None
        self.asked = asked
        self.report = report
        self.clauses = clauses.load()
        self.profile = find(name)
        self.demands = demands(self.profile, self.clauses)
        if told:
            self.scratch = Path(told["scratch"])
            self.implementation = located(self.profile, told["folders"])
        else:
            choice.check_asked(asked, self.clauses)
            choice.check_tests(of_suite(), asked, self.clauses)
            self.scratch = Path(tempfile.mkdtemp(prefix="daemontools-conformance-"))
            self.scratch.chmod(0o755)
            self.implementation = locate(self.profile, self.scratch)
            if report:
                _make_ready(report)
        # hypothesis writes to our scratch folder too, not to the user's working directory.
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(self.scratch / "hypothesis"))
        self.collected: dict[str, str] = {}  # test -> clause
        self.choices: list[choice.Choice] = []
        self.handed_out = 0  # tests; an interrupted worker reports nothing else
        self.results: list[TestResult] = []
        self.unclaimed: dict[str, str] = {}  # tests whose worker died, with pytest's message

    @property
    def for_worker(self) -> dict[str, Any]:
        """What the controller sends to a worker, in plain types."""
        return {"scratch": str(self.scratch), "folders": self.implementation.folders}

    # Evidence

    @property
    def root(self) -> Path:
        """The folder that holds all evidence."""
        return self.report or self.scratch

    def place(self, clause: str, test: str) -> Path:
        """The folder for the evidence of a test."""
        return evidence.place(self.root, clause, test)

    def describe(self, failure: Failure, test: str, box: Sandbox | None, more: str) -> str:
        """The bug report. If the evidence has been written, add the report to it."""
        kept = self.place(failure.clause.id, test) if box else None
        text = failure.report(box.replay(failure.clause.title) if box else "", kept)
        text = f"{text}\n\n{more}" if more else text
        if kept and kept.exists():  # the sandbox is closed already
            (kept / "failure.txt").write_text(text + "\n")
        return text

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
        selected = judged.selected or self.handed_out
        return replace(judged, selected=selected, options=tuple(options))

    def clean(self) -> None:
        """Remove the scratch folder unless it holds evidence of failures."""
        if not self.is_worker and not (self.scratch / "evidence").exists():
            shutil.rmtree(self.scratch, ignore_errors=True)


def _make_ready(report: Path) -> None:
    """The report's folder, without evidence from an earlier run. Raises CannotRun."""
    try:
        report.mkdir(parents=True, exist_ok=True)
        if (report / "results.jsonl").exists():
            shutil.rmtree(report / "evidence", ignore_errors=True)
    except OSError as error:
        raise CannotRun(f"--report {report}: {error.strerror}") from error
