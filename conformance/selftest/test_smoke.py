"""What `smoke` says about programs that work, that are missing, and that are wrong."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from daemontools_conformance.commands import smoke, verbs
from daemontools_conformance.contract.profiles import PROGRAMS, find
from selftest.builds import judged, patched

_REFUSES = "#!/bin/sh\necho 'svok: usage: svok dir' >&2\nexit 100\n"


def _folder(path: Path, **programs: str) -> Path:
    path.mkdir()
    for name, text in programs.items():
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    return path


def _profile(path: Path, folder: Path) -> str:
    path.write_text(f'name = "mine"\nfolder = ["{folder}"]\n')
    return str(path)


def test_a_folder_with_some_programs_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _folder(tmp_path / "bin", svok=_REFUSES)
    assert smoke.main(find(str(folder))) == 0
    said = capsys.readouterr().out
    assert "svok           answers: exit 100, svok: usage: svok dir\n" in said
    assert "missing: svscanboot svscan" in said


def test_a_profile_promises_what_it_does_not_deny(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _folder(tmp_path / "bin", svok=_REFUSES)
    assert smoke.main(find(_profile(tmp_path / "mine.toml", folder))) == 1
    assert "svscan         PROFILE? there is no svscan in " in capsys.readouterr().out


def test_nothing_that_a_call_starts_is_left(tmp_path: Path) -> None:
    script = (
        f"#!/bin/sh\nsleep 1000 </dev/null >/dev/null 2>&1 &\necho $! >{tmp_path}/pid\nexit 111\n"
    )
    smoke.main(find(str(_folder(tmp_path / "bin", svscan=script))))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ("#!/bin/sh\nkill -SEGV $$\n", "PROGRAM? it crashed (SIGSEGV): "),
        ("#!/bin/sh\nkill -40 $$\n", "PROGRAM? it crashed (signal 40): "),
        ("#!/usr/bin/env python3\nraise ValueError\n", "PROGRAM? it crashed (a stack trace): "),
        ("#!/bin/sh\necho \"thread 'main' panicked at x\" >&2\nexit 101\n", "PROGRAM? it crashed "),
        ("#!/bin/sh\necho \"thread 'main' (7) panicked at x\"\nexit 101\n", "PROGRAM? it crashed "),
        ("#!/no/such/interpreter\n", "PROFILE? "),
        ("#!/bin/sh\nexec nothing-of-this-name\n", "PROFILE? exit 127, "),
        ("#!/bin/sh\nexit 7\n", "answers: exit 7 (0.76 gives 100), nothing"),
        ("#!/bin/sh\nsleep 1000 &\nexit 100\n", "answers: exit 100, nothing"),
        ("#!/bin/sh\nexec yes\n", "PROGRAM? it wrote more than 1 MB: "),
        ("#!/bin/sh\nhead -c 1048577 /dev/zero\n", "PROGRAM? it wrote more than 1 MB: "),
    ],
)
def test_a_program_is_told_from_a_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str, verdict: str
) -> None:
    folder = _folder(tmp_path / "bin", svok=script)
    smoke.main(find(str(folder)))
    assert f"  svok           {verdict}" in capsys.readouterr().out


def test_a_program_that_stops_it_does_not_hold_it_up(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "bin", svok="#!/bin/sh\nkill -STOP $PPID\nexit 100\n")
    command = [sys.executable, "-I", "-m", "daemontools_conformance", "smoke", str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "svok           answers: exit 100" in finished.stdout


def test_a_program_that_hangs_is_no_longer_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "_SECONDS", 0.2)
    folder = _folder(
        tmp_path / "bin", svok=f"#!/bin/sh\nexec {os.path.realpath('/bin/sleep')} 60\n"
    )
    assert smoke.main(find(str(folder))) == 1
    assert "PROGRAM? it did not end within 0.2 s: " in capsys.readouterr().out


def test_a_command_of_the_profile_that_answers_otherwise_is_in_trouble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [program for program in PROGRAMS if program != "setlock"]
    text = f"""name = "mine"\nnot_offered = {others}\npeer = "reference"
[programs.setlock]\npath = "python3"\narguments = ["-m", "no.such.module"]\n"""
    (tmp_path / "mine.toml").write_text(text)
    assert smoke.main(find(str(tmp_path / "mine.toml"))) == 1
    said = capsys.readouterr().out
    assert "  setlock        PROFILE? exit 1 (0.76 gives 100), " in said
    assert "1 in trouble, see above" in said


def test_no_folder_of_the_suite_is_shown_as_that_of_the_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _folder(tmp_path / "bin", boot="#!/bin/sh\n")
    profile = Path(_profile(tmp_path / "mine.toml", folder))
    others = [program for program in PROGRAMS if program != "svscanboot"]
    text = f'not_offered = {others}\n[programs.svscanboot]\npath = "{{folder}}/boot"\n'
    profile.write_text(profile.read_text() + text)
    assert smoke.main(find(str(profile))) == 0
    said = capsys.readouterr().out
    assert f"mine: programs called as {profile} says\n" in said
    assert f"svscanboot     exists ({folder}/boot); not called\n" in said


@pytest.mark.parametrize(("script", "kept"), [(_REFUSES, 0), ("#!/bin/sh\nkill -SEGV $$\n", 1)])
def test_the_directory_of_the_calls_stays_if_a_program_is_in_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, kept: int
) -> None:
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    smoke.main(find(str(_folder(tmp_path / "bin", svok=script))))
    assert len(list((tmp_path / "t").glob("daemontools-smoke-*"))) == kept


@pytest.mark.parametrize("command", [["smoke", "."], ["adopt", "."]])
def test_no_directory_stays_if_nothing_could_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    assert verbs.main(command) == 2
    assert list((tmp_path / "t").iterdir()) == []


ROOT = Path(__file__).parents[2]


def _sample(page: str) -> str:
    """The profile that a page shows, with nothing but what calls the programs."""
    shown = re.findall(r"^```toml\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)[0]
    return str(shown)


def test_the_commands_that_the_page_shows_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = patched(tmp_path / "honest")
    by_name = (
        f'name=${{0##*/}}; [ "$name" = mine ] && {{ name=$1; shift; }}; exec {honest}/$name "$@"'
    )
    build = _folder(tmp_path / "build", mine=f"#!/bin/sh\n{by_name}\n")
    call = f'os.execv("{honest}/setlock", ["setlock", *sys.argv[1:]])'
    (build / "setlock.py").write_text(f"import os, sys\n{call}\n")
    profile = tmp_path / "mine.toml"
    profile.write_text(_sample("docs/implementers/index.md"))
    assert smoke.main(find(str(profile))) == 0
    assert "every program starts and ends\n" in capsys.readouterr().out  # none differs from 0.76
    clauses = ("setlock/options/n-free", "tai64n/exit/end-of-input", "envdir/set/value")
    words = [word for clause in clauses for word in ("--clause", clause)]
    exit_code, report = judged(profile, tmp_path / "report", *words)
    assert (exit_code, {report.clauses[c]["outcome"] for c in clauses}) == (0, {"PASS"})
