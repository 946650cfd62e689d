"""Find the clause about a difference. If there is none, a clause has yet to be written.

A difference is in one observable of the case's program, or of one that it runs: its
exit code, a field of the child's record, the mode of a file. This module finds the
clauses about such an observable by their words, and runs their tests with both
implementations. A test that one of them fails names the clause, if it runs a program of the case:
another program of the same folder may be wrong, too.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.outcomes import Outcome, named
from daemontools_conformance.differential.case import Case
from daemontools_conformance.reports import results

# Observable -> the words that a clause about it has in its id or its text.
SPEAKS_OF = {
    "outcome": r"\bexits?\b|\bkill(s|ed)\b|\bends?\b|\bdies\b|\bexit code\b|\bwaits\b",
    "out": r"\bprints?\b|\bwrites?\b|\boutput\b|\bpasses\b|\banswers?\b",
    "err": r"\bmessages?\b|\berror\b|\bsays\b|\bwarn|\bprints?\b|\busage\b|\bsilent",
    "sent": r"\bletters?\b|\bbytes?\b|\bsends?\b|\bcommands?\b|\bFIFO\b",
    "mode": r"\bmodes?\b|\b0[0-7]{3}\b|\bumask\b",
    "files": r"\bfiles?\b|\bcreate|\bremove|\bdirector|\bmade\b|\bstatus\b|\blogs?\b",
    "content": r"\bcontents?\b|\bfiles?\b|\bbytes?\b|\blines?\b|\bstatus\b|\blogs?\b",
    "titles": r"\bstart(s|ed)?\b|\brestart|\bkills?\b|\bscreen\b|\bps\b|\bscan\b|\bends?\b",
    "step": r"\bends?\b|\breads?\b|\bFIFO\b|\bremove",
    "argv": r"\barguments?\b|\bargv\b|\bnames?\b",
    "comm": r"\bnames?\b|\bcomm\b",
    "environment": r"\benvironment\b|\bvariables?\b|\bblock\b|\bsets?\b|\bremoves?\b",
    "uids": r"\buid\b|\buser\b|\baccount\b",
    "gids": r"\bgid\b|\bgroups?\b|\baccount\b",
    "groups": r"\bgroups?\b",
    "capabilities": r"\bcapabilit|\baccount\b",
    "no_new_privileges": r"\bprivileges?\b",
    "limits": r"\blimits?\b",
    "blocked": r"\bsignals?\b|\bblocked\b|\bmask\b",
    "ignored": r"\bsignals?\b|\bignored\b|\bdispositions?\b",
    "caught": r"\bsignals?\b|\bcaught\b|\bdispositions?\b",
    "descriptors": r"\bdescriptors?\b|\bopen\b|\bclose",
    "descriptor_flags": r"\bdescriptors?\b|\bopen\b|\bclose",
    "locks": r"\block",
    "umask": r"\bumask\b",
    "directory": r"\bdirectory\b",
    "nice": r"\bnice\b|\bpriority\b",
    "terminal": r"\bterminal\b",
    "session": r"\bsession\b",
    "process_group": r"\bprocess group\b",
    "parent": r"\bparent\b|\bchild\b|\bforks?\b",
}
ABOUT_ALL = {"messages", "process"}
ABOUT_NEXT = {"exec", "chain"}  # topics about programs that run another
RUN_ANOTHER = {"setuidgid", "envuidgid", "envdir", "softlimit", "setlock", "pgrphack", "fghack"}


class Difference(NamedTuple):
    """One observation of a case that was not the same for both."""

    name: str  # run.py's name for it, with the path of a file
    one: Any
    two: Any

    @property
    def observable(self) -> str:
        """A key of SPEAKS_OF."""
        first, *further = self.name.split()
        if first in ("outcome", "out", "err", "sent"):
            return first
        if first == "child":
            return further[0] if further else "outcome"
        if "tree" not in (first, *further):
            return "step" if first == "step" else "titles"
        if not (isinstance(self.one, list) and isinstance(self.two, list)):
            return "content" if self.one and self.two else "files"
        if self.one[0] != self.two[0]:
            return "files"
        return "mode" if self.one[1] != self.two[1] else "content"

    def __str__(self) -> str:
        return f"{self.name}: {self.one!r}\n{' ' * len(self.name)}  {self.two!r}"


def run_by(case: Case) -> set[str]:
    """The program of a case, and those that it runs."""
    own = {os.path.basename(word).decode() for word in case.arguments if word[:7] == b"../bin/"}
    return {case.program, *own}


def speaking(case: Case, found: Iterable[Difference]) -> dict[str, list[str]]:
    """For each observable that differs, the ids of the clauses that may be about it."""
    programs = run_by(case) | ABOUT_ALL
    programs |= ABOUT_NEXT if programs & RUN_ANOTHER else set()
    of_programs = [clause for clause in _clauses().values() if clause.program in programs]
    return {
        name: [c.id for c in of_programs if re.search(SPEAKS_OF[name], f"{c.id} {c.text}")]
        for name in sorted({difference.observable for difference in found})
    }


@cache
def _clauses() -> Mapping[str, clauses.Clause]:
    return clauses.load()


class Seen(NamedTuple):
    """What the tests of a clause made of one implementation."""

    outcome: Outcome = Outcome.NOT_RUN
    scripts: tuple[str, ...] = ()  # replays of the tests that fell short; "" where there is none

    def falls_short(self, programs: Iterable[str]) -> bool:
        """Does it fall short in a test that runs one of these programs?"""
        words = "|".join(map(re.escape, programs))
        calls = re.compile(rf"^(?!#).*[/ ']({words})(?![\w/.-])", re.MULTILINE)
        return self.outcome.fell_short and any(not s or calls.search(s) for s in self.scripts)


class Judge:
    """Runs the tests of clauses with both implementations, each test once."""

    def __init__(self, names: Sequence[str], absent: Sequence[Sequence[str]] = ((), ())) -> None:
        self.names = names  # values of --implementation
        one, two = map(set, absent)
        self.alone = {program: names[program in one] for program in one ^ two}  # who has it
        self.told: set[str] = set()  # cases; each is reported once
        self.seen: dict[str, tuple[Seen, ...]] = {}  # clause -> what was seen of each

    def verdict(self, case: Case, found: Iterable[Difference]) -> list[str]:
        """The lines of the report: the clause that one fails, declared clauses, or none."""
        lines = []
        programs = run_by(case)
        if alone := sorted(programs & self.alone.keys()):
            return [f"only {self.alone[program]} has {program}" for program in alone]
        for observable, ids in speaking(case, found).items():
            self._run([id_ for id_ in ids if id_ not in self.seen])
            apart = [id_ for id_ in ids if len({seen.outcome for seen in self.seen[id_]}) > 1]
            failed = [i for i in apart if any(seen.falls_short(programs) for seen in self.seen[i])]
            worst = {id_: max(seen.outcome for seen in self.seen[id_]) for id_ in apart}
            unlike = [i for i, worse in worst.items() if Outcome.PARTIAL < worse < Outcome.FLAKY]
            lines += [f"{observable}: a clause speaks of this: {self._told(id_)}" for id_ in failed]
            if unlike and not failed:
                lines += [f"{observable}: declared, if it is this: {self._told(i)}" for i in unlike]
            if not failed:
                lines.append(
                    f"{observable}: no {'other ' if unlike else ''}clause speaks of this: write one"
                    f" ({len(ids) - len(unlike)} clauses about it do not tell the two apart)"
                )
        return lines

    def _told(self, clause: str) -> str:
        pairs = zip(self.names, self.seen[clause], strict=True)
        return f"{clause} ({', '.join(f'{name}: {seen.outcome}' for name, seen in pairs)})"

    def _run(self, ids: list[str]) -> None:
        both = [_seen(name, ids) for name in self.names] if ids else []
        self.seen |= {id_: tuple(found.get(id_, Seen()) for found in both) for id_ in ids}


def _seen(name: str, ids: list[str]) -> dict[str, Seen]:
    """Run the tests of the clauses; what was seen of each clause."""
    chosen = [word for id_ in ids for word in ("--clause", id_)]
    with tempfile.TemporaryDirectory(prefix="differential-clauses-") as folder:
        suite = [sys.executable, "-I", "-m", "daemontools_conformance", "--implementation", name]
        options = ["--report", folder, "-m", "not slow", *chosen]
        subprocess.run([*suite, *options], stdout=subprocess.DEVNULL, check=False)
        file = Path(folder) / "results.jsonl"
        if not file.exists():
            return {}
        report = results.read(file)
        scripts = _scripts(report, Path(folder))
    return {id_: Seen(report.outcome(id_), tuple(scripts.get(id_, ()))) for id_ in ids}


def _scripts(report: results.Report, folder: Path) -> dict[str, list[str]]:
    """For each clause, the replays of its tests that fell short."""
    found: dict[str, list[str]] = {}
    for test in report.tests:
        if named(test["outcome"]).fell_short:
            file = folder / test["evidence"] / "replay.sh"
            text = file.read_text() if file.is_file() else ""
            found.setdefault(test["clause"], []).append(text)
    return found
