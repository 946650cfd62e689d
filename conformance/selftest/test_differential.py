"""Differential mode: it finds a liar, prints a case that runs again, and keeps its list."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemontools_conformance import differential
from daemontools_conformance.differential import masks
from daemontools_conformance.differential.case import Case, Node, Step, from_json, shell
from daemontools_conformance.differential.generate import CASES
from selftest.builds import patched, with_programs

ALL = st.sampled_from(sorted(CASES)).flatmap(lambda program: CASES[program]())


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


def lies(honest: Path, folder: Path, program: str, body: str) -> Path:
    return with_programs(folder, honest, {program: f"#!/bin/sh\n{body}\n"})


def run(*arguments: str | Path) -> int:
    return differential.main([str(word) for word in arguments])


def test_the_same_programs_do_not_differ(honest: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--program", "envdir", "--program", "svok", "--cases", "10"]
    assert run(honest, honest, *words) == 0
    assert "together              20" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("program", "body", "field"),
    [
        ("svok", "exit 0", "outcome"),
        ("svc", 'exec {honest} "$@" 2>/dev/null', "err"),
        ("setlock", 'umask 0; exec {honest} "$@"', "umask"),
        ("envdir", 'LIE=1 exec {honest} "$@"', "environment"),
    ],
)
def test_a_liar_is_found(
    honest: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    program: str,
    body: str,
    field: str,
) -> None:
    liar = lies(honest, tmp_path / "liar", program, body.format(honest=honest / program))
    assert run(honest, liar, "--program", program, "--cases", "30") == 1
    out = capfd.readouterr().out
    assert "DIFFERENCE" in out
    assert field in out
    again = next(line for line in out.splitlines() if line.startswith("--- again"))
    case = shlex.split(again)[-1]
    assert run(honest, liar, "--case", case) == 1
    assert run(honest, honest, "--case", case) == 0


@settings(max_examples=200, deadline=None)
@given(ALL)
def test_a_case_survives_its_json(case: Case) -> None:
    assert from_json(case.json()) == case


def test_the_script_of_a_case_runs_it_again(honest: Path) -> None:
    case = Case(
        "envdir",
        (b"env", b"printenv", b"V\xff"),
        (Node("file", b"env/V\xff", b"it's\0so\n"), Node("dir", b"env/.d", mode=0o700)),
        state=(b"--umask", b"77"),
    )
    script = shell(case, str(honest / "envdir"))
    finished = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert (finished.stdout, finished.stderr) == (b"it's\nso\nexit 0\n", b"")


def test_the_script_of_a_history_names_its_steps() -> None:
    steps = (Step(1.0, "control", b"s", b"dx"), Step(0.5, "signal", what=b"15"))
    script = shell(Case("supervise", (b"s",), steps=steps), "/usr/bin/supervise")
    assert "printf %s dx > s/supervise/control" in script
    assert "kill -TERM" in script


def test_every_mask_and_deviation_has_its_reason() -> None:
    assert all(item.reason for item in (*masks.MASKS, *masks.DEVIATIONS))
    assert all(item.reason in masks.told() for item in (*masks.MASKS, *masks.DEVIATIONS))


@pytest.mark.parametrize(
    ("case", "deviation"),
    [
        (Case("svok", state=(b"--ignore", b"PIPE")), "pipe-or-xfsz-ignored"),
        (Case("svok", state=(b"--ignore", b"HUP")), ""),
        (Case("softlimit", (b"-t", b"5", b"true")), "processor-time"),
        (Case("softlimit", (b"-a", b"9", b"../bin/envdir")), "starved-chain"),
        (Case("softlimit", (b"-a", b"9", b"true")), ""),
        (Case("tai64nlocal", input=b"@400000004a32392b00000000 x\n"), ""),
        (Case("tai64nlocal", input=b"@4\n"), "impossible-label"),
        (Case("multilog", (b"n2", b"./log"), input=b"x" * 9000), "where-files-end"),
    ],
)
def test_what_is_left_out(case: Case, deviation: str) -> None:
    assert masks.excluded(case) == deviation


def test_nothing_is_left_behind(
    honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    assert run(honest, honest, "--program", "svok", "--cases", "5") == 0
    assert os.listdir(tmp_path / "scratch") == []
