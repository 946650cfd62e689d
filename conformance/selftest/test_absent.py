"""A program that is not in the folder: nothing else is judged in its place.

The same folder is judged twice in a mount namespace: on this machine, and on one
without daemontools, runit, s6 and busybox. The verdicts must be equal.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemontools_conformance.commands import adopt, smoke
from daemontools_conformance.contract.profiles import PROGRAMS, find
from daemontools_conformance.reports import results
from daemontools_conformance.running.implementation import SYSTEM_PATH, locate
from selftest.builds import judged, patched

RELATIVES = ("busybox", "chpst", "runsv", "runsvdir", "sv", "svlogd", "utmpset")
ASKED = ["svok", "pgrphack", "setlock", "softlimit", "svscan", "chain", "exec"]
FORGETS = "svscan/scan/unreadable-forgets-nothing"  # svscan runs a supervise, which it needs

# Hide each folder of PATH under a copy of itself in memory.
OVERLAY = """
mount -t tmpfs tmpfs "$1"
for folder in $2; do
    mkdir -p "$1$folder/upper" "$1$folder/work"
    layers="lowerdir=$folder,upperdir=$1$folder/upper,workdir=$1$folder/work"
    mount -t overlay overlay -o "$layers" "$folder"
done
"""
TAKE_AWAY = 'for folder in $2; do cd "$folder"; rm -f s6-* $3; cd /; done\n'
PEERLESS = """
name = "peerless"
folder = ["bin"]
not_offered = {absent}
"""


def in_namespace(tmp_path: Path, take_away: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a mount namespace, after `take_away`. Skips if that is not permitted."""
    folders = sorted({os.path.realpath(folder) for folder in SYSTEM_PATH.split(":")})
    covered = tmp_path / "covered"
    covered.mkdir(exist_ok=True)
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    words = [str(covered), " ".join(folders), " ".join([*PROGRAMS, *RELATIVES])]
    script = f'set -e\n{OVERLAY}touch "$1/ready"\n{take_away}shift 3\nexec "$@"'
    probe = ["unshare", *user, "-m", "sh", "-c", f"set -e\n{OVERLAY}", "sh", *words]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("an overlay over the folders of PATH is not permitted here")
    inside = ["unshare", *user, "-m", "sh", "-c", script, "sh", *words, *command]
    return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=300)


def outcomes(tmp_path: Path, take_away: str, implementation: str, report: Path) -> dict[str, str]:
    """The outcome of each clause of ASKED, judged in a namespace."""
    asked = [word for program in ASKED for word in ("--program", program)]
    suite = [sys.executable, "-I", "-m", "daemontools_conformance", "--quick", "-n2", *asked]
    options = ["--implementation", implementation, "--report", str(report)]
    finished = in_namespace(tmp_path, take_away, *suite, *options)
    try:
        read = results.read(report)
    except results.BrokenReport as error:
        raise AssertionError(f"{error}\n{finished.stdout}\n{finished.stderr}") from error
    return ran(read)


def ran(report: results.Report) -> dict[str, str]:
    """The outcome of each clause that was selected."""
    outcomes = {clause: about["outcome"] for clause, about in report.clauses.items()}
    return {clause: outcome for clause, outcome in outcomes.items() if outcome != "NOT-RUN"}


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


def with_only(folder: Path, honest: Path, *programs: str) -> Path:
    folder.mkdir(parents=True)
    for program in programs:
        (folder / program).symlink_to(honest / program)
    return folder


@pytest.mark.parametrize("programs", [["svok"], ["svscan", "pgrphack"]], ids=" ".join)
def test_a_verdict_does_not_depend_on_what_the_machine_has(
    honest: Path, tmp_path: Path, programs: list[str]
) -> None:
    folder = str(with_only(tmp_path / "bin", honest, *programs))
    here = outcomes(tmp_path, "", folder, tmp_path / "here")
    without = outcomes(tmp_path, TAKE_AWAY, folder, tmp_path / "without")
    assert here == without
    assert {here[c] for c in here if c.startswith("softlimit/")} == {"NOT-OFFERED"}
    assert here["svok/exit/running"] == ("PASS" if "svok" in programs else "NOT-OFFERED")


