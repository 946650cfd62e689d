"""junit.xml, as continuous-integration services read it.

A test suite is a program, and a test case is a test. A test that fell short is a
failure, and a fault of the suite is an error. A declared deviation, or a test
that could not run, is skipped with its reason.
"""

from xml.etree import ElementTree

from daemontools_conformance.contract.outcomes import Outcome, named
from daemontools_conformance.reports.results import Report

_GREEN = {Outcome.PASS, Outcome.PARTIAL, Outcome.VARIANT}


def document(report: Report) -> str:
    """The whole file."""
    root = ElementTree.Element("testsuites", name=f"daemontools-conformance {report.name}")
    programs = sorted({test["clause"].split("/")[0] for test in report.tests})
    for program in programs:
        tests = [t for t in report.tests if t["clause"].split("/")[0] == program]
        outcomes = [named(test["outcome"]) for test in tests]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=program,
            tests=str(len(tests)),
            failures=str(sum(_is_failure(o) for o in outcomes)),
            errors=str(outcomes.count(Outcome.HARNESS_ERROR)),
            skipped=str(sum(not o.fell_short and o not in _GREEN for o in outcomes)),
            time=f"{sum(test['seconds'] for test in tests):.3f}",
        )
        for test, outcome in zip(tests, outcomes, strict=True):
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=test["clause"],
                name=test["test"].rpartition("::")[2],
                time=f"{test['seconds']:.3f}",
            )
            _add_verdict(case, outcome, test["detail"])
    ElementTree.indent(root)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        + ElementTree.tostring(root, encoding="unicode")
        + "\n"
    )


def _is_failure(outcome: Outcome) -> bool:
    return outcome.fell_short and outcome != Outcome.HARNESS_ERROR


def _add_verdict(case: ElementTree.Element, outcome: Outcome, detail: str) -> None:
    if outcome in _GREEN:
        return
    kind = "skipped"
    if outcome.fell_short:
        kind = "error" if outcome == Outcome.HARNESS_ERROR else "failure"
    first = detail.splitlines()[0] if detail else ""
    verdict = ElementTree.SubElement(case, kind, message=f"{outcome}: {first}"[:300])
    verdict.text = detail
