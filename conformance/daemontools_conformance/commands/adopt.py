"""Write a first profile from a run: today's failures become declared deviations.

A missing program becomes `not_offered`. A clause that falls short becomes
`variant` if one of its named variants matches by value; else `known-bug`, with
a link for you to fill in. Clauses that show one variant, or fall short for one
cause, share an entry and its reason; a comment says the level of each. The next
run with the profile succeeds, and each entry asks its author: is it our bug, our
decision, or a test that asks too much?
"""

import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from daemontools_conformance import __version__
from daemontools_conformance.commands.run import run
from daemontools_conformance.commands.smoke import located
from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import FILL_IN, Profile, find
from daemontools_conformance.judging.cause import by_cause, entry
from daemontools_conformance.reports import results

_Entry = dict[str, str]


def main(name: str, output: Path | None, options: list[str]) -> int:
    """Run the suite on `name`, write the profile, and say what to do next.

    Raises OSError before anything runs if the profile cannot be written.
    """
    profile = find(name)
    target = output or Path(f"{profile.name}.toml")
    if target.exists():
        print(f"{target} already exists; adopt does not overwrite it")
        return 1
    with target.open("x"):
        target.unlink()
    scratch, implementation = located(profile, "daemontools-adopt-")
    absent = implementation.absent
    if not any(word.partition("=")[0] == "--program" for word in options):
        options = [*_of_those_there(absent), *options]
    first = _judged(profile, scratch / "first", absent, {}, options)
    if not first or (_was_interrupted(first) and not first.footer["finished"]):
        shutil.rmtree(scratch)
        print("adopt ended before a test had reported; nothing was written")
        return 2
    found: dict[str, _Entry] = {}
    is_whole = not _was_cut_short(first)
    if is_whole:
        short = [c for c in first.clauses if first.outcome(c).fell_short]
        found, is_whole = _variants(profile, short, scratch, absent)
    entries = found | _known_bugs(first, found)
    written = text(profile, absent, entries)
    if not is_whole:
        print(f"{target}: {_part(first)}")
        written = f"# {_part(first)}\n{written}"
    target.write_text(written)
    print(
        f"{target}: {len(absent)} programs not offered, "
        f"{len(entries)} clauses fall short, for {len(_by_entry(entries))} causes to explain"
    )
    print(f"evidence: {scratch / 'first'}")
    if not is_whole:
        print(f"next: remove {target}, and call adopt again")
        return 2
    fill_in = "fill in each reason, then run" if entries else "run"
    print(f"next: {fill_in}: daemontools-conformance --implementation {shlex.quote(str(target))}")
    return 0


def _part(first: results.Report) -> str:
    """How far a run came that was cut short."""
    finished, selected = first.footer["finished"], first.footer["selected"]
    when = f"after {finished} of {selected} tests"
    if finished == selected:
        when = "since not every variant was tried: an entry below may be one"
    return f"cut short: this is a part, {when}"


def _of_those_there(absent: list[str]) -> list[str]:
    """The options that leave out the clauses of programs that are not there."""
    named = dict.fromkeys(clause.program for clause in clauses.load().values())
    return [word for program in named if program not in absent for word in ("--program", program)]


def _judged(
    profile: Profile,
    folder: Path,
    absent: list[str],
    entries: Mapping[str, _Entry],
    options: list[str],
) -> results.Report | None:
    """The report on a run with these entries; None if the run wrote none."""
    trial = folder.with_suffix(".toml")
    trial.write_text(text(profile, absent, entries))
    run(["--implementation", str(trial), "--report", str(folder), *options])
    return results.read(folder) if (folder / "results.jsonl").exists() else None


def _was_interrupted(report: results.Report) -> bool:
    return bool(report.footer["exit_status"] == pytest.ExitCode.INTERRUPTED)


def _was_cut_short(report: results.Report) -> bool:
    """By an interrupt, or by an option such as -x."""
    return _was_interrupted(report) or report.footer["finished"] < report.footer["selected"]


