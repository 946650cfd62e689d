"""Programs that are commands and not files: how a profile says so, and what then calls them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemontools_conformance.commands import adopt, smoke
from daemontools_conformance.contract.profiles import PROGRAMS, ProfileError, find
from daemontools_conformance.running.implementation import locate
from selftest.builds import judged, patched

ROOT = Path(__file__).parents[2]
CLAUSE = "setlock/error/fifo-without-reader"  # of the sample in fixtures/clone-in-c
ENXIO = 'case ENXIO: return "device not configured";'  # the line to which its page leads
OFFERED = ("svok", "pgrphack", "setlock", "envdir")
PROFILE = """
name = "mine"
folder = ["nowhere", "build"]
peer = "reference"
not_offered = {absent}
[programs."*"]
path = "{{folder}}/mine"
"""
# How one file is told which program it is: by argv[0] (a link), or by its first argument.
BY_NAME = """#!/bin/sh
exec "{true}/${{0##*/}}" "$@"
"""
BY_ARGUMENT = """#!/bin/sh
program=$1; shift; exec "{true}/$program" "$@"
"""
ASKED = [
    *("svok/exit/running", "pgrphack/session/own", "setlock/lock/held-by-child"),
    *("envdir/child/same-process", "envdir/error/no-way-back", "chain/result/arguments"),
]


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


def profile(tmp_path: Path, honest: Path, way: str) -> Path:
    """A profile for one file in build/ that is all programs, in one of the ways."""
    build = tmp_path / "build"
    build.mkdir()
    text = PROFILE.format(absent=[p for p in PROGRAMS if p not in OFFERED])
    if way == "argument":
        text += 'argv0 = "mine"\narguments = ["{program}"]\n'
    mine = build / "mine"
    mine.write_text((BY_ARGUMENT if way == "argument" else BY_NAME).format(true=honest))
    mine.chmod(0o755)
    if way == "interpreter":
        text = (
            text.replace('"{folder}/mine"', '"sh"') + 'arguments = ["{folder}/mine", "{program}"]\n'
        )
        mine.write_text(BY_ARGUMENT.format(true=honest))
    (tmp_path / "mine.toml").write_text(text)
    return tmp_path / "mine.toml"


@pytest.mark.parametrize("way", ["name", "argument", "interpreter"])
def test_one_file_is_judged_as_all_its_programs(honest: Path, tmp_path: Path, way: str) -> None:
    asked = [word for clause in ASKED for word in ("--clause", clause)]
    mine = profile(tmp_path, honest, way)
    exit_code, report = judged(mine, tmp_path / "report", *asked)
    seen = {clause: report.clauses[clause]["outcome"] for clause in ASKED}
    assert seen == {**dict.fromkeys(ASKED, "PASS"), "chain/result/arguments": "UNTESTED"}
    assert exit_code == 0


@pytest.mark.parametrize("way", ["name", "argument", "interpreter"])
def test_smoke_calls_them(
    honest: Path, tmp_path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert smoke.main(find(str(profile(tmp_path, honest, way)))) == 0
    said = capsys.readouterr().out
    assert "svok           answers: exit 100, svok: usage: svok dir\n" in said
    assert "svscan         not offered" in said


@pytest.mark.parametrize("way", ["name", "argument", "interpreter"])
def test_adopt_writes_the_same_commands(honest: Path, tmp_path: Path, way: str) -> None:
    given = find(str(profile(tmp_path, honest, way)))
    written = tmp_path / "written.toml"
    written.write_text(adopt.text(given, sorted(given.not_offered), {}))
    assert find(str(written)).programs == given.programs


def test_a_replay_calls_them(honest: Path, tmp_path: Path) -> None:
    mine = profile(tmp_path, honest, "argument")
    judged(mine, tmp_path / "report", "--clause", "svok/usage/no-operand")
    replay = [sys.executable, "-I", "-m", "daemontools_conformance", "replay", "--run"]
    words = [*replay, str(tmp_path / "report"), "svok/usage/no-operand"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "svok: usage: svok dir" in ran.stdout + ran.stderr


def replayed(report: Path, clause: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-I", "-m", "daemontools_conformance", "replay", "--run"]
    return subprocess.run(
        [*words, str(report), clause], capture_output=True, text=True, check=False
    )


def alone(honest: Path, folder: Path, program: str) -> Path:
    """A folder with one program; the reference lends the others."""
    folder.mkdir()
    (folder / program).symlink_to(honest / program)
    return folder


def test_a_replay_lends_the_programs_of_the_peer_again(honest: Path, tmp_path: Path) -> None:
    only_svok = alone(honest, tmp_path / "bin", "svok")
    judged(only_svok, tmp_path / "report", "--clause", "svok/exit/running")
    ran = replayed(tmp_path / "report", "svok/exit/running")
    assert "made the programs of reference again" in ran.stderr
    assert re.search("^exit 0( after .*)?$", ran.stdout, re.M)  # a busy machine takes longer


def test_a_replay_whose_programs_are_gone_stops(honest: Path, tmp_path: Path) -> None:
    only_svok = alone(honest, tmp_path / "bin", "svok")
    judged(only_svok, tmp_path / "report", "--clause", "svok/usage/no-operand")
    only_svok.rename(tmp_path / "elsewhere")
    ran = replayed(tmp_path / "report", "svok/usage/no-operand")
    assert f"the script needs {only_svok}, which is gone" in ran.stderr
    assert (ran.returncode, ran.stdout) == (2, "")


def test_the_first_folder_that_has_the_file_counts(honest: Path, tmp_path: Path) -> None:
    found = locate(find(str(profile(tmp_path, honest, "argument"))), tmp_path)
    assert found.command("svok") == (str(tmp_path / "build/mine"), ("mine", "svok"))


def test_with_a_folder_given_the_file_is_looked_for_there_alone(
    honest: Path, tmp_path: Path
) -> None:
    mine = profile(tmp_path, honest, "argument")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProfileError, match="which is not an executable file"):
        locate(find(f"{mine}={tmp_path / 'empty'}"), tmp_path)


def test_a_command_needs_a_path(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\n[programs.svok]\nargv0 = "svok"\n')
    with pytest.raises(ProfileError, match=r"programs\.svok needs path"):
        find(str(tmp_path / "mine.toml"))


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_the_worked_example_shows_a_failure_as_it_is(tmp_path: Path) -> None:
    example = ROOT / "fixtures/clone-in-c"
    page = (example / "README.md").read_text()
    [sample] = re.findall(rf"^```\n({CLAUSE}.*?)^```", page, re.M | re.S)
    clone = tmp_path / "clone"
    shutil.copytree(example, clone)
    words = (clone / "words.h").read_text()
    switch = "    switch (error) {"
    (clone / "words.h").write_text(words.replace(switch, f"    return strerror(error);\n{switch}"))
    command = [sys.executable, "-I", "-m", "daemontools_conformance", "--clause", CLAUSE]
    command += ["--implementation", str(clone / "profile.toml")]
    command += ["--report", str(tmp_path / "report")]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    lines = [
        "(?:.*\n)*?" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in sample.splitlines()
    ]
    assert re.search("".join(lines), said), said
    assert all(f"    {line}\n" in words for line in ("default: return strerror(error);", ENXIO))
    assert 'unable to open %s: %s\\n", argv[0], words(errno)' in (clone / "setlock.c").read_text()
