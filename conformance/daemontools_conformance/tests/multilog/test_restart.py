"""multilog: what a restart makes of each state in which a directory can be found."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from daemontools_conformance.contract.places import folder
from daemontools_conformance.helpers.logdirs import mode, old_files
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox

LABEL_OF_1999 = "@4000000037c219bf2ef02e94"
STATES = tomllib.loads((folder("fixtures") / "logdirs/states.toml").read_text())["state"]
EACH_STATE = [
    pytest.param(state, id=state["name"], marks=clause(f"multilog/restart/{state['name']}"))
    for state in STATES
]


def build(directory: Path, state: dict[str, Any]) -> None:
    """A log directory in this state; each file holds its own name."""
    directory.mkdir(mode=0o700)
    twins = dict([reversed(state["same"])]) if "same" in state else {}
    for name, octal in state["files"].items():
        file = directory / on_disk(name)
        if name in twins:
            os.link(directory / twins[name], file)
        else:
            file.write_text(f"{name}\n")
            file.chmod(int(octal, 8))


def on_disk(name: str) -> str:
    """The name of a file of `states.toml`: old ones have a label."""
    return name.replace("@", LABEL_OF_1999)


def check(directory: Path, state: dict[str, Any], current: str) -> None:
    """The directory is what `states.toml` says, with this text in current."""
    old = [f"{f.name.rpartition('.')[2]} {f.read_text().strip()}" for f in old_files(directory)]
    assert old == state["old"]
    assert (directory / "current").read_text() == current
    assert (directory / "state").read_text() == ("state\n" if state.get("state") else "")
    names = {f.name for f in directory.iterdir() if not f.name.startswith("@")}
    assert names == {"current", "lock", "state", *state.get("left", [])}


@pytest.mark.parametrize("script", [[], ["!cat"]], ids=["plain", "processor"])
@pytest.mark.parametrize("state", EACH_STATE)
def test_restart(sandbox: Sandbox, state: dict[str, Any], script: list[str]) -> None:
    log = sandbox.path / "log"
    build(log, state)
    answer = sandbox.run("multilog", *script, "./log", input=b"after\n")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")
    before = f"{state['current']}\n" if state.get("current") else ""
    check(log, state, before + "after\n")
    assert mode(log / "current") == 0o744


@clause("multilog/restart/labels-in-order")
def test_files_of_before_sort_behind_older_ones_and_in_order(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    files = {"previous": "744", "current": "644", "@.s": "744"}
    build(log, {"files": files})
    sandbox.run("multilog", "./log")
    assert [f.read_text() for f in old_files(log)] == ["@.s\n", "previous\n", "current\n"]


@clause("multilog/restart/modes-kept")
def test_files_cut_short_keep_their_mode(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    build(log, {"files": {"previous": "744", "current": "640"}})
    sandbox.run("multilog", "./log")
    assert [mode(file) for file in old_files(log)] == [0o744, 0o640]


@clause("multilog/restart/empty-current-kept")
def test_an_empty_current_becomes_an_empty_old_file(sandbox: Sandbox) -> None:
    sandbox.write("log/current")
    sandbox.run("multilog", "./log")
    assert [file.read_bytes() for file in old_files(sandbox.path / "log")] == [b""]


@clause("multilog/restart/number-counts")
def test_a_restart_keeps_to_the_number_of_files(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    for n in range(5):
        sandbox.write(f"log/@40000000{n:016x}.s", f"{n}")
    sandbox.write("log/previous", "previous")
    sandbox.write("log/current", "current")
    sandbox.run("multilog", "n4", "./log")
    assert [file.read_text() for file in old_files(log)] == ["4", "previous", "current"]


@clause("multilog/restart/not-processed")
def test_processor_is_not_run_on_files_of_before(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    build(log, {"files": {"previous": "744", "current": "644"}})
    sandbox.run("multilog", "!echo ran >../ran; cat", "./log")
    assert not (sandbox.path / "ran").exists()
    assert [f.name[-2:] for f in old_files(log)] == [".u", ".u"]


@clause("multilog/restart/larger-than-size")
def test_a_finished_current_beyond_the_size_is_put_away_before_the_next_line(
    sandbox: Sandbox,
) -> None:
    log = sandbox.path / "log"
    sandbox.write("log/current", b"x" * 9000, mode=0o744)
    sandbox.write("log/state")
    sandbox.run("multilog", "s4096", "./log", input=b"after\n")
    assert [file.read_bytes() for file in old_files(log)] == [b"x" * 9000]
    assert (log / "current").read_bytes() == b"after\n"


@clause("multilog/restart/size-counts-on")
def test_what_a_finished_current_holds_counts_for_its_size(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    sandbox.write("log/current", b"x" * 3999 + b"\n", mode=0o744)
    sandbox.write("log/state")
    sandbox.run("multilog", "s4096", "./log", input=(b"y" * 49 + b"\n") * 10)
    (old,) = old_files(log)
    assert 4000 < old.stat().st_size <= 4096
