"""Prepared processes: a fork of the suite and the compiled program do the same."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from daemontools_conformance.contract.profiles import Profile
from daemontools_conformance.helpers import states
from daemontools_conformance.running import prepare
from daemontools_conformance.running.implementation import Implementation, ProgramMissing
from daemontools_conformance.running.record import Record, record
from daemontools_conformance.running.sandbox import Argument, Options, Sandbox
from daemontools_conformance.running.table import HAS_PROC

STATES: dict[str, Sequence[Argument]] = {
    **{name: options for name, options in states.STATES.items() if options},
    "signals by default": ["--ignore", "TERM", "--default", "TERM", "--default", "HUP"],
    "hard limits": ["--hard-limit", "NOFILE=90", "--hard-limit", "CORE=0", "--limit", "FSIZE=-1"],
    "many environments": ["--environ-entry", "A=1", "--empty-environ", "--environ-entry", "B=2"],
}
AS_ROOT: dict[str, Sequence[Argument]] = {
    "groups": ["--groups", "7,9,11"],
    "user": ["--limit", "NOFILE=80", "--user", "65534:65533"],
}

pytestmark = [
    pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc"),
    pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler"),
]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The compiled program."""
    prepare.compile_in(tmp_path_factory.mktemp("compiled"))
    made = prepare.program
    assert made
    prepare.program = None
    return made


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    box = Sandbox(Implementation(Profile("mine"), tmp_path), tmp_path / "box")
    yield box
    box.close()


def seen(box: Sandbox, options: Sequence[Argument]) -> Record:
    """The record of a prepared process, without what differs from start to start."""
    given: Options = {"env": {"X": "1", "Y": ""}, "prepare": options}
    running = box.start_command(["other", "1000"], "/bin/sleep", **given)
    found = record(running.pid)
    streams = {number: at.replace("01.", "00.") for number, at in found.descriptors.items()}
    return replace(found, process_group=0, session=0, descriptors=streams)


@pytest.mark.parametrize("name", [*STATES, *AS_ROOT])
def test_both_ways_make_the_same_process(
    name: str, box: Sandbox, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in AS_ROOT and os.geteuid() != 0:
        pytest.skip("needs root")
    options = (STATES | AS_ROOT)[name]
    if name in AS_ROOT:  # whose programs another user can execute
        monkeypatch.setattr(Sandbox, "_needs_open_folder", lambda _: None)
    forked = seen(box, options)
    monkeypatch.setattr(prepare, "program", compiled)
    assert seen(box, options) == forked


def test_the_start_returns_when_the_program_runs(
    box: Sandbox, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "program", compiled)
    for _ in range(50):
        running = box.start_command(["sleep", "1000"], prepare=["--umask", "0"])
        assert Path(f"/proc/{running.pid}/comm").read_text() == "sleep\n"


def test_descriptors_are_passed_and_no_other_is(
    box: Sandbox, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "program", compiled)
    with open("/dev/null") as passed, open("/dev/zero") as kept:
        os.set_inheritable(kept.fileno(), True)  # noqa: FBT003 - as a careless caller leaves it
        number = passed.fileno()
        running = box.start_command(["sleep", "9"], pass_fds=[number], prepare=["--umask", "0"])
        assert sorted(record(running.pid).descriptors) == [0, 1, 2, number]


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_program_that_cannot_run_ends_with_1_and_says_so(
    is_compiled: bool, box: Sandbox, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "program", compiled if is_compiled else None)
    ended = box.start_command(["/nowhere/program"], prepare=["--umask", "0"]).wait()
    assert (ended.code, ended.err[:9]) == (1, b"prepare: ")


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_program_to_judge_that_cannot_run_is_named(
    is_compiled: bool, box: Sandbox, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "program", compiled if is_compiled else None)
    file = box.implementation.folder / "svok"
    file.write_text("x")
    file.chmod(0o755)
    with pytest.raises(ProgramMissing) as raised:
        box.run("svok", "s", prepare=["--umask", "0"])
    assert raised.value.cause == "svok cannot be started: Exec format error"
    file.write_text("#!/bin/sh\nexit 0\n")
    assert box.run("svok", "s", prepare=["--umask", "0"]).code == 0
    under_a_limit = box.run("svok", "s" * 90000, prepare=["--limit", "STACK=65536"])
    assert (under_a_limit.code, under_a_limit.err[:9]) == (1, b"prepare: ")


def test_a_compiler_that_fails_leaves_the_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cc").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(prepare, "program", None)
    prepare.compile_in(tmp_path)
    assert prepare.program is None