def test_nor_does_it_without_a_peer_that_lends(honest: Path, tmp_path: Path) -> None:
    with_only(tmp_path / "bin", honest, "svok")
    profile = tmp_path / "peerless.toml"
    profile.write_text(PEERLESS.format(absent=sorted({*PROGRAMS} - {"svok"})))
    here = outcomes(tmp_path, "", str(profile), tmp_path / "here")
    assert here == outcomes(tmp_path, TAKE_AWAY, str(profile), tmp_path / "without")
    assert here["svok/exit/running"] == "UNTESTED"
    assert {clause.split("/")[0] for clause in here if here[clause] == "PASS"} == {"svok"}


def test_nor_does_a_peer_that_does_not_offer_it(honest: Path, tmp_path: Path) -> None:
    with_only(tmp_path / "bin", honest, "svok")
    peerless, profile = tmp_path / "peerless.toml", tmp_path / "mine.toml"
    text = PEERLESS.format(absent=sorted({*PROGRAMS} - {"svok"}))
    peerless.write_text(text)
    profile.write_text(f'{text}peer = "{peerless}"\n')
    _, report = judged(profile, tmp_path / "report", "--clause", "svok/exit/running")
    assert ran(report) == {"svok/exit/running": "UNTESTED"}


def test_the_namespace_takes_them_away(tmp_path: Path) -> None:
    question = "command -v svok chpst busybox s6-setlock || echo none; command -v sh"
    asked = ["env", "PATH=/usr/bin:/bin", "sh", "-c", question]
    assert in_namespace(tmp_path, TAKE_AWAY, *asked).stdout.startswith("none\n/")


def test_a_program_that_asks_for_an_absent_one_is_not_judged(honest: Path, tmp_path: Path) -> None:
    """svscan runs supervise by its name, and only the stand-in answers."""
    with_only(tmp_path / "bin", honest, *({*PROGRAMS} - {"supervise"}))
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "mine"\nfolder = "bin"\nnot_offered = ["supervise"]\n')
    _, report = judged(profile, tmp_path / "report", "--clause", FORGETS)
    assert ran(report) == {FORGETS: "UNTESTED"}


def test_a_program_that_is_offered_and_missing_is_one_cause(honest: Path, tmp_path: Path) -> None:
    with_only(tmp_path / "bin", honest, *({*PROGRAMS} - {"svok"}))
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "mine"\nfolder = "bin"\n')
    code, report = judged(profile, tmp_path / "report", "--program", "svok", "--quick")
    short = [one for one in report.clauses.values() if one["outcome"] == "FAIL"]
    assert code == 1
    assert len(short) > 5
    assert {one["cause"] for one in short} == {"there is no svok"}


@pytest.mark.parametrize("programs", [["svok"], ["svok", "setlock"]], ids=" ".join)
def test_smoke_adopt_and_a_run_agree_on_what_is_absent(
    honest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], programs: list[str]
) -> None:
    folder = with_only(tmp_path / "bin", honest, *programs)
    profile = find(str(folder))
    absent = [program for program in PROGRAMS if program not in programs]
    assert smoke.main(profile) == 0
    assert f"missing: {' '.join(absent)} " in capsys.readouterr().out
    assert locate(profile, tmp_path / "scratch").absent == absent
    assert f"not_offered = {json.dumps(absent)}" in adopt.text(profile, absent, {})
    assert 'peer = "reference"' in adopt.text(profile, absent, {})
    code, report = judged(folder, tmp_path / "report", "--clause", "svok/", "--clause", "svc/usage")
    assert code == 0
    seen = {clause.split("/")[0]: outcome for clause, outcome in ran(report).items()}
    assert seen == {"svok": "PASS", "svc": "NOT-OFFERED"}
