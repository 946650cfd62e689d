"""badge.svg: how many clauses an implementation satisfies, in one line."""

from html import escape

from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.reports.results import Report

_GREEN, _AMBER, _RED = "#2e7d32", "#9a6700", "#b3261e"
_CHARACTER = 6.6  # average width in this font, pixels
_PADDING = 10


def told(report: Report) -> tuple[str, str]:
    """The badge's text and its colour.

    PASS and VARIANT satisfy a clause. What is not asked of everybody (QUIRK, BEYOND)
    does not count, and neither does what could not be tested.
    """
    asked = [
        report.outcome(clause)
        for clause, cell in report.clauses.items()
        if cell["level"] not in ("QUIRK", "BEYOND") and report.outcome(clause) >= Outcome.PASS
    ]
    good = sum(outcome <= Outcome.VARIANT for outcome in asked)
    if not report.footer["is_success"]:
        return f"{good} of {len(asked)} clauses, unexpected results", _RED
    if report.footer["is_partial"]:
        return f"{good} of {len(asked)} clauses, partial run", _AMBER
    return f"{good} of {len(asked)} clauses", _GREEN if good == len(asked) else _AMBER


def image(report: Report) -> str:
    """The badge as SVG."""
    label = f"daemontools {report.name}"
    says, colour = told(report)
    left = round(len(label) * _CHARACTER + 2 * _PADDING)
    right = round(len(says) * _CHARACTER + 2 * _PADDING)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="22" role="img" \
aria-label="{escape(label)}: {escape(says)}">
  <title>{escape(label)}: {escape(says)}</title>
  <rect width="{left}" height="22" fill="#444"/>
  <rect x="{left}" width="{right}" height="22" fill="{colour}"/>
  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
    <text x="{left / 2}" y="15" textLength="{left - 2 * _PADDING}">{escape(label)}</text>
    <text x="{left + right / 2}" y="15" textLength="{right - 2 * _PADDING}">{escape(says)}</text>
  </g>
</svg>
"""
