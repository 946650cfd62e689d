"""Differential mode finds a liar, prints a case that runs again, and obeys its list."""

import os
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemontools_conformance import differential
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.differential import masks
from daemontools_conformance.differential.case import Case, Node, Step, from_json, shell
from daemontools_conformance.differential.generate import CASES
from daemontools_conformance.differential.unwritten import (
    SPEAKS_OF,
    Difference,
    Judge,
    Seen,
    speaking,
)
from daemontools_conformance.running.record import Record
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


def test_a_program_that_one_does_not_have_is_not_compared(
    honest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    some = with_programs(tmp_path / "some", honest, {"envdir": ""})
    with pytest.raises(SystemExit, match="2"):
        run(honest, some, "--program", "envdir", "--cases", "1")
    words = ["--program", "envdir", "--program", "svok", "--cases", "5"]
    assert run(honest, some, *words) == 0
    said = capfd.readouterr().out
    assert said.count("envdir is not compared: one of the two does not have it\n") == 2
    assert "svok                   5" in said


def test_a_program_of_a_case_that_only_one_has_is_no_matter_of_clauses(
    honest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    some = with_programs(tmp_path / "some", honest, {"setlock": ""})
    assert run(honest, some, "--program", "envdir", "--cases", "60") == 1
    said = capfd.readouterr().out
    assert f"\n--- only {honest} has setlock\n--- by hand" in said
    assert "clause" not in said


@pytest.mark.parametrize(
    ("program", "body", "observable", "speaks"),
    [
        ("svok", '{honest} "$@" || exit 99', "outcome", "svok/exit/"),
    ],
)
def test_a_liar_is_found_and_the_clause_named(
    honest: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    program: str,
    body: str,
    observable: str,
    speaks: str,
) -> None:
    liar = lies(honest, tmp_path / "liar", program, body.format(honest=honest / program))
    assert run(honest, liar, "--program", program, "--cases", "30", "--slow-cases", "2") == 1
    out = capfd.readouterr().out
    assert "DIFFERENCE" in out
    assert f"--- {observable}: a clause speaks of this: {speaks}" in out
    again = next(line for line in out.splitlines() if line.startswith("--- again"))
    case = tmp_path / "case.json"
    case.write_text(shlex.split(again)[-1])
    assert run(honest, liar, "--case", case) == 1
    assert run(honest, honest, "--case", case.read_text()) == 0


@pytest.mark.parametrize(
    ("case", "body", "name"),
    [
        (Case("svc", (b"-z",)), 'exec {honest} "$@" 2>/dev/null', "err: "),
        (Case("envdir", (b"e", b"/bin/sleep", b"9"), (Node("dir", b"e", mode=0o755),)),
         'LIE=1 exec {honest} "$@"', "child environment: "),
        (Case("setlock", (b"l", b"/bin/sleep", b"9")),
         'umask 0; exec {honest} "$@"', "child umask: "),
    ],
)  # fmt: skip
def test_what_differs_has_a_name(
    honest: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    case: Case,
    body: str,
    name: str,
) -> None:
    program = case.program
    liar = lies(honest, tmp_path / "liar", program, body.format(honest=honest / program))
    assert run(honest, liar, "--case", case.json()) == 1
    assert name in capfd.readouterr().out


def test_a_difference_that_no_test_shows_is_an_unwritten_clause(honest: Path) -> None:
    found = Difference("outcome", "exit 0", "exit 9")
    verdict = Judge((str(honest), str(honest))).verdict(Case("svok", (b"s",)), [found])
    assert len(verdict) == 1
    assert "outcome: no clause speaks of this: write one" in verdict[0]


def test_only_a_declaration_is_told_as_declared() -> None:
    case, found = Case("svok", (b"s",)), [Difference("outcome", "exit 0", "exit 9")]
    judge = Judge(("a", "b"))
    clauses = speaking(case, found)["outcome"]
    for outcome in Outcome.UNTESTED, Outcome.PARTIAL, Outcome.KNOWN_BUG:
        judge.seen = dict.fromkeys(clauses, (Seen(Outcome.PASS), Seen(outcome)))
        declared = [line for line in judge.verdict(case, found) if "declared, if" in line]
        assert len(declared) == (len(clauses) if outcome is Outcome.KNOWN_BUG else 0)


def test_the_fault_of_another_program_hides_no_unwritten_clause(
    honest: Path, tmp_path: Path
) -> None:
    wrapped = f'{honest / "setlock"} "$@" 2>/dev/null || exit 99'
    liar = lies(honest, tmp_path / "liar", "setlock", wrapped)
    found = Difference("err", b"", b"a word more")
    judge = Judge((str(honest), str(liar)))
    [line] = judge.verdict(Case("svok", (b"s",)), [found])
    assert "err: no clause speaks of this: write one" in line
    judge.told.clear()
    assert any(
        "err: a clause speaks of this: messages/text/errors" in line
        for line in judge.verdict(Case("setlock", (b"l", b"true")), [found])
    )


@pytest.mark.parametrize(
    ("found", "observable"),
    [
        (Difference("outcome", b"exit 0", b"exit 1"), "outcome"),
        (Difference("child", None, 1), "outcome"),
        (Difference("child uids", (0,), (1,)), "uids"),
        (Difference("child descriptor_flags 3", b"0", None), "descriptor_flags"),
        (Difference("tree b'a b'", [b"-", 0o644, b""], [b"-", 0o600, b""]), "mode"),
        (Difference("tree b'a'", [b"-", 0o644, b"x"], [b"-", 0o644, b""]), "content"),
        (Difference("tree b'a'", [b"-", 0o644, b"x"], None), "files"),
        (Difference("seen 3 tree b's/run'", [b"-", 0o644, b""], [b"d", 0o644, b""]), "files"),
        (Difference("seen 3 titles", [b"a"], [b"b"]), "titles"),
        (Difference("step 2", b"control: no", None), "step"),
    ],
)
def test_what_differed_is_an_observable(found: Difference, observable: str) -> None:
    assert found.observable == observable
    assert observable in SPEAKS_OF


def test_every_observable_of_a_child_is_known() -> None:
    names = {field.name for field in fields(Record)} - {"pid", "block"}
    assert names <= SPEAKS_OF.keys()


def test_clauses_are_looked_up_by_what_differed() -> None:
    case = Case("envdir", (b"env", b"../bin/setlock", b"l", b"true"))
    found = [Difference("tree b'l'", [b"-", 0o644, b""], [b"-", 0o600, b""])]
    programs = {id_.split("/")[0] for id_ in speaking(case, found)["mode"]}
    assert "setlock" in programs
    assert programs <= {"envdir", "setlock", "exec", "chain", "messages", "process"}


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
    assert finished.stdout.startswith(b"it's\nso\nexit 0\n")
    assert finished.stderr == b""


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
        (Case("svok", state=(b"--ignore", b"PIPE")), ""),
        (Case("svok", state=(b"--ignore", b"HUP")), ""),
        (
            Case("svok", state=(b"--ignore", b"XFSZ", b"--limit", b"FSIZE=0")),
            "pipe-or-xfsz-ignored",
        ),
        (Case("softlimit", (b"-t", b"1", b"true")), "processor-time"),
        (Case("softlimit", (b"-tx", b"true")), "processor-time"),
        (Case("softlimit", (b"-t", b"5", b"true")), ""),
        (Case("softlimit", (b"-t=", b"true")), ""),
        (Case("softlimit", (b"-a", b"9", b"../bin/envdir")), "starved-chain"),
        (
            Case("softlimit", (b"-m5000000", b"../bin/setuidgid", b"a", b"../bin/envdir")),
            "starved-chain",
        ),
        (Case("softlimit", (b"-a", b"9", b"true")), ""),
        (Case("tai64nlocal", input=b"@400000004a32392b00000000 x\n"), ""),
        (Case("tai64nlocal", input=b"@4\n"), "impossible-label"),
    ],
)
def test_what_is_left_out(case: Case, deviation: str) -> None:
    assert masks.excluded(case) == deviation


