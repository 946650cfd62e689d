"""svscan: arguments, and the directory that it works in."""

import os

from daemontools_conformance.helpers.marks import AS_USER, clause
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    services,
    supervise_of,
    wait_until_scanned_again,
    waiting_supervise,
)


@clause("svscan/usage/no-argument")
def test_without_an_argument_it_scans_its_directory(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", cwd="service")
    eventually(lambda: supervise_of(svscan, "1000"))


@clause("svscan/usage/directory")
def test_with_an_argument_it_goes_there(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: supervise_of(svscan, "1000"))
    assert record(svscan.pid).directory == os.path.realpath(folder)


@clause("svscan/usage/further-arguments")
def test_further_arguments_are_ignored(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000")
    svscan = sandbox.start("svscan", "service", "nowhere", "-x")
    eventually(lambda: supervise_of(svscan, "1000"))


@clause("svscan/usage/no-options")
def test_a_word_with_a_dash_is_a_directory(sandbox: Sandbox) -> None:
    answer = sandbox.run("svscan", "--help")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svscan: fatal: unable to chdir to --help: file does not exist\n"


@clause("svscan/usage/missing-directory")
def test_a_missing_directory_gives_111(sandbox: Sandbox) -> None:
    answer = sandbox.run("svscan", "nowhere")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svscan: fatal: unable to chdir to nowhere: file does not exist\n"


@clause("svscan/usage/empty-argument")
def test_an_empty_argument_gives_111(sandbox: Sandbox) -> None:
    assert sandbox.run("svscan", "").code == 111


@clause("svscan/usage/not-a-directory")
def test_a_file_gives_111(sandbox: Sandbox) -> None:
    sandbox.write("file")
    answer = sandbox.run("svscan", "file")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svscan: fatal: unable to chdir to file: not a directory\n"


@clause("svscan/usage/closed-directory")
def test_a_closed_directory_gives_111(sandbox: Sandbox) -> None:
    services(sandbox).chmod(0o000)
    answer = sandbox.run("svscan", "service", prepare=AS_USER)
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"svscan: fatal: unable to chdir to service: access denied\n"


@clause("svscan/usage/unreadable-directory")
def test_an_unreadable_directory_is_tried_again(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000")
    folder.chmod(0o111)
    svscan = sandbox.start("svscan", "service", prepare=AS_USER)
    eventually(lambda: svscan.said.count(b"\n") >= 2, within=40, what="it complains twice")
    folder.chmod(0o755)
    eventually(lambda: supervise_of(svscan, "1000"), within=40)


@clause("svscan/usage/unreadable-directory-message")
def test_what_is_said_of_an_unreadable_directory(sandbox: Sandbox) -> None:
    services(sandbox).chmod(0o111)
    svscan = sandbox.start("svscan", "service", prepare=AS_USER)
    eventually(lambda: svscan.said)
    expected = b"svscan: warning: unable to read directory: access denied\n"
    assert (svscan.out, svscan.err) == (b"", expected)


@clause("svscan/usage/silent")
def test_all_is_well_and_nothing_is_said(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    services(sandbox, "1000", "1001")
    svscan = sandbox.start("svscan", "service")
    wait_until_scanned_again(sandbox, lambda name: supervise_of(svscan, name))
    assert (svscan.out, svscan.err) == (b"", b"")
