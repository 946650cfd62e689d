"""multilog: what a restart makes of each state in which a directory can be found."""

import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemontools_conformance.helpers.clockstep import preloaded
from daemontools_conformance.helpers.logdirs import mode, old_contents, old_files
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.multilog.restarts import (
    STATES,
    build,
    check_current,
    check_processed,
)

EACH_STATE = [
    pytest.param(state, id=state["name"], marks=clause(f"multilog/restart/{state['name']}"))
    for state in STATES
]


# The clauses that say what becomes of state.
TELL_OF_STATE = ("finished", "writing", "processing", "state-replaced")


def check(directory: Path, state: dict[str, Any], current: str) -> None:
    """The directory is what `states.toml` says, with this text in current."""
    old = [f"{f.name.rpartition('.')[2]} {f.read_text().strip()}" for f in old_files(directory)]
    assert old == state["old"]
    assert (directory / "current").read_text() == current
    names = {file.name for file in directory.iterdir()}
    assert names & {"previous", "processed", "newstate"} == set(state.get("left", []))
    if state["name"] in TELL_OF_STATE:
        assert (directory / "state").read_text() == ("state\n" if state.get("state") else "")
    if state["name"] == "new-directory":
        assert names >= {"current", "lock", "state"}


@pytest.mark.parametrize("script", [[], ["!cat"]], ids=["plain", "processor"])
@pytest.mark.parametrize("state", EACH_STATE)
def test_a_restart_from_each_state_keeps_what_is_whole(
    sandbox: Sandbox, state: dict[str, Any], script: list[str]
) -> None:
    log = sandbox.path / "log"
    build(log, state)
    sandbox.run("multilog", *script, "./log", input=b"after\n")
    before = f"{state['current']}\n" if state.get("current") else ""
    check(log, state, before + "after\n")


@clause("multilog/rotate/second-name")
@pytest.mark.parametrize(
    ("name", "octal"), [("current", "644"), ("previous", "744"), ("processed", "744")]
)
def test_a_restart_removes_the_name_of_a_file_with_another(
    sandbox: Sandbox, name: str, octal: str
) -> None:
    log = sandbox.path / "log"
    build(log, {"files": {"current": "644", name: octal}})
    (sandbox.path / "backup").hardlink_to(log / name)
    sandbox.run("multilog", "./log")
    left = [] if name == "current" else ["current\n"]
    assert [file.read_text() for file in old_files(log)] == left
    assert not any((log / gone).exists() for gone in ("previous", "processed"))
    assert (log / "current").read_bytes() == b""
    assert (sandbox.path / "backup").read_text() == f"{name}\n"


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
    assert [mode(file) for file in old_files(log)] == ["0744", "0640"]


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


