"""The suite catches each liar with the right outcome, and its exit status says so."""

from pathlib import Path

import pytest

from selftest.builds import Patch, judged, patched, with_programs
from selftest.liars import LIARS, Liar


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    assert len({liar.name for liar in LIARS}) == len(LIARS) >= 17


@pytest.mark.parametrize("liar", LIARS, ids=lambda liar: liar.name)
def test_a_liar_is_caught(liar: Liar, honest: Path, tmp_path: Path) -> None:
    true = patched(tmp_path / "patched", liar.patches) if liar.patches else honest
    folder = with_programs(tmp_path / "liar", true, liar.programs)
    if liar.name == "not-executable":
        (folder / "svok").chmod(0o644)
    exit_code, report = judged(folder, tmp_path / "report", "--clause", liar.clause, *liar.options)
    cell = report.clauses[liar.clause]
    assert (cell["outcome"], exit_code) == (liar.outcome, 1), cell["detail"]
    assert liar.says in cell["detail"]
    if liar.outcome == "CRASH":  # whatever else the test saw, that is its cause
        assert cell["cause"].startswith(("showed a stack trace", "died of ")), cell
    assert (tmp_path / "report" / cell["evidence"] / "replay.sh").exists() == bool(cell["evidence"])


def test_a_program_that_cannot_be_started_is_one_cause(honest: Path, tmp_path: Path) -> None:
    folder = with_programs(tmp_path / "liar", honest, {"svok": "#!/no/interpreter\n"})
    _, report = judged(folder, tmp_path / "report", "--program", "svok", workers=4)
    causes = [cell["cause"] for cell in report.clauses.values() if cell["outcome"] == "FAIL"]
    assert causes.count("svok cannot be started: No such file or directory") >= 15, causes


def test_the_honest_pass_where_the_liars_are_caught(honest: Path, tmp_path: Path) -> None:
    options = [word for liar in LIARS for word in ("--clause", liar.clause)]
    exit_code, report = judged(honest, tmp_path / "report", *options, workers=8)
    outcomes = {clause: report.clauses[clause]["outcome"] for clause in options[1::2]}
    assert (exit_code, set(outcomes.values())) == (0, {"PASS"}), outcomes


def test_a_status_that_is_empty_for_a_moment_falls_short_of_its_own_clause_alone(
    tmp_path: Path,
) -> None:
    in_place = (
        'exec("""with open("supervise/status", "wb") as status:\n'
        " __import__('time').sleep(0.2)\n"
        ' status.write(open("supervise/status.new", "rb").read())""")'
    )
    patch = Patch(
        "programs/supervise.py",
        'rename(b"supervise/status.new", b"supervise/status")',
        in_place,
    )
    others = ("supervise/command/down-order", "tree/clients/term", "tree/inherited")
    own = "supervise/status/never-written-in-place"
    options = [word for clause in (own, *others) for word in ("--clause", clause)]
    folder = patched(tmp_path / "patched", [patch])
    _, report = judged(folder, tmp_path / "report", *options, workers=4)
    short = {clause for clause in report.clauses if report.outcome(clause).fell_short}
    assert short == {own}
