"""The picture of the matrix in the README: program x implementation, as one SVG.

Each cell is a bar: how many of the program's clauses hold (green), hold as a
declared variant (blue), fall short as a declared bug (amber) or undeclared (red);
what is not offered or could not be tested stays grey. The numbers are the
clauses that hold of those that were judged. From the committed results.
The names of the implementations slant, so that thirteen of them fit on a page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.reports.results import Report

WIDTH, HEIGHT, LEFT, TOP, RIGHT = 50, 20, 92, 62, 40
HOLDS, VARIANT, BUG, SHORT, GREY = "#2e7d32", "#3b73b9", "#9a6700", "#b3261e", "#8888"
ORDER = [HOLDS, VARIANT, BUG, SHORT]
WORDS = {
    HOLDS: "holds",
    VARIANT: "declared variant",
    BUG: "known bug",
    SHORT: "falls short",
    GREY: "not offered, not tested",
}


def colour(outcome: Outcome) -> str:
    """The colour that stands for an outcome."""
    if outcome in (Outcome.PASS, Outcome.PARTIAL):
        return HOLDS
    if outcome == Outcome.VARIANT:
        return VARIANT
    if outcome in (Outcome.KNOWN_BUG, Outcome.NEW):
        return BUG
    return SHORT if outcome.fell_short else GREY


def draw(clauses: Mapping[str, Clause], reports: Sequence[Report]) -> str:
    """The picture as SVG; its text is readable on light and on dark pages."""
    programs = list(dict.fromkeys(clause.program for clause in clauses.values()))
    width = LEFT + max(WIDTH * len(reports), 560) + RIGHT
    height = TOP + HEIGHT * len(programs) + 34
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" font-size="12" role="img" '
            'class="drawing bars">'
        ),
        "<title>Clauses that hold, by program and implementation</title>",
        (
            "<style>text{fill:#222}"
            ".t{fill:#fff;stroke:#333;stroke-width:2px;paint-order:stroke}"
            "@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>"
        ),
    ]
    for column, report in enumerate(reports):
        place = f"translate({LEFT + WIDTH * column + 8} {TOP - 8}) rotate(-35)"
        parts.append(f'<text transform="{place}">{escape(report.name)}</text>')
    for row, program in enumerate(programs):
        y = TOP + HEIGHT * row
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(program)}</text>'
        )
        ids = [clause.id for clause in clauses.values() if clause.program == program]
        for column, report in enumerate(reports):
            seen = Counter(colour(report.outcome(id_)) for id_ in ids)
            parts += _bar(seen, len(ids), LEFT + WIDTH * column, y)
    parts += _legend(height - 12)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(seen: Counter[str], total: int, x: float, y: float) -> list[str]:
    long = WIDTH - 4
    parts = [f'<rect x="{x}" y="{y}" width="{long}" height="16" rx="3" fill="{GREY}"/>']
    judged = sum(seen[shade] for shade in ORDER)
    at = float(x)
    for shade in ORDER:
        part = long * seen[shade] / total
        if part:
            parts.append(
                f'<rect x="{at:.1f}" y="{y}" width="{part:.1f}" height="16" fill="{shade}"/>'
            )
        at += part
    if judged:
        text = f"{seen[HOLDS] + seen[VARIANT]}/{judged}"
        parts.append(f'<text class="t" x="{x + 3}" y="{y + 12}" font-size="9">{text}</text>')
    return parts


def _legend(y: int) -> list[str]:
    parts, x = [], LEFT
    for shade, word in WORDS.items():
        parts.append(f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{shade}"/>')
        parts.append(f'<text x="{x + 15}" y="{y}" font-size="11">{word}</text>')
        x += 28 + 6 * len(word)
    return parts