@clause("multilog/restart/number-counts")
def test_each_restart_after_a_kill_costs_a_full_log_its_oldest_file(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    for n in range(2):
        sandbox.write(f"log/@40000000{n:016x}.s", f"{n}")
    sandbox.write("log/current", mode=0o744)
    sandbox.write("log/state")

    def holds(left: list[bytes]) -> bool:
        return old_contents(log) == left and mode(log / "current") == "0644"

    for left in ([b"0", b"1"], [b"1", b""], [b"", b""]):
        multilog = sandbox.start("multilog", "n3", "./log", stdin=PIPE)
        eventually(partial(holds, left), what=f"the old files {left}, and current in use")
        multilog.signal(signal.SIGKILL)
        multilog.wait()


@clause("multilog/restart/number-counts")
@pytest.mark.parametrize("name", ["current", "previous"])
def test_a_file_that_has_its_name_already_counts_in_a_full_log(sandbox: Sandbox, name: str) -> None:
    log = sandbox.path / "log"
    for n in range(2):
        sandbox.write(f"log/@40000000{n:016x}.s", f"{n}")
    sandbox.write(f"log/{name}", name)
    (log / f"@40000000{2:016x}.u").hardlink_to(log / name)
    sandbox.run("multilog", "n3", "./log")
    assert [file.read_text() for file in old_files(log)] == ["1", name]
    assert (log / "current").read_bytes() == b""


@clause("multilog/restart/removed-when-clock-set-back")
def test_what_was_cut_short_goes_first_if_the_clock_was_set_back(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    names = [f"@7{n}" + "7" * 22 + ".s" for n in range(2)]
    for name in names:
        sandbox.write(f"log/{name}")
    sandbox.write("log/current", "the newest line\n")
    sandbox.run("multilog", "n3", "./log")
    assert [file.name for file in old_files(log)] == names
    assert (log / "current").read_bytes() == b""


@clause("multilog/restart/not-processed")
def test_processor_is_not_run_on_files_of_before(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    build(log, {"files": {"previous": "744", "current": "644"}})
    sandbox.run("multilog", "!echo ran >../ran; cat", "./log")
    assert not (sandbox.path / "ran").exists()


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


# Modes that tell the owner's x bit from every other rule: any x bit, the group's,
# the others', all three bits of the owner, exactly 0744, a first digit of 7.
TELLING = [
    *(0o744, 0o700, 0o711, 0o544, 0o500, 0o300, 0o100, 0o144, 0o755, 0o777),
    *(0o644, 0o600, 0o655, 0o677, 0o666, 0o444, 0o070, 0o077, 0o007, 0o011, 0o001, 0),
]


@clause("multilog/restart/every-mode")
def test_current_is_finished_if_its_owner_has_the_x_bit(sandbox: Sandbox) -> None:
    check_current(sandbox, TELLING)


@clause("multilog/restart/every-mode-of-processed")
def test_processed_is_complete_if_its_owner_has_the_x_bit(sandbox: Sandbox) -> None:
    check_processed(sandbox, TELLING)


def looping(name: str, sandbox: Sandbox) -> None:
    """Make a file of ./log that nobody can look at: a symbolic link to itself."""
    (sandbox.path / "log" / name).symlink_to(name)


@clause("multilog/restart/not-looked-at")
@pytest.mark.parametrize("name", ["processed", "previous", "newstate", "state"])
@pytest.mark.parametrize("kind", ["link to itself", "directory"])
def test_beside_a_finished_current_other_files_do_not_matter(
    sandbox: Sandbox, name: str, kind: str
) -> None:
    sandbox.write("log/current", "before\n", mode=0o744)
    if kind == "directory":
        (sandbox.path / "log" / name).mkdir()
    else:
        looping(name, sandbox)
    answer = sandbox.run("multilog", "./log", input=b"after\n")
    assert (answer.code, answer.err) == (0, b"")
    assert (sandbox.path / "log/current").read_bytes() == b"before\nafter\n"


@clause("multilog/error/stat-of-current")
def test_nothing_has_changed_when_current_cannot_be_looked_at(sandbox: Sandbox) -> None:
    for name in ("state", "newstate", "previous", "processed"):
        sandbox.write(f"log/{name}", name)
    looping("current", sandbox)
    sandbox.run("multilog", "./log")
    names = {file.name for file in (sandbox.path / "log").iterdir()}
    assert names == {"current", "lock", "state", "newstate", "previous", "processed"}


@clause("multilog/error/stat-of-processed")
def test_state_has_gone_when_processed_cannot_be_looked_at(sandbox: Sandbox) -> None:
    for name in ("state", "newstate", "previous", "current"):
        sandbox.write(f"log/{name}", name)
    looping("processed", sandbox)
    sandbox.run("multilog", "./log")
    names = {file.name for file in (sandbox.path / "log").iterdir()}
    assert names == {"current", "lock", "previous", "processed"}


@clause("multilog/restart/cannot-be-removed")
@pytest.mark.parametrize(
    ("directory", "other"),
    [("newstate", "previous"), ("previous", "processed"), ("processed", "previous")],
)
def test_what_a_restart_drops_stays_if_it_cannot_be_removed(
    sandbox: Sandbox, directory: str, other: str
) -> None:
    sandbox.write(f"log/{other}", other, mode=0o744)
    (sandbox.path / "log" / directory).mkdir(mode=0o600)
    answer = sandbox.run("multilog", "./log")
    assert (answer.code, answer.err) == (0, b"")
    assert (sandbox.path / "log" / directory).is_dir()


@clause("multilog/restart/uncounted-names")
@needs("gcc")
@pytest.mark.parametrize("file", ["current", "previous"])
def test_a_file_system_that_counts_no_names_loses_no_file(sandbox: Sandbox, file: str) -> None:
    log = sandbox.path / "log"
    build(log, {"files": {file: "644"}})
    sandbox.run("multilog", "./log", env=preloaded(sandbox, "nolinks"))
    assert [old.read_text() for old in old_files(log)] == [f"{file}\n"]
