"""svscan: which entries of the directory are services."""

import os
from pathlib import Path

from daemontools_conformance.helpers.marks import AS_USER, clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import children
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    MARKS,
    services,
    start_with_canary,
    supervise_of,
    supervises,
    telling_supervise,
    wait_until_scanned,
    wait_until_scanned_again,
    waiting_supervise,
)


def told_words(told: Path) -> set[str]:
    """The arguments that the telling supervise was given, once each."""
    return {line.partition(" ")[2] for line in told.read_text().splitlines()}


@clause("svscan/entries/one-supervise-each")
def test_each_directory_gets_one_supervise(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1001", "1002", "1003")
    svscan = sandbox.start("svscan", "service")
    wait_until_scanned_again(sandbox, lambda name: supervise_of(svscan, name))
    assert supervises(svscan).keys() == {"1001", "1002", "1003", *MARKS}
    assert len(children(svscan.pid)) == 5


@clause("svscan/entries/dotted")
def test_dotted_names_are_skipped(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    services(sandbox, "a", ".b", "..c", ".b/log")
    sandbox.start("svscan", "service")
    wait_until_scanned_again(sandbox, lambda name: name in told_words(told))
    assert told_words(told) == {"a", *MARKS}


def with_other_entries(sandbox: Sandbox, service: str) -> None:
    """A service among a file, a FIFO, and links to a file and a device."""
    folder = services(sandbox, service)
    sandbox.script("service/file", "exit 0")
    os.mkfifo(folder / "fifo")
    (folder / "link-to-file").symlink_to("file")
    (folder / "device").symlink_to("/dev/null")


@clause("svscan/entries/not-directories")
def test_what_is_no_directory_is_skipped(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    with_other_entries(sandbox, "a")
    sandbox.start("svscan", "service")
    wait_until_scanned_again(sandbox, lambda name: name in told_words(told))
    assert told_words(told) == {"a", *MARKS}


@clause("svscan/entries/not-directories-silent")
def test_nothing_is_said_of_what_is_no_directory(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    with_other_entries(sandbox, "1000")
    svscan = sandbox.start("svscan", "service")
    wait_until_scanned_again(sandbox, lambda name: supervise_of(svscan, name))
    assert (svscan.out, svscan.err) == (b"", b"")


@clause("svscan/entries/symbolic-link")
def test_a_link_to_a_directory_is_a_service(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    (sandbox.path / "elsewhere").mkdir()
    (services(sandbox) / "1000").symlink_to("../elsewhere")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: supervise_of(svscan, "1000"))


@clause("svscan/entries/symbolic-link-name")
def test_a_dotted_target_does_not_matter(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    (services(sandbox, ".hidden") / "1000").symlink_to(".hidden")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: supervise_of(svscan, "1000"))


@clause("svscan/entries/dangling-link")
def test_a_dangling_link_is_a_warning(sandbox: Sandbox) -> None:
    folder = services(sandbox)
    (folder / "a").symlink_to("nowhere")
    svscan = sandbox.start("svscan", "service")
    warning = b"svscan: warning: unable to stat a: file does not exist\n"
    svscan.wait_until_err(warning * 2, within=40)


@clause("svscan/entries/link-loop")
def test_a_link_to_itself_is_a_warning(sandbox: Sandbox) -> None:
    folder = services(sandbox)
    (folder / "a").symlink_to("a")
    svscan = sandbox.start("svscan", "service")
    svscan.wait_until_err(b"svscan: warning: unable to stat a: symbolic link loop\n")


@clause("svscan/entries/any-bytes")
def test_a_name_is_bytes(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = os.fsencode(services(sandbox))
    names = [b"two words", b"-x", b"\xff\xfe", b"$HOME;*", b"tab\there"]
    for name in names:
        os.mkdir(folder + b"/" + name)
    sandbox.start("svscan", "service")
    place = os.path.realpath(folder)
    wanted = {place + b" " + name for name in names}
    eventually(lambda: set(told.read_bytes().splitlines()) == wanted)


@clause("svscan/entries/long-name")
def test_a_name_of_255_bytes_may_have_a_log(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    name = "n" * 255
    services(sandbox, name, f"{name}/log")
    sandbox.start("svscan", "service")
    eventually(lambda: told_words(told) == {name, "log"})


@clause("svscan/entries/added")
def test_a_directory_that_is_added_is_started(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "999")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: supervise_of(svscan, "999"))
    (folder / "1000").mkdir()
    eventually(lambda: supervise_of(svscan, "1000"), within=40)


@clause("svscan/entries/removed-keeps-running")
def test_removal_does_not_end_supervise(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    svscan = start_with_canary(sandbox)
    eventually(lambda: supervise_of(svscan, "1000"))
    (folder / "1000").rmdir()
    wait_until_scanned(svscan, 2)
    assert supervise_of(svscan, "1000")


@clause("svscan/entries/removed-not-restarted")
def test_a_removed_service_is_not_started_again(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    svscan = start_with_canary(sandbox)
    pid = eventually(lambda: supervise_of(svscan, "1000"))
    (folder / "1000").rename(folder / ".1000")
    os.kill(pid, 9)
    wait_until_scanned(svscan, 2)
    assert children(svscan.pid) == set()


@clause("svscan/entries/unreadable-service")
def test_a_service_that_may_not_be_searched_is_a_warning(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    (folder / "1000").chmod(0o000)
    svscan = sandbox.start("svscan", "service", prepare=AS_USER)
    warning = b"svscan: warning: unable to stat 1000/log: access denied\n"
    svscan.wait_until_err(warning * 2, within=40)
    assert children(svscan.pid) == set()
    (folder / "1000").chmod(0o755)
    eventually(lambda: supervise_of(svscan, "1000"), within=40)
