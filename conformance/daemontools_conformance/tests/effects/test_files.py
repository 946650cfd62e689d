"""No program creates a file where none belongs, whatever it finds or misses."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from daemontools_conformance.helpers.marks import AS_USER, clause, needs, slow
from daemontools_conformance.helpers.runners import RUNNERS, arguments_before_child
from daemontools_conformance.helpers.samples import SAMPLES, TRUE, call
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_asleep
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    services,
    start_with_canary,
    wait_until_scanned,
    waiting_supervise,
)
from daemontools_conformance.tests.svscanboot.booting import booted

# A program that only asks or commands -> its words before the name of a service.
ASKING = {"svc": ["-udx"], "svok": [], "svstat": []}
# Each is a service that lacks something which such a program looks for.
LACKING = ["nowhere", "empty", "new", "supervise-dangles", "files-dangle"]


def each(topic: str, programs: Iterable[str]) -> list[object]:
    """One parameter for each of them, which carries its clause PROGRAM/topic."""
    return [pytest.param(name, marks=clause(f"{name}/{topic}")) for name in programs]


def names(folder: Path) -> set[str]:
    """Everything below a folder, links not followed."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def make_lacking(sandbox: Sandbox) -> None:
    """The services of LACKING; `nowhere` does not exist."""
    folder = sandbox.path
    (folder / "empty").mkdir()
    (folder / "new/supervise").mkdir(parents=True)
    (folder / "supervise-dangles").mkdir()
    (folder / "supervise-dangles/supervise").symlink_to("../target")
    (folder / "files-dangle/supervise").mkdir(parents=True)
    for name in ("control", "ok", "status", "status.new", "lock"):
        (folder / "files-dangle/supervise" / name).symlink_to(f"../../target.{name}")


@pytest.mark.parametrize("program", each("effect/creates-nothing", ASKING))
def test_who_asks_or_commands_creates_nothing(sandbox: Sandbox, program: str) -> None:
    make_lacking(sandbox)
    before = names(sandbox.path)
    for name in LACKING:
        sandbox.run(program, *ASKING[program], name)
    assert names(sandbox.path) == before


@clause("svstat/effect/creates-nothing")
def test_svstat_creates_neither_status_nor_down(sandbox: Sandbox) -> None:
    (sandbox.path / "s/supervise").mkdir(parents=True)
    os.mkfifo(sandbox.path / "s/supervise/ok")
    before = names(sandbox.path)
    reader = os.open(sandbox.path / "s/supervise/ok", os.O_RDONLY | os.O_NONBLOCK)
    sandbox.run("svstat", "s")  # status and down are missing
    os.close(reader)
    assert names(sandbox.path) == before


# Those that change a process or a stream. setlock and multilog create what they are told to.
OTHERS = {"setlock", "setuidgid"}  # setlock creates its file; setuidgid needs root
CHANGING = sorted({*RUNNERS, "readproctitle", "tai64n", "tai64nlocal"} - OTHERS)


@pytest.mark.parametrize("program", each("effect/creates-nothing", CHANGING))
def test_who_changes_something_else_creates_nothing(sandbox: Sandbox, program: str) -> None:
    check_sample_call(sandbox, program)


@needs("root")
@clause("setuidgid/effect/creates-nothing")
def test_setuidgid_creates_nothing(sandbox: Sandbox) -> None:
    check_sample_call(sandbox, "setuidgid")


def check_sample_call(sandbox: Sandbox, program: str) -> None:
    """A call that does its work, and one without arguments, in a folder that is also the home."""
    arguments_before_child(sandbox, program)
    sandbox.write("sample.input", SAMPLES[program].input)
    folder = str(sandbox.path)
    sandbox.environment.update(HOME=folder, TMPDIR=folder)
    before = names(sandbox.path)
    call(sandbox, program)
    sandbox.run(program)
    assert names(sandbox.path) == before


@clause("envdir/effect/creates-nothing")
def test_envdir_creates_no_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "e").mkdir()
    (sandbox.path / "e/LINK").symlink_to("../target")
    (sandbox.path / "dangling").symlink_to("target")
    before = names(sandbox.path)
    for directory in ("e", "dangling", "nowhere"):
        sandbox.run("envdir", directory, TRUE)
    assert names(sandbox.path) == before


@clause("setlock/file/no-other")
@pytest.mark.parametrize(
    ("words", "created"),
    [
        (["l", TRUE], {"l"}),
        (["-n", "l", TRUE], {"l"}),
        (["l", "nosuch"], {"l"}),
        (["folder/l", TRUE], set()),
        (["-x", "folder/l", TRUE], set()),
        (["-z", "l", TRUE], set()),
        (["l"], set()),
    ],
)
def test_setlock_creates_its_file_alone(
    sandbox: Sandbox, words: list[str], created: set[str]
) -> None:
    sandbox.run("setlock", *words)
    assert names(sandbox.path) == created


