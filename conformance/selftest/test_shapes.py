"""Sound programs of another shape than djb's: the clauses about other things hold."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from daemontools_conformance.contract.profiles import find
from selftest.builds import judged, patched, with_programs
from selftest.liars import SH

SPAWN = ("pgrphack", "envdir", "envuidgid", "setlock", "softlimit", "setuidgid")
SAME, CHAIN = "exec/child/same-process", (
    "chain/limit/binds-chain",
    "chain/names/waiting",
    "chain/path/replaced",
    "chain/result/as-if-apart",
    "chain/result/pairs",
    "chain/result/program-at-end",
)  # fmt: skip
BEHIND_ENV = """
name = "behind-env"
inherits = "djb"
[programs."*"]
path = "env"
argv0 = "env"
arguments = ["{folder}/{program}"]
"""
# svscanboot's tests look for the names in ps.
BEHIND_BASH = """
name = "behind-bash"
inherits = "djb"
[programs."*"]
path = "bash"
argv0 = "bash"
arguments = ["-c", 'exec -a "$0" {folder}/"$0" "$@"', "{program}"]
[svscanboot]
service = "/etc/service"
places = ["/command"]
"""
SLOWLY = ("setlock/options/n", "setlock/options/nx", "setlock/wait/at-once")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def spawners(honest: Path, tmp_path: Path) -> Path:
    """Each program that becomes its child, started by a shell that waits for it."""
    waits = {name: f'{SH}{{true}}/{name} "$@"\nexit $?\n' for name in SPAWN}
    return with_programs(tmp_path / "mine", honest, waits)


def test_chains_of_programs_that_spawn_do_what_chains_do(spawners: Path, tmp_path: Path) -> None:
    asked = [word for clause in (SAME, *CHAIN) for word in ("--clause", clause)]
    _, report = judged(spawners, tmp_path / "report", "--quick", *asked, workers=2)
    outcomes = {clause: report.clauses[clause]["outcome"] for clause in (SAME, *CHAIN)}
    assert outcomes == {SAME: "FAIL", **dict.fromkeys(CHAIN, "PASS")}


def test_a_program_that_sleeps_before_it_begins_is_only_late(honest: Path, tmp_path: Path) -> None:
    late = {"setlock": f'{SH}sleep 0.6\nexec {{true}}/setlock "$@"\n'}
    mine = with_programs(tmp_path / "mine", honest, late)
    asked = [word for clause in SLOWLY for word in ("--clause", clause)]
    _, report = judged(mine, tmp_path / "report", *asked, workers=4)
    outcomes = {clause: report.clauses[clause]["outcome"] for clause in SLOWLY}
    assert outcomes == dict.fromkeys(SLOWLY, "PASS")


def test_the_contract_names_the_clauses_that_see_the_suites_script(tmp_path: Path) -> None:
    contract = (Path(__file__).parents[1] / "CONTRACT.md").read_text()
    (named,) = re.findall(
        r"^So these can fail, although your program is right: (.*)", contract, re.M
    )
    if not any((Path(folder) / "svok").exists() for folder in find("djb").folder):
        pytest.skip("djb's programs are not installed")
    # The names that the kernel shows are another matter.
    apart = ["-k", "not names and not its_own"]
    ways = (BEHIND_ENV, ("chain", "process", "tree")), (BEHIND_BASH, ("svscanboot",))
    of: defaultdict[str, set[str]] = defaultdict(set)
    for text, programs in ways:
        profile = tmp_path / "behind.toml"
        profile.write_text(text)
        asked = [word for program in programs for word in ("--program", program)]
        _, report = judged(profile, tmp_path / "report", *asked, *apart, workers=8)
        for clause, about in report.clauses.items():
            of[about["outcome"]].add(clause)
    assert of["FAIL"] == set(re.findall(r"`([a-z/-]+)`", named)) - of["UNTESTED"]
