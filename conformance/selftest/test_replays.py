"""The shell lines of a failure show that failure: counted over liars and mutants.

A replay is run three times: on the programs that fell short, and twice on honest ones.
It shows the failure if it tells the first from the others, apart from what differs
between the two honest runs (process ids, times).

`--all-replays` counts all liars and thirty mutants; otherwise it is a sample of them.
"""

import re
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daemontools_conformance.contract.outcomes import Outcome
from selftest.builds import REFERENCE, Patch, judged, patched, with_programs
from selftest.liars import LIARS

CATALOGUE = Path(__file__).parents[1] / "upkeep/mutants/catalogue.toml"
SHORT = (Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH)
MUTANTS = 30
# Measured with --all-replays: 54 of 55 on a busy machine, which starts a program later than a
# script expects. One of the twelve of the sample may fail.
ENOUGH, ENOUGH_OF_SAMPLE = 0.95, 0.9
# A program that is not there, or may not be executed, is not started: nothing was run.
NOT_RUN = {"not-executable"}
CHANGING = re.compile(r"@(?P<label>[0-9a-f]{16})[0-9a-f]{8}|/tmp/\S+|\d\d:\d\d|(?P<number>\d{4,})")
LARGEST_PID = 4_194_304


@dataclass(frozen=True)
class Wrong:
    """Programs that fall short of one of the clauses."""

    name: str
    clauses: tuple[str, ...]
    programs: dict[str, str] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()
    options: tuple[str, ...] = ()


def wrong_ones() -> list[Wrong]:
    """The liars, and thirty mutants that are spread over the catalogue."""
    liars = [
        Wrong(one.name, (one.clause,), dict(one.programs), one.patches, one.options)
        for one in LIARS
        if one.name not in NOT_RUN
    ]
    catalogue = tomllib.loads(CATALOGUE.read_text())["mutant"]
    real = [mutant for mutant in catalogue if not mutant.get("equivalent")]
    chosen = [real[number * len(real) // MUTANTS] for number in range(MUTANTS)]
    return liars + [
        Wrong(
            one["name"],
            tuple(one["clauses"]),
            patches=(Patch(one["file"], one["old"], one["new"]),),
        )
        for one in chosen
    ]


def fell_short(wrong: Wrong, honest: Path, folder: Path) -> tuple[Path, Path] | None:
    """The evidence of a failure, and the folder of the programs; None if nothing fell short."""
    folder.mkdir()
    true = patched(folder / "patched", wrong.patches) if wrong.patches else honest
    programs = with_programs(folder / "liar", true, wrong.programs)
    if wrong.name == "not-executable":
        (programs / "svok").chmod(0o644)
    options = [word for clause in wrong.clauses for word in ("--clause", clause)]
    _, report = judged(programs, folder / "report", "-x", *options, *wrong.options, within=900)
    for test in report.tests:
        if Outcome[test["outcome"].replace("-", "_")] in SHORT and test["evidence"]:
            return folder / "report" / test["evidence"], programs
    return None


def told(script: str) -> list[str]:
    """What the script shows, without what changes from run to run.

    Numbers that may be process ids or inodes get names, in the order in which they
    come: so two that are equal stay equal.
    """
    names: dict[str, str] = {}

    def masked(found: re.Match[str]) -> str:
        if label := found["label"]:
            return f"now + {round((int(label, 16) - 2**62 - time.time()) / 10)} * 10 seconds"
        if (number := found["number"]) and int(number) <= LARGEST_PID:
            return names.setdefault(number, f"number {len(names)}")
        return "changing"

    with tempfile.NamedTemporaryFile("w") as file:  # a script may be too long for an argument
        file.write(script)
        file.flush()
        ran = subprocess.run(
            ["bash", file.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
    text = CHANGING.sub(masked, ran.stdout.decode(errors="backslashreplace"))
    return sorted(text.splitlines())


def shows(evidence: Path, programs: Path, honest: Path) -> bool:
    """Does the replay tell the programs from honest ones?"""
    script = (evidence / "replay.sh").read_text()
    other = script.replace(str(programs), str(honest))
    try:
        first, again, seen = told(other), told(other), told(script)
    except subprocess.TimeoutExpired:
        return False
    changing = set(first) ^ set(again)
    return [x for x in seen if x not in changing] != [x for x in first if x not in changing]


def says_what_is_missing(evidence: Path) -> bool:
    """Does a line of the script say what no shell can do?"""
    script = (evidence / "replay.sh").read_text()
    deeds = ("made", "opened", "added", "wrote", "pressed", "closed")
    return any(f"# here the suite {did}" in script for did in deeds)


def test_most_replays_show_the_failure(
    tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = patched(tmp_path / "honest")
    ones, enough = wrong_ones(), ENOUGH
    if not request.config.getoption("--all-replays"):
        ones, enough = ones[::5], ENOUGH_OF_SAMPLE

    def judge(wrong: Wrong) -> str:
        found = fell_short(wrong, honest, tmp_path / wrong.name)
        if not found:
            return "nothing fell short"
        if shows(*found, honest):
            return "shown"
        return f"not shown{' (says why)' if says_what_is_missing(found[0]) else ''}: {found[0]}"

    with ThreadPoolExecutor(4) as pool:
        fates = dict(zip([one.name for one in ones], pool.map(judge, ones), strict=True))
    counted = {name: fate for name, fate in fates.items() if fate != "nothing fell short"}
    shown = [name for name, fate in counted.items() if fate == "shown"]
    with capsys.disabled():
        print(f"\n{len(shown)} of {len(counted)} replays show the failure", file=sys.stderr)
        for name in counted.keys() - {*shown}:
            print(f"{name}: {counted[name]}", file=sys.stderr)
    assert len(counted) >= 0.9 * len(ones), fates
    assert len(shown) >= enough * len(counted), {n: f for n, f in counted.items() if f != "shown"}


def test_a_script_may_be_longer_than_an_argument() -> None:
    assert told(f"# {'x' * 200_000}\necho shown\n") == ["shown"]


def test_the_catalogue_is_that_of_this_reference() -> None:
    for wrong in wrong_ones():
        for patch in wrong.patches:
            assert (REFERENCE / "daemontools" / patch.file).read_text().count(patch.old) == 1
