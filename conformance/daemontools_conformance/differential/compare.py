"""Run a case with both implementations and compare, explore many cases, and report."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis.errors import Flaky

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.differential import masks
from daemontools_conformance.differential.case import Case
from daemontools_conformance.differential.generate import CASES
from daemontools_conformance.differential.run import Observation, clean, observe
from daemontools_conformance.differential.unwritten import Difference
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.patience import TooLate

PATIENCE_SECONDS = 1.0  # to wait for the end of a program, or for its child
SECOND_LOOK = 8  # the second look is this many times as patient
SLOW = {"supervise", "svscan", "svscanboot", "readproctitle", "multilog"}  # their cases hold pauses


class Different(AssertionError):
    """Raised when two implementations differ in a case that no deviation covers."""


@dataclass
class Findings:
    """The results of one slice of cases."""

    program: str
    compared: int = 0
    distinct: set[int] = field(default_factory=set)
    excluded: Counter[str] = field(default_factory=Counter)
    # Differed at the first look but not at the second, more patient one: what, and the case.
    unsteady: list[tuple[str, list[Difference]]] = field(default_factory=list)
    differences: list[tuple[str, list[Difference]]] = field(default_factory=list)  # case, what
    trouble: list[str] = field(default_factory=list)  # cases that the suite could not run to an end
    unavailable: str = ""  # why this program cannot run here


class Pair:
    """Two implementations and a folder for each."""

    def __init__(self, first: Implementation, second: Implementation, scratch: str) -> None:
        self.both = (first, second)
        self.roots = (os.fsencode(f"{scratch}/1"), os.fsencode(f"{scratch}/2"))
        for root in self.roots:
            os.mkdir(root)
            os.chmod(root, 0o755)

    def clean(self) -> None:
        """Empty both folders after a case that did not end."""
        for root in self.roots:
            clean(root)

    def observations(self, case: Case, patience: float) -> list[Observation]:
        """The masked observations of the case with each implementation."""
        for attempt in range(30):
            if attempt:
                time.sleep(1 - time.time() % 1)  # have all of the next second
            before = int(time.time())
            seen = []
            for implementation, root in zip(self.both, self.roots, strict=True):
                found = observe(implementation, case, root, patience)
                seen.append(masks.masked(found, case, root))
                clean(root)
            if case.program != "svstat" or int(time.time()) == before:
                break  # svstat counts seconds, so both must run in the same one
        return seen

    def differences(self, case: Case, patience: float = PATIENCE_SECONDS) -> list[Difference]:
        """The differences, each with both values."""
        one, two = (dict(_flat(seen)) for seen in self.observations(case, patience))
        return [
            Difference(name, one.get(name), two.get(name))
            for name in sorted(one.keys() | two.keys())
            if one.get(name) != two.get(name)
        ]


def _flat(seen: Observation, before: str = "") -> Iterator[tuple[str, Any]]:
    """Split a field that holds a mapping into its items, so that a report shows no equal ones."""
    for name, value in seen.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value


def differences_once(
    first: Implementation, second: Implementation, case: Case, scratch: str
) -> list[Difference]:
    """The differences in one case."""
    return Pair(first, second, scratch).differences(case)


def explore(
    first: Implementation, second: Implementation, program: str, cases: int, number: int
) -> Findings:
    """Generate and compare `cases` cases from the seed `number`; stop at the first difference."""
    findings = Findings(program)
    phases = [Phase.generate] if program in SLOW else [Phase.generate, Phase.shrink]

    with tempfile.TemporaryDirectory(prefix="differential-") as scratch:
        os.chmod(scratch, 0o755)
        pair = Pair(first, second, scratch)

        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            report_multiple_bugs=False,
        )
        @seed(number)
        @given(CASES[program]())
        def compare(case: Case) -> None:
            covered = masks.excluded(case)
            if covered:
                findings.excluded[covered] += 1
            assume(not covered)
            if _differs(pair, case, findings):
                raise Different

        try:
            compare()
        except Different:
            pass
        except Flaky:  # it differed twice, but not when hypothesis tried it again
            findings.unsteady += findings.differences
            findings.differences = []
        except Unavailable as why:
            findings.unavailable = str(why)
    return findings


def _differs(pair: Pair, case: Case, findings: Findings) -> bool:
    """Does it differ at two looks, the second more patient? Notes the findings."""
    findings.compared += 1
    findings.distinct.add(hash(case))
    try:
        first_look = pair.differences(case)
        if not first_look:
            return False
        found = pair.differences(case, PATIENCE_SECONDS * SECOND_LOOK)
    except (OSError, RuntimeError, TooLate) as error:
        findings.trouble.append(f"{error!r}: {case.json()}")
        pair.clean()
        return False
    if not found:
        findings.unsteady.append((case.json(), first_look))
        return False
    findings.differences = [(case.json(), found)]
    return True
