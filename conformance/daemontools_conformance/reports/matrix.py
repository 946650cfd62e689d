"""matrix.html: clauses x implementations on one self-contained page.

The table holds everything and is readable without JavaScript; the script only
adds filters and search. Each cell that is not a plain pass links to its note
(reason, link, what was seen, evidence), and each clause links to its page.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from daemontools_conformance.contract.clauses import LEVELS, Clause, typed
from daemontools_conformance.contract.outcomes import MEANING, Outcome
from daemontools_conformance.contract.profiles import FILL_IN
from daemontools_conformance.judging.cause import Short, by_cause, title
from daemontools_conformance.reports.results import Report

_SIGN = {
    Outcome.PASS: "✓",
    Outcome.PARTIAL: "✓ part",
    Outcome.VARIANT: "≈",
    Outcome.NOT_OFFERED: "-",
    Outcome.NEW: "new",
    Outcome.BEYOND: "+",
    Outcome.KNOWN_BUG: "bug",
    Outcome.FLAKY: "flaky",
    Outcome.FAIL: "✗ fail",
    Outcome.TIMEOUT: "✗ timeout",
    Outcome.CRASH: "✗ crash",
    Outcome.HARNESS_ERROR: "? harness",
    Outcome.UNTESTED: "·",
    Outcome.NOT_RUN: " ",
}
_OLDER = (
    "\n<p>What an older suite judged may contradict a clause that has changed since, "
    "and newer clauses are NOT-RUN there.</p>"
)
_DETAIL = 1500  # characters of what was seen, in a note


def page(
    reports: Sequence[Report],
    clauses: Mapping[str, Clause],
    evidence: Sequence[str] = (),
    clause_link: str = "",
) -> str:
    """The whole page.

    `evidence` holds the address of each report's folder, or "". `clause_link` may
    hold {program} and {anchor}; without it clauses have no links.
    """
    bases = [*evidence, *[""] * (len(reports) - len(evidence))]
    assets = Path(__file__).parent
    names = ", ".join(report.name for report in reports)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>daemontools conformance: {escape(names)}</title>
<style>
{(assets / "matrix.css").read_text()}</style>
</head>
<body>
<h1>daemontools conformance</h1>
<p>{len(clauses)} clauses, {len(reports)} {_many("implementation", len(reports))}. Each row is one
sentence about what a daemontools program does. Each cell shows the worst outcome of its tests.</p>
{_short(reports)}
{_counts(reports, clauses)}
{_levels(reports, clauses)}
{_legend(reports, clauses)}
{_filters(reports, clauses)}
{_table(reports, clauses, bases, clause_link)}
{_notes(reports, clauses, bases)}
<script>
{(assets / "matrix.js").read_text()}</script>
</body>
</html>
"""