def seen_log(script: tuple[bytes, ...], files: dict[bytes, bytes]) -> masks.Log:
    case = Case("multilog", script)
    tree = {b"log/" + name: ("-", 0o744, content) for name, content in files.items()}
    log = masks.masked({"tree": tree}, case, b"/nowhere")["tree"][b"log/all"]
    assert isinstance(log, masks.Log)
    return log


OLD = b"@400000004a32392b0000000%d.s"


def test_a_log_is_equal_wherever_its_files_end() -> None:
    one = seen_log((b"./log",), {OLD % 1: b"a\nb\n", b"current": b"c\n"})
    two = seen_log((b"./log",), {OLD % 1: b"a\n", b"current": b"b\nc\n"})
    assert one == two
    assert one != seen_log((b"./log",), {OLD % 1: b"a\n", b"current": b"c\n"})
    assert one != seen_log((b"./log",), {b"current": b"a\nb\nc\n"})


def test_of_a_log_of_few_files_one_is_the_end_of_the_other() -> None:
    script = (b"n2", b"./log")
    one = seen_log(script, {OLD % 1: b"b\n", b"current": b"c\n"})
    assert one == seen_log(script, {OLD % 2: b"a\nb\n", b"current": b"c\n"})
    assert one != seen_log(script, {OLD % 2: b"a\nb\n", b"current": b"d\n"})
    assert one != seen_log(script, {OLD % 2: b"x\n", OLD % 3: b"b\n", b"current": b"c\n"})


def test_a_label_is_masked_after_a_processor_too() -> None:
    script = (b"t", b"!tr a z", b"./log")
    one = seen_log(script, {OLD % 1: b"@400000006z32392b0000000z x\n", b"current": b""})
    assert one == seen_log(script, {OLD % 1: b"@400000006432392b00000000 x\n", b"current": b""})


def test_a_file_beyond_its_size_is_seen() -> None:
    script = (b"s4096", b"./log")
    assert not seen_log(script, {b"current": b"x" * 4097}).in_bounds
    assert seen_log(script, {b"current": b"x" * 4096}).in_bounds


def test_nothing_is_left_behind(
    honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    assert run(honest, honest, "--program", "svok", "--cases", "5") == 0
    assert os.listdir(tmp_path / "scratch") == []
