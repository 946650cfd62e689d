"""A first profile from a run declares what falls short, and the next run succeeds."""

import os
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from daemontools_conformance.contract.profiles import FILL_IN
from daemontools_conformance.running.patience import eventually
from selftest.builds import judged, patched, with_programs

USAGE = "svok/usage"
SH = "#!/bin/sh\n"


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """A folder with svok and setlock; this svok exits 99 instead of 100."""
    honest = patched(tmp_path / "honest")
    svok = '#!/bin/sh\n{true}/svok "$@"\ncode=$?\n[ $code = 100 ] && code=99\nexit $code\n'
    others = {program: "" for program in os.listdir(honest) if program not in ("svok", "setlock")}
    return with_programs(tmp_path / "mine", honest, {**others, "svok": svok})


def adopt(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "daemontools_conformance", "adopt", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_profile_declares_what_is_not_there_and_what_falls_short(
    partial: Path, tmp_path: Path
) -> None:
    finished = adopt(str(partial), "--clause", USAGE, "-n0", cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    profile = tomllib.loads((tmp_path / "mine.toml").read_text())
    assert {"svok", "setlock"}.isdisjoint(profile["not_offered"])
    assert len(profile["not_offered"]) == 15
    [entry] = profile["expect"]  # one cause, one entry
    assert (entry["kind"], entry["reason"]) == ("known-bug", FILL_IN)
    assert entry["seen"] == "exit 99 instead of 100"
    assert "svok/usage/no-operand" in entry["clauses"]
    comment = '"svok/usage/no-operand",  # CODE: expected exit code 100, seen 99'
    assert comment in (tmp_path / "mine.toml").read_text()
    assert f"{len(entry['clauses'])} clauses fall short, for 1 causes to explain" in finished.stdout


def test_the_next_run_with_the_profile_succeeds(partial: Path, tmp_path: Path) -> None:
    profile = tmp_path / "my choice.toml"
    words = [str(partial), "-o", str(profile), "--clause", USAGE, "-n0"]
    finished = adopt(*words, cwd=tmp_path)
    assert finished.returncode == 0
    assert shlex.split(finished.stdout.splitlines()[-1])[-1] == str(profile)
    exit_code, report = judged(profile, tmp_path / "report", "--clause", USAGE)
    assert (exit_code, report.footer["is_success"]) == (0, True)


def test_a_profile_that_cannot_be_written_is_said_before_anything_runs(
    partial: Path, tmp_path: Path
) -> None:
    finished = adopt(str(partial), "-o", "nowhere/mine.toml", cwd=tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "No such file or directory: 'nowhere/mine.toml'" in finished.stderr


def test_what_a_profile_says_already_is_kept(tmp_path: Path) -> None:
    honest = patched(tmp_path / "honest")
    copied = ["/bin/sh", "-c", 'cp -R "$1/honest" "$2"', "setup", "{profile}", "{folder}"]
    said = f"""name = "mine"\nsetup = {copied}\nbeyond = true
[svscanboot]\nservice = "/etc/service"\nplaces = []\n"""
    (tmp_path / "given.toml").write_text(said)
    (tmp_path / "other").mkdir()
    clause = ("--clause", "svok/usage/no-operand", "-n0")
    finished = adopt("../given.toml", *clause, cwd=tmp_path / "other")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    kept = tomllib.loads((tmp_path / "other" / "mine.toml").read_text())
    assert kept["beyond"] is True
    assert kept["svscanboot"] == {"service": "/etc/service", "places": []}
    assert kept["setup"] == [*copied[:4], f"{tmp_path / 'other'}/..", "{folder}"]
    assert honest.is_dir()


def test_only_what_the_programs_that_are_there_can_answer_is_asked(
    partial: Path, tmp_path: Path
) -> None:
    finished = adopt(str(partial), "--quick", "--collect-only", cwd=tmp_path)
    programs = {line.split("/")[1] for line in finished.stdout.splitlines() if "::" in line}
    assert {"svok", "setlock"} <= programs
    assert {"multilog", "supervise", "svscan", "tai64n"}.isdisjoint(programs)


def test_the_programs_that_the_options_name_are_asked_alone(partial: Path, tmp_path: Path) -> None:
    options = ["--program", "svok", "--quick", "--collect-only"]
    finished = adopt(str(partial), *options, cwd=tmp_path)
    programs = {line.split("/")[1] for line in finished.stdout.splitlines() if "::" in line}
    assert "svok" in programs
    assert "setlock" not in programs


def interrupted(partial: Path, tmp_path: Path, calls: int, *asked: str) -> str:
    """What adopt says at an interrupt: setlock hangs, and svok has been called so often."""
    counted, reached = tmp_path / "calls", tmp_path / "reached"
    svok = (partial / "svok").read_text().replace(SH, f"{SH}echo >>{counted}\n", 1)
    wait = f'until [ "$(wc -l <{counted})" -ge {calls} ]; do sleep 0.1; done'
    setlock = f"{SH}{wait}\n: >{reached}\nexec sleep 1000\n"
    counted.touch()
    for program, script in (("svok", svok), ("setlock", setlock)):
        (partial / program).unlink()
        (partial / program).write_text(script)
        (partial / program).chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "daemontools_conformance", "adopt", str(partial), *asked],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        eventually(reached.exists, within=60)
        os.killpg(running.pid, signal.SIGINT)
        said = running.communicate(timeout=60)[0]
    assert running.returncode == 2
    return said


def test_nothing_is_written_at_an_interrupt_before_the_first_test_has_ended(
    partial: Path, tmp_path: Path
) -> None:
    said = interrupted(partial, tmp_path, 0, "--clause", "setlock/names/ps", "-n0")
    assert "adopt ended before a test had reported; nothing was written" in said
    assert not (tmp_path / "mine.toml").exists()


def test_what_was_known_at_an_interrupt_is_kept_and_called_a_part(
    partial: Path, tmp_path: Path
) -> None:
    asked = [word for c in ("svok/exit", USAGE, "setlock/names/ps") for word in ("--clause", c)]
    said = interrupted(partial, tmp_path, 4, *asked, "-n2")
    assert said.endswith("next: remove mine.toml, and call adopt again\n")
    assert "mine.toml: cut short: this is a part, after " in said
    profile = (tmp_path / "mine.toml").read_text()
    assert profile.startswith("# cut short: this is a part, after ")
    assert len(tomllib.loads(profile)["not_offered"]) == 15


def test_a_run_that_stops_early_gives_a_part(partial: Path, tmp_path: Path) -> None:
    finished = adopt(str(partial), "--clause", USAGE, "-x", "-n0", cwd=tmp_path)
    assert finished.returncode == 2
    assert finished.stdout.endswith("next: remove mine.toml, and call adopt again\n")
    assert (tmp_path / "mine.toml").read_text().startswith("# cut short: this is a part, after ")


@pytest.mark.parametrize("option", ["--report=mine", "--implementation=djb"])
def test_an_option_that_adopt_gives_to_its_runs_is_refused(
    partial: Path, tmp_path: Path, option: str
) -> None:
    finished = adopt(str(partial), option, cwd=tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert f"adopt takes no {option}: " in finished.stderr
    assert list(tmp_path.glob("mine*")) == [partial]


def test_a_profile_that_is_there_is_not_overwritten(partial: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("# mine\n")
    finished = adopt(str(partial), cwd=tmp_path)
    assert (finished.returncode, finished.stdout) == (
        1,
        "mine.toml already exists; adopt does not overwrite it\n",
    )
    assert (tmp_path / "mine.toml").read_text() == "# mine\n"


def test_a_variant_is_found_after_a_long_run_too(tmp_path: Path) -> None:
    honest = patched(tmp_path / "honest")
    others = {program: "" for program in os.listdir(honest) if program != "tai64n"}
    mine = with_programs(tmp_path / "mine", honest, others)
    words = ["--program", "tai64n", "--program", "process", "-n8"]  # more tests than compile
    assert adopt(str(mine), *words, cwd=tmp_path).returncode == 0
    entries = tomllib.loads((tmp_path / "mine.toml").read_text())["expect"]
    kinds = {clause: entry["kind"] for entry in entries for clause in entry["clauses"]}
    assert kinds["tai64n/exit/pipe-ignored"] == "variant"