def _variants(
    profile: Profile, short: list[str], scratch: Path, absent: list[str]
) -> tuple[dict[str, _Entry], bool]:
    """The clauses that fell short and have a variant that matches; was every one tried?"""
    known = clauses.load()
    found: dict[str, _Entry] = {}
    for number in range(max((len(known[clause].variants) for clause in short), default=0)):
        tried = {
            clause: {"kind": "variant", "seen": list(known[clause].variants)[number]}
            for clause in short
            if clause not in found and len(known[clause].variants) > number
        }
        if tried:
            words = [word for clause in tried for word in ("--clause", clause)]
            again = _judged(profile, scratch / f"variant{number}", absent, tried, words)
            if again:
                found |= {c: e for c, e in tried.items() if again.outcome(c) == Outcome.VARIANT}
            if not again or _was_interrupted(again):
                return found, False
    return found, True


def _known_bugs(report: results.Report, found: dict[str, _Entry]) -> dict[str, _Entry]:
    """An entry for each clause that fell short without a variant, cause by cause."""
    groups = by_cause(one for one in report.shorts if one.clause not in found)
    return {
        one.clause: {
            "kind": "known-bug",
            "seen": one.cause,
            "link": FILL_IN,
            "comment": f"{one.level}: {' '.join(one.difference.split())}",
        }
        for group in groups
        for one in group
    }


def _by_entry(entries: Mapping[str, _Entry]) -> list[list[str]]:
    """The clauses of each entry."""
    groups: dict[tuple[str, str], list[str]] = {}
    for clause, found in entries.items():
        groups.setdefault(entry(clause, found["kind"], found["seen"]), []).append(clause)
    return list(groups.values())


def text(profile: Profile, absent: list[str], entries: Mapping[str, _Entry]) -> str:
    """The profile as TOML. (A JSON string is a TOML string.)"""
    lines = [f"name = {json.dumps(profile.name)}"]
    lines += [f"title = {json.dumps(profile.title or FILL_IN)}"]
    lines += [f"version = {json.dumps(profile.version or FILL_IN)}"]
    lines += [f"suite_version = {json.dumps(__version__)}"]
    if profile.folder:
        lines += [f"folder = {json.dumps(list(profile.folder))}"]
    if profile.setup:
        beside = str(Path(profile.source).absolute().parent)
        setup = [beside if word == "{profile}" else word for word in profile.setup]
        lines += [f"setup = {json.dumps(setup)}"]
    if absent:
        lines += [f"not_offered = {json.dumps(absent)}"]
    if profile.peer or absent:  # svok's tests, say, need a supervise
        lines += [f"peer = {json.dumps(profile.peer or 'reference')}"]
    if profile.beyond:
        lines += ["beyond = true"]
    for program, call in profile.programs.items():
        lines += ["", f"[programs.{program}]", f"path = {json.dumps(call.path)}"]
        lines += [f"argv0 = {json.dumps(call.argv0)}"] if call.argv0 else []
        lines += [f"arguments = {json.dumps(list(call.arguments))}"] if call.arguments else []
    if profile.patience != 1.0:
        lines += ["", "[timing]", f"patience = {profile.patience}"]
    if (profile.service, profile.places) != (Profile.service, Profile.places):
        lines += ["", "[svscanboot]", f"service = {json.dumps(profile.service)}"]
        lines += [f"places = {json.dumps(list(profile.places))}"]
    for group in _by_entry(entries):
        shared = entries[group[0]]
        lines += ["", "[[expect]]", f"kind = {json.dumps(shared['kind'])}"]
        lines += [f"seen = {json.dumps(shared['seen'])}"] if shared["seen"] else []
        lines += [f"reason = {json.dumps(FILL_IN)}"]
        lines += [f"link = {json.dumps(shared['link'])}"] if shared.get("link") else []
        lines += ["clauses = ["]
        for clause in group:
            comment = entries[clause].get("comment", "")
            lines += [f"    {json.dumps(clause)},{f'  # {comment}' if comment else ''}"]
        lines += ["]"]
    return "".join(f"{line}\n" for line in lines)