def _many(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"


def _kind(outcome: Outcome) -> str:
    """The CSS class of an outcome."""
    return f"o-{str(outcome).lower()}"


def _anchor(clause: str) -> str:
    return clause.replace("/", "-")


def _marked(text: str) -> str:
    """A text of a clause or profile, in which backticks mean code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _breakable(clause: str) -> str:
    """An id that a narrow screen may break after its slashes."""
    return escape(clause).replace("/", "/<wbr>")


def _seen(reports: Sequence[Report], clauses: Mapping[str, Clause]) -> list[Outcome]:
    """The outcomes that occur, in their order."""
    found = {report.outcome(clause) for report in reports for clause in clauses}
    return [outcome for outcome in _SIGN if outcome in found]


def _counts(reports: Sequence[Report], clauses: Mapping[str, Clause]) -> str:
    """Implementations down, outcomes across."""
    shown = _seen(reports, clauses)
    head = "".join(f"<th scope=col>{escape(str(outcome))}</th>" for outcome in shown)
    latest = latest_suite(reports)
    rows = []
    for report in reports:
        counts = Counter(report.outcome(clause) for clause in clauses)
        cells = "".join(f'<td class="n {_kind(o)}">{counts[o] or ""}</td>' for o in shown)
        about = " ".join(
            part
            for part in (report.header["title"], report.header["version"])
            if part not in ("", FILL_IN)
        )
        about += " (partial run)" if report.footer["is_partial"] else ""
        about += " (judged by an older suite)" if suite(report) != latest else ""
        rows.append(
            f"<tr><th scope=row><b>{escape(report.name)}</b> "
            f"<span class=about>{escape(about)}</span></th>{cells}</tr>"
        )
    return (
        '<h2 id="counts">Counts</h2>\n<div class=scroll><table class=counts>\n'
        f"<thead><tr><th scope=col>implementation</th>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table></div>"
        + (_OLDER if any(suite(report) != latest for report in reports) else "")
    )


def latest_suite(reports: Sequence[Report]) -> tuple[str, str]:
    """The suite that judged last."""
    return suite(max(reports, key=lambda report: report.header["time"]))


def _short(reports: Sequence[Report]) -> str:
    """What fell short and was not declared to, by cause, the worst first; "" if nothing."""
    parts = []
    for report in reports:
        groups = by_cause(report.shorts)
        items = "".join(
            f"<dt>{escape(title(group))}</dt><dd>{_example(group[0])}<ul>"
            + "".join(_fallen(report, one) for one in group)
            + "</ul></dd>"
            for group in groups
        )
        if groups:
            parts.append(f"<h3>{escape(report.name)}</h3>\n<dl class=notes>{items}</dl>")
    return "\n".join(['<h2 id="short">What falls short</h2>', *parts]) if parts else ""


def _example(short: Short) -> str:
    """What was expected and seen, unless the title says so already."""
    shown = short.difference if short.cause else ""
    return f"<p>Such as: <code>{escape(shown)}</code></p>" if shown else ""


def _fallen(report: Report, short: Short) -> str:
    """A clause that fell short, with a link to its note."""
    states = f" ({short.states})" if short.states else ""
    return (
        f'<li><a href="#{_anchor(short.clause)}--{_word(report.name)}">{escape(short.clause)}</a>: '
        f'{short.level}, <b class="{_kind(short.outcome)}">{short.outcome}</b>{states}</li>'
    )


def _levels(reports: Sequence[Report], clauses: Mapping[str, Clause]) -> str:
    """Implementations down, levels across: how many clauses hold of those that were judged."""
    head = "".join(f"<th scope=col>{level}</th>" for level in LEVELS)
    rows = []
    for report in reports:
        judged = Counter[str]()
        holds = Counter[str]()
        for clause in clauses.values():
            outcome = report.outcome(clause.id)
            judged[clause.level] += outcome >= Outcome.PASS and outcome != Outcome.NOT_OFFERED
            holds[clause.level] += Outcome.PASS <= outcome <= Outcome.VARIANT
        cells = "".join(
            f"<td class=n>{holds[level]} of {judged[level]}</td>" if judged[level] else "<td></td>"
            for level in LEVELS
        )
        rows.append(f"<tr><th scope=row><b>{escape(report.name)}</b></th>{cells}</tr>")
    return (
        '<h2 id="levels">How many hold, by level</h2>\n<div class=scroll><table class=counts>\n'
        f"<thead><tr><th scope=col>implementation</th>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def suite(report: Report) -> tuple[str, str]:
    """What judged it: the digests of the clauses and of the tests."""
    return report.header["spec_digest"], report.header["tests_digest"]


def _legend(reports: Sequence[Report], clauses: Mapping[str, Clause]) -> str:
    items = "".join(
        f'<dt class="{_kind(outcome)}">{_SIGN[outcome]}</dt>'
        f"<dd>{escape(str(outcome))}: {escape(MEANING[outcome])}</dd>"
        for outcome in _seen(reports, clauses)
    )
    levels = "".join(f"<dt>{level}</dt><dd>{escape(text)}</dd>" for level, text in LEVELS.items())
    return (
        "<details class=legend><summary>What the signs and levels mean</summary>"
        f"<dl>{items}{levels}</dl></details>"
    )


def _filters(reports: Sequence[Report], clauses: Mapping[str, Clause]) -> str:
    def options(values: list[str]) -> str:
        return "".join(f"<option>{escape(value)}</option>" for value in values)

    programs = sorted({clause.program for clause in clauses.values()})
    outcomes = [str(outcome) for outcome in _seen(reports, clauses)]
    jumps = " ".join(f'<a href="#program-{p}">{p}</a>' for p in programs)
    return f"""<h2 id="clauses">Clauses</h2>
<nav class=jumps aria-label="programs">{jumps}</nav>
<form class=filters hidden>
<label>program <select name=program><option value="">all</option>{
        options(programs)
    }</select></label>
<label>level <select name=level><option value="">all</option>{
        options(list(LEVELS))
    }</select></label>
<label>outcome <select name=outcome><option value="">all</option>{
        options(outcomes)
    }</select></label>
<label>implementation <select name=implementation><option value="">any</option>{
        options([report.name for report in reports])
    }</select></label>
<label>search <input name=text type=search></label>
<output></output>
</form>"""


def _table(
    reports: Sequence[Report],
    clauses: Mapping[str, Clause],
    bases: Sequence[str],
    clause_link: str,
) -> str:
    head = "".join(f"<th scope=col><span>{escape(report.name)}</span></th>" for report in reports)
    bodies = []
    by_program = groupby(clauses.values(), key=lambda clause: clause.program)
    for program, members in by_program:
        rows = [_row(clause, reports, bases, clause_link) for clause in members]
        bodies.append(
            f'<tbody id="program-{program}"><tr class=program><th colspan={len(reports) + 1} '
            f"scope=rowgroup><span>{program}</span></th></tr>\n" + "\n".join(rows) + "</tbody>"
        )
    return (
        "<div class=scroll><table class=matrix>\n"
        f"<thead><tr><th scope=col>clause</th>{head}</tr></thead>\n"
        + "\n".join(bodies)
        + "\n</table></div>"
    )


def _row(clause: Clause, reports: Sequence[Report], bases: Sequence[str], clause_link: str) -> str:
    anchor = _anchor(clause.id)
    outcomes = [report.outcome(clause.id) for report in reports]
    cells = "".join(
        _cell(clause, report, outcome, base)
        for report, outcome, base in zip(reports, outcomes, bases, strict=True)
    )
    by_hand = "".join(f"<pre>{_marked(typed(line))}</pre>" for line in clause.by_hand)
    names = {"program": clause.program, "anchor": anchor, "file": clause.file.name}
    link = clause_link.format(**names)
    more = f' <a href="{escape(link)}">page</a>' if link else ""
    why = f"<p>Why: {_marked(clause.why)}</p>" if clause.why else ""
    variants = "".join(
        f"<p>Variant {escape(name)}: {_marked(text)}</p>" for name, text in clause.variants.items()
    )
    return (
        f'<tr id="{anchor}" data-level={clause.level} '
        f'data-outcomes="{" ".join(str(outcome) for outcome in outcomes)}">'
        f"<th scope=row><details><summary>{_breakable(clause.id)}</summary>"
        f"<p>{_marked(clause.text)}</p>{why}{variants}{by_hand}"
        f"<p class=about>{clause.level}; {_marked(clause.source)}{more}</p></details></th>"
        f"{cells}</tr>"
    )


def _cell(clause: Clause, report: Report, outcome: Outcome, base: str) -> str:
    sign = _SIGN[outcome]
    record = report.clauses.get(clause.id, {})
    target = ""
    if _has_note(outcome):
        target = f"#{_anchor(clause.id)}--{_word(report.name)}"
    elif base and record.get("evidence"):
        target = f"{base}/{record['evidence']}/"
    inner = f'<a href="{escape(target)}">{sign}</a>' if target else sign
    return f'<td class="{_kind(outcome)}" title="{escape(report.name)}: {outcome}">{inner}</td>'


def _word(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def _has_note(outcome: Outcome) -> bool:
    return outcome not in (Outcome.PASS, Outcome.NOT_RUN)


def _notes(reports: Sequence[Report], clauses: Mapping[str, Clause], bases: Sequence[str]) -> str:
    """The notes on every cell that is not a plain pass."""
    items = [
        _note(clause, report, base)
        for clause in clauses.values()
        for report, base in zip(reports, bases, strict=True)
        if _has_note(report.outcome(clause.id))
    ]
    return '<h2 id="notes">Notes</h2>\n<dl class=notes>\n' + "\n".join(items) + "\n</dl>"


def _note(clause: Clause, report: Report, base: str) -> str:
    record: Mapping[str, Any] = report.clauses[clause.id]
    outcome = report.outcome(clause.id)
    seen = f" ({escape(record['seen'])})" if record["seen"] else ""
    parts = [f"<p>{_marked(record['reason'])}</p>" if record["reason"] else ""]
    if record["link"]:
        link = escape(record["link"])
        is_address = link.startswith(("http://", "https://"))  # and not javascript:, say
        parts.append(f'<p><a href="{link}">{link}</a></p>' if is_address else f"<p>{link}</p>")
    if record["detail"] and record["detail"] != record["reason"]:
        parts.append(f"<pre>{escape(record['detail'][:_DETAIL])}</pre>")
    if base and record["evidence"]:
        parts.append(f'<p><a href="{escape(base)}/{escape(record["evidence"])}/">evidence</a></p>')
    anchor = _anchor(clause.id)
    return (
        f'<dt id="{anchor}--{_word(report.name)}"><a href="#{anchor}">{escape(clause.id)}</a>, '
        f'{escape(report.name)}: <b class="{_kind(outcome)}">{outcome}</b>{seen}</dt>'
        f"<dd>{''.join(parts)}</dd>"
    )