def outside(found: set[str]) -> set[str]:
    """Those of the names that are not supervise's folder, nor in it."""
    return {name for name in found if name.split("/")[0] != "supervise"}


@clause("supervise/folder/nothing-elsewhere")
@pytest.mark.parametrize("down", [False, True])
def test_supervise_creates_its_folder_alone(sandbox: Sandbox, *, down: bool) -> None:
    service = sandbox.service("s", "exec sleep 1000", down=down)
    before = names(service)
    supervise = sandbox.supervise("s")
    sandbox.control("s", b"upcdx")
    supervise.wait()
    assert outside(names(service)) == before
    assert names(sandbox.path) == {"s", *(f"s/{name}" for name in names(service))}


@clause("supervise/folder/nothing-elsewhere")
def test_a_missing_run_is_not_created(sandbox: Sandbox) -> None:
    (sandbox.path / "s").mkdir()
    supervise = sandbox.supervise("s")
    sandbox.control("s", b"dx")
    assert supervise.wait().code == 0
    assert outside(names(sandbox.path / "s")) == set()


@clause("supervise/fatal/creates-nothing")
@pytest.mark.parametrize(
    "words", [[], ["s", "s"], ["nowhere"], ["file"], ["dangling"], ["looping"]]
)
def test_a_supervise_that_cannot_begin_creates_nothing(sandbox: Sandbox, words: list[str]) -> None:
    sandbox.service("s", "exec sleep 1000")
    sandbox.write("file")
    (sandbox.path / "dangling").symlink_to("target")
    sandbox.service("looping", "exec sleep 1000")
    (sandbox.path / "looping/down").symlink_to("down")
    before = names(sandbox.path)
    assert sandbox.run("supervise", *words).code in (100, 111)
    assert names(sandbox.path) == before


@slow
@clause("svscan/effect/creates-nothing")
def test_svscan_creates_nothing(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000", "1001/log", "1002")
    (folder / "1000/log").symlink_to("../../target")
    (folder / "target").symlink_to("nowhere-else")
    before = names(sandbox.path) | {"service/canary"}
    svscan = start_with_canary(sandbox)
    wait_until_scanned(svscan, 1)
    assert names(sandbox.path) == before
    assert sandbox.run("svscan", "nowhere").code == 111
    assert names(sandbox.path) == before


@clause("svscanboot/effect/creates-nothing")
@needs("namespaces")
def test_svscanboot_creates_nothing_anywhere(sandbox: Sandbox) -> None:
    (sandbox.path / "service").mkdir()
    boot, svscan, _ = booted(sandbox)
    eventually(lambda: is_asleep(svscan))
    # The whole root is an overlay: its upper part holds all that is new anywhere.
    upper = Path(f"/proc/{boot.pid}/root{sandbox.path.resolve()}/newroot/upper")
    place = sandbox.implementation.profile.service
    created = {f"/{name}" for name in names(upper)}
    assert {name for name in created if not is_part_of(name, sandbox, place)} == set()
    assert names(sandbox.path / "service") == set()


def is_part_of(name: str, sandbox: Sandbox, service: str) -> bool:
    """Does the suite itself need this path, to show the programs and the services inside?"""
    places = [service, *sandbox.implementation.profile.places, str(sandbox.path.resolve())]
    return any(f"{place.rstrip('/')}/".startswith(f"{name}/") for place in places)


@clause("multilog/directory/nothing-elsewhere")
def test_multilog_creates_what_its_script_names(sandbox: Sandbox) -> None:
    script = ["t", "s4096", "n3", "!cat", "=status", "./a", "+*", "./b"]
    multilog = sandbox.start("multilog", *script, stdin=PIPE)
    multilog.write(b"line\n" * 1000)
    multilog.end_input()
    multilog.wait(within=60)
    assert {file.name for file in sandbox.path.iterdir()} == {"a", "b", "status"}


@clause("multilog/error/creates-nothing")
@pytest.mark.parametrize("log", ["./no/such", "./file", "./dangling"])
def test_a_multilog_that_cannot_begin_creates_nothing(sandbox: Sandbox, log: str) -> None:
    sandbox.write("file")
    (sandbox.path / "dangling").symlink_to("target")
    before = names(sandbox.path)
    sandbox.run("multilog", log, input=b"one\n", prepare=AS_USER)
    sandbox.run("multilog", log, input=b"one\n")
    assert names(sandbox.path) == before
