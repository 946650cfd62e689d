"""What the shipped profiles declare, for the page of those who have known daemontools for long.

{known-bugs} djb                  the known bugs that a profile declares
{decided} CLAUSE...               which descendants decided otherwise, clause by clause
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from escaping import escaped

from daemontools_conformance.contract import clauses

PROFILES = Path(__file__).parents[2] / "conformance/profiles"
OF_DJB = {"djb", "djb-plain", "reference", "pypi-envdir"}  # no descendants


def declared(profile: str) -> Iterator[tuple[str, str, str]]:
    """Each clause that a profile declares itself, its kind, and the reason as Markdown."""
    for entry in tomllib.loads((PROFILES / f"{profile}.toml").read_text()).get("expect", []):
        for clause in entry.get("clauses", [entry.get("clause")]):
            yield clause, entry["kind"], escaped(entry["reason"])


def known_bugs(profile: str) -> str:
    """The known bugs, one row for each reason, as a Markdown table."""
    rows: dict[str, list[str]] = {}
    for clause, kind, reason in declared(profile):
        if kind == "known-bug":
            rows.setdefault(reason, []).append(f"`{clause}`")
    lines = [f"| {reason} | {', '.join(ids)} |" for reason, ids in rows.items()]
    return "\n".join(["| what 0.76 does | clauses |", "|---|---|", *lines])


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
