"""Programs that start their children lose the clause about that, also where all six do it."""

from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def spawners(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each program that becomes its child, started by a shell that waits for it."""
    place = tmp_path_factory.mktemp("spawners")
    waits = {name: f'{SH}{{true}}/{name} "$@"\nexit $?\n' for name in SPAWN}
    return with_programs(place / "mine", patched(place / "honest"), waits)


def test_chains_of_programs_that_spawn_do_what_chains_do(spawners: Path, tmp_path: Path) -> None:
    asked = [word for clause in (SAME, *CHAIN) for word in ("--clause", clause)]
    _, report = judged(spawners, tmp_path / "report", "--quick", *asked, workers=2)
    outcomes = {clause: report.clauses[clause]["outcome"] for clause in (SAME, *CHAIN)}
    assert outcomes == {SAME: "FAIL", **dict.fromkeys(CHAIN, "PASS")}
