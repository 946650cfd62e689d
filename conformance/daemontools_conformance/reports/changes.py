"""What changed between two results: cells that became better, worse, new or gone."""

from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.reports.results import Report


def differences(before: Report, after: Report) -> tuple[list[str], bool]:
    """The changes as lines, and whether any clause became worse.

    A clause that one of the two runs did not select or could not test is counted
    but not compared.
    """
    lines = [f"{_title(before)} -> {_title(after)}"]
    if before.header["tests_digest"] != after.header["tests_digest"]:
        lines.append("the tests themselves changed between the two results")
    worse: list[str] = []
    better: list[str] = []
    apart = 0
    for clause in sorted({*before.clauses, *after.clauses}):
        old, new = before.outcome(clause), after.outcome(clause)
        if min(old, new) < Outcome.PASS:
            apart += max(old, new) >= Outcome.PASS
        elif old != new:
            (worse if new > old else better).append(f"  {clause}: {old} -> {new}")
    lines += [f"{len(worse)} worse", *worse, f"{len(better)} better", *better]
    lines.append(f"{apart} clauses have an outcome in only one of the two results")
    return lines, bool(worse)


def _title(report: Report) -> str:
    partial = ", partial" if report.footer["is_partial"] else ""
    version = report.header["version"] or "no version"
    return f"{report.name} ({version}, suite {report.header['suite_version']}{partial})"
