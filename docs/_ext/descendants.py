"""What the shipped profiles declare, for the page of those who have known daemontools for long.

{known-bugs} djb                  the known bugs that a profile declares
{decided} CLAUSE...               which descendants decided otherwise, clause by clause
{other-faults} PROFILE...         multilog's faults that are not one failing call, with what
                                  profiles declare, for the page that daemontools_conformance.faults
                                  generates
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from escaping import escaped

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.profiles import find
from daemontools_conformance.faults.table import FAULTS

PROFILES = Path(__file__).parents[2] / "conformance/profiles"
OF_DJB = {"djb", "djb-plain", "reference", "pypi-envdir"}  # no descendants
# Clauses about faults that are not one failing call, besides those under multilog/fault and kill.
ELSEWHERE = (
    "multilog/rotate/unremovable",
    "multilog/processor/failure-retried",
    "multilog/processor/crash-retried",
    "multilog/processor/term-while-it-fails",
    "multilog/processor/term-while-it-cannot-run",
    "multilog/processor/pauses",
    "multilog/processor/mended",
    "multilog/processor/stopped",
    "multilog/processor/ignored-chld",
    "multilog/term/while-busy",
)


def declared(profile: str) -> Iterator[tuple[str, str, str]]:
    """Each clause that a profile declares itself, its kind, and the reason as Markdown."""
    for entry in tomllib.loads((PROFILES / f"{profile}.toml").read_text()).get("expect", []):
        for clause in entry.get("clauses", [entry.get("clause")]):
            yield clause, entry["kind"], escaped(entry["reason"])


def known_bugs(profile: str) -> str:
    """What should happen, and the known bugs, one row for each reason, as a Markdown table."""
    known = clauses.load()
    rows: dict[str, list[str]] = {}
    for clause, kind, reason in declared(profile):
        if kind == "known-bug":
            rows.setdefault(reason, []).append(f"{escaped(known[clause].text)} `{clause}`")
    lines = [f"| {'<br>'.join(texts)} | {reason} |" for reason, texts in rows.items()]
    return "\n".join(["| clause | what 0.76 does, or Debian's patch |", "|---|---|", *lines])


@cache
def decisions() -> dict[str, list[str]]:
    """clause -> "NAME: REASON" of each descendant that declares it, but not as its bug."""
    found: dict[str, list[str]] = {}
    for file in sorted(PROFILES.glob("*.toml")):
        if file.stem not in OF_DJB:
            for clause, kind, reason in declared(file.stem):
                if kind == "known-bug":
                    continue
                found.setdefault(clause, []).append(f"**{file.stem}**: {reason}")
    return found


def decided(*ids: str) -> str:
    """What 0.76 does, and who decided otherwise, as a Markdown table.

    Raises KeyError for a clause that does not exist, or that no descendant declares.
    """
    known = clauses.load()
    lines = [
        f"| {escaped(known[id_].text)} `{id_}` | {'<br>'.join(decisions()[id_])} |" for id_ in ids
    ]
    return "\n".join(["| 0.76 | otherwise |", "|---|---|", *lines])


def other_faults(*names: str) -> str:
    """Each such clause, and what each of the profiles declares, as a Markdown table."""
    profiles = [find(name) for name in names]
    single = {f"multilog/fault/{fault.name}" for fault in FAULTS}
    lines = [f"| what | {' | '.join(names)} |", "| -- |" + " -- |" * len(names)]
    for clause in clauses.load().values():
        is_fault = clause.topic in ("fault", "kill") and clause.id not in single
        if clause.program == "multilog" and (is_fault or clause.id in ELSEWHERE):
            expected = [profile.expect.get(clause.id) for profile in profiles]
            cells = [
                f"{e.kind}: {escaped(e.reason)}" if e else "as the clause says" for e in expected
            ]
            lines.append(f"| {escaped(clause.text)} `{clause.id}` | {' | '.join(cells)} |")
    return "\n".join(lines)
