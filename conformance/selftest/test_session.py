"""The verdict on a whole run: strictness, partial runs, and runs that go wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemontools_conformance.contract.outcomes import Hung
from daemontools_conformance.running import bounds, scratch
from daemontools_conformance.running.bounds import has_room_in_memory
from daemontools_conformance.running.patience import eventually
from selftest.builds import judged, patched, with_programs

NO = "svok/exit/never-supervised"
USAGE = "svok/usage/no-operand"


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def liar(honest: Path, tmp_path: Path) -> Path:
    """An implementation whose svok always exits 0."""
    return with_programs(tmp_path / "liar", honest, {"svok": "#!/bin/sh\nexit 0\n"})


def profile(tmp_path: Path, folder: Path, text: str) -> Path:
    file = tmp_path / "under-test.toml"
    file.write_text(f'name = "under-test"\nfolder = "{folder}"\n{text}')
    return file


def expectation(clause: str, kind: str = "known-bug", more: str = "") -> str:
    return (
        f'[[expect]]\nclause = "{clause}"\nkind = "{kind}"\nreason = "it is so"\n'
        f'link = "https://example.org/1"\n{more}\n'
    )


@pytest.fixture
def teller(honest: Path, tmp_path: Path) -> Path:
    """An implementation whose svok notes in which folder it runs."""
    script = f"#!/bin/sh\npwd >>{tmp_path}/folders\nexec {{true}}/svok\n"
    return with_programs(tmp_path / "teller", honest, {"svok": script})


def folders_of_tests(teller: Path, tmp_path: Path) -> list[Path]:
    """The folders in which the tests of a clause have run."""
    assert judged(teller, tmp_path / "report", "--clause", USAGE)[0] == 0
    return [*map(Path, (tmp_path / "folders").read_text().splitlines())]


@pytest.mark.parametrize("workers", [0, 2])
def test_tests_run_under_one_umask(honest: Path, tmp_path: Path, workers: int) -> None:
    script = f"#!/bin/sh\numask >>{tmp_path}/umasks\nexec {{true}}/svok\n"
    teller = with_programs(tmp_path / "teller", honest, {"svok": script})
    through = ["sh", "-c", 'umask 077; exec "$@"', "sh"]
    options = ("--clause", USAGE, "--repeat", "2")
    judged(teller, tmp_path / "report", *options, workers=workers, through=through)
    assert set((tmp_path / "umasks").read_text().split()) == {"0022"}


def test_tests_have_their_folders_in_memory_and_leave_nothing(
    teller: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Path("/dev/shm")
    if not has_room_in_memory(memory):
        pytest.skip("needs /dev/shm with room")
    monkeypatch.delenv("TMPDIR", raising=False)
    found = folders_of_tests(teller, tmp_path)
    assert {folder.parents[2] for folder in found} == {memory}
    assert not any(folder.parents[1].exists() for folder in found)


def test_the_variable_tmpdir_says_where_tests_have_their_folders(
    teller: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    monkeypatch.setenv("TMPDIR", str(chosen))
    found = folders_of_tests(teller, tmp_path)
    assert {folder.parents[3] for folder in found} == {chosen}
    assert list(chosen.iterdir()) == []


def test_a_test_ends_in_time_whatever_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST_SECONDS", 0.2)
    os.mkfifo(tmp_path / "fifo")
    guard = bounds.Guard(tmp_path, tmp_path, set())
    with pytest.raises(Hung, match="did not end within"):
        (tmp_path / "fifo").read_bytes()  # which nobody opens for writing
    guard.stop()


def test_a_file_system_is_no_place_for_tests_unless_it_is_in_memory(tmp_path: Path) -> None:
    assert not has_room_in_memory(tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_next_run_removes_what_a_killed_run_has_left(
    honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    monkeypatch.setenv("TMPDIR", str(chosen))
    sleeps = f"#!/bin/sh\necho $$ >>{tmp_path}/sleeping\nexec sleep 1000\n"
    sleeper = with_programs(tmp_path / "sleeper", honest, {"svok": sleeps})
    command = [sys.executable, "-I", "-m", "daemontools_conformance", "--clause", USAGE]
    words = [*command, "--implementation", str(sleeper), f"-n{workers}"]
    killed = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True)
    pid = int(eventually((tmp_path / "sleeping").read_text))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    os.kill(pid, signal.SIGKILL)
    assert [*chosen.glob("*/tests/*/box")]
    assert judged(honest, tmp_path / "report", "--clause", USAGE)[0] == 0
    assert [*chosen.iterdir()] == []


def test_only_evidence_of_failures_is_left_of_a_run_that_has_ended(tmp_path: Path) -> None:
    left = tmp_path / f"{scratch.PREFIX}1"
    for name in ("evidence/svok.exit.no", "tests/t1/box"):
        (left / name).mkdir(parents=True)
    (left / scratch.LOCK).touch()
    scratch.remove_left_behind(tmp_path)
    assert [path.name for path in left.iterdir()] == ["evidence"]


def test_the_folder_that_a_replay_has_made_again_stays(tmp_path: Path) -> None:
    (tmp_path / f"{scratch.PREFIX}1/t1/box").mkdir(parents=True)
    scratch.remove_left_behind(tmp_path)
    assert [*tmp_path.glob("*/t1/box")]


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    used = scratch.make(tmp_path)
    scratch.remove_left_behind(tmp_path)
    assert [*tmp_path.iterdir()] == [used]


def test_a_link_and_a_file_with_such_a_name_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / f"{scratch.PREFIX}link").symlink_to("mine")
    (tmp_path / f"{scratch.PREFIX}file").touch()
    before = {*tmp_path.iterdir()}
    scratch.remove_left_behind(tmp_path)
    assert {*tmp_path.iterdir()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_another_user_stays(tmp_path: Path) -> None:
    folder = tmp_path / f"{scratch.PREFIX}1"
    folder.mkdir()
    (folder / scratch.LOCK).touch()
    os.chown(folder, 12345, 12345)
    scratch.remove_left_behind(tmp_path)
    assert folder.exists()


def test_nothing_selected_is_no_success(honest: Path, tmp_path: Path) -> None:
    exit_code, report = judged(honest, tmp_path / "report", "-k", "there_is_no_such_test")
    assert exit_code != 0
    assert (report.footer["selected"], report.footer["is_success"]) == (0, False)


def test_a_run_cut_short_is_no_success_and_says_what_is_missing(liar: Path, tmp_path: Path) -> None:
    exit_code, report = judged(liar, tmp_path / "report", "--clause", "svok/exit/no", "-x")
    assert exit_code != 0
    assert report.footer["finished"] < report.footer["selected"]
    assert report.footer["lost"]


def test_a_worker_that_dies_is_an_error_of_the_harness(honest: Path, tmp_path: Path) -> None:
    killer = tmp_path / "killer.py"
    killer.write_text(
        "import os\n"
        "def pytest_runtest_call(item):\n"
        "    if item.name == 'test_no_operand_gives_100_and_the_usage_line':\n"
        "        os._exit(1)\n"
    )
    options = ["--clause", "svok/usage", "-p", "killer", "-o", f"pythonpath={tmp_path}"]
    exit_code, report = judged(honest, tmp_path / "report", *options, workers=2)
    assert exit_code != 0
    assert report.clauses[USAGE]["outcome"] == "HARNESS-ERROR"


def test_a_journal_holds_nothing_that_a_worker_tells(honest: Path, tmp_path: Path) -> None:
    _, report = judged(honest, tmp_path / "report", "--clause", USAGE, workers=1)
    assert report.tests
    for test in report.tests:
        journal = (tmp_path / "report" / test["evidence"] / "journal.jsonl").read_text()
        assert '"start"' in journal
        assert '"writes"' not in journal


def test_a_known_bug_that_is_seen_is_no_failure(liar: Path, tmp_path: Path) -> None:
    file = profile(tmp_path, liar, expectation(NO))
    exit_code, report = judged(file, tmp_path / "report", "--clause", NO)
    assert (exit_code, report.clauses[NO]["outcome"]) == (0, "KNOWN-BUG")
    assert report.clauses[NO]["reason"] == "it is so"


def test_a_known_bug_that_is_not_seen_is_a_failure(honest: Path, tmp_path: Path) -> None:
    file = profile(tmp_path, honest, expectation(NO))
    exit_code, report = judged(file, tmp_path / "report", "--clause", NO)
    assert (exit_code, report.clauses[NO]["outcome"]) == (1, "PASS")
    assert report.footer["surprises"] == [f"{NO}: known-bug was declared, PASS was seen"]


def test_an_expectation_that_was_not_run_is_not_judged(honest: Path, tmp_path: Path) -> None:
    file = profile(tmp_path, honest, expectation(NO))
    exit_code, report = judged(file, tmp_path / "report", "--clause", USAGE)
    assert (exit_code, report.footer["is_partial"]) == (0, True)


def test_an_expired_expectation_is_a_failure(liar: Path, tmp_path: Path) -> None:
    file = profile(tmp_path, liar, expectation(NO, more="expires = 2001-09-09"))
    exit_code, report = judged(file, tmp_path / "report", "--clause", NO)
    assert (exit_code, report.clauses[NO]["outcome"]) == (1, "KNOWN-BUG")
    assert "expired on 2001-09-09" in report.footer["surprises"][0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (expectation("svok/exit/no-such"), "there is no clause svok/exit/no-such"),
        (expectation(NO, "variant", 'seen = "other"'), "no variant 'other'"),
        (expectation(NO, "variant"), "which one is seen"),
        (expectation(NO, "variant", 'seen = "x"\nsometimes = true'), "cannot say `sometimes`"),
        (expectation(NO).replace("https://example.org/1", ""), "must have a link"),
        (expectation(NO) * 2, "twice"),
        ('[programs.svok]\npath = "/nowhere/svok"\n', "not an executable file on this machine"),
        ('[programs.sv]\npath = "/bin/true"\n', "not a daemontools program"),
        ("colour = 'blue'\n", "unknown key"),
    ],
)
def test_a_profile_that_is_wrong_is_refused_before_anything_runs(
    honest: Path, tmp_path: Path, text: str, complaint: str
) -> None:
    file = profile(tmp_path, honest, text)
    with pytest.raises(AssertionError) as refused:
        judged(file, tmp_path / "report", "--clause", NO)
    assert complaint in str(refused.value)


def test_a_clause_newer_than_the_profile_reddens_nobody(liar: Path, tmp_path: Path) -> None:
    file = profile(tmp_path, liar, 'suite_version = "0.0.1"\n')
    exit_code, report = judged(file, tmp_path / "report", "--clause", NO)
    assert (exit_code, report.clauses[NO]["outcome"]) == (0, "NEW")


def test_what_passes_and_fails_in_repeated_runs_is_flaky(honest: Path, tmp_path: Path) -> None:
    memory = tmp_path / "called"
    script = (
        f"#!/bin/sh\nif [ -e {memory} ]; then rm {memory}; exit 0; fi\n"
        f': > {memory}\nexec {{true}}/svok "$@"\n'
    )
    folder = with_programs(tmp_path / "flaky", honest, {"svok": script})
    exit_code, report = judged(folder, tmp_path / "report", "--clause", NO, "--repeat", "4")
    assert (exit_code, report.clauses[NO]["outcome"]) == (1, "FLAKY")
    assert report.clauses[NO]["detail"].startswith("2 x PASS, 2 x FAIL")


def test_what_passes_each_time_is_a_pass(honest: Path, tmp_path: Path) -> None:
    exit_code, report = judged(honest, tmp_path / "report", "--clause", NO, "--repeat", "3")
    assert (exit_code, report.clauses[NO]["outcome"], len(report.tests)) == (0, "PASS", 1)


def test_a_program_that_is_not_offered_is_neither_green_nor_red(
    honest: Path, tmp_path: Path
) -> None:
    file = profile(tmp_path, honest, 'not_offered = ["svok"]\n')
    exit_code, report = judged(file, tmp_path / "report", "--clause", NO)
    assert (exit_code, report.clauses[NO]["outcome"]) == (0, "NOT-OFFERED")


def test_a_helper_that_is_not_offered_leaves_the_clause_untested(
    honest: Path, tmp_path: Path
) -> None:
    file = profile(tmp_path, honest, 'not_offered = ["supervise"]\n')
    exit_code, report = judged(file, tmp_path / "report", "--clause", "svok/exit/running")
    cell = report.clauses["svok/exit/running"]
    assert (exit_code, cell["outcome"]) == (0, "UNTESTED")
    assert "needs supervise" in cell["detail"]


def test_a_peer_lends_what_is_not_offered(honest: Path, tmp_path: Path) -> None:
    lender = tmp_path / "lender.toml"
    lender.write_text(f'name = "lender"\nfolder = "{honest}"\n')
    text = f'not_offered = ["supervise"]\npeer = "{lender}"\n'
    file = profile(tmp_path, honest, text)
    exit_code, report = judged(file, tmp_path / "report", "--clause", "svok/exit/running")
    assert (exit_code, report.clauses["svok/exit/running"]["outcome"]) == (0, "PASS")


def test_a_mapped_program_is_told_djbs_name(honest: Path, tmp_path: Path) -> None:
    script = '#!/bin/sh\necho "${0##*/}: usage: svok dir" >&2; exit 100\n'
    (tmp_path / "multicall").write_text(script)
    (tmp_path / "multicall").chmod(0o755)
    text = f'[programs.svok]\npath = "{tmp_path}/multicall"\n'
    file = profile(tmp_path, honest, text)
    exit_code, report = judged(file, tmp_path / "report", "--clause", USAGE)
    assert (exit_code, report.clauses[USAGE]["outcome"]) == (0, "PASS")


MORE_THAN_DJB = "envdir/remove/dangling-link-after-file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, "BEYOND", "")),
        ("beyond = true\n", (1, "FAIL", f"{MORE_THAN_DJB}: FAIL")),
        (expectation(MORE_THAN_DJB), (0, "KNOWN-BUG", "")),
    ],
)
def test_what_djb_does_not_do_reddens_only_those_who_ask_for_it(
    honest: Path, tmp_path: Path, text: str, expected: tuple[int, str, str]
) -> None:
    idle = with_programs(tmp_path / "idle", honest, {"envdir": "#!/bin/sh\nexit 0\n"})
    mine = profile(tmp_path, idle, text)
    exit_code, report = judged(mine, tmp_path / "report", "--clause", MORE_THAN_DJB)
    said = "".join(report.footer["surprises"])
    assert (exit_code, report.clauses[MORE_THAN_DJB]["outcome"], said) == expected


@pytest.mark.parametrize(("need", "outcome"), [("a-tool-of-nobody", "KNOWN-BUG"), ("sh", "FAIL")])
def test_an_expectation_for_machines_without_something(
    liar: Path, tmp_path: Path, need: str, outcome: str
) -> None:
    file = profile(tmp_path, liar, expectation(NO, more=f'without_need = "{need}"'))
    _, report = judged(file, tmp_path / "report", "--clause", NO)
    assert report.clauses[NO]["outcome"] == outcome
