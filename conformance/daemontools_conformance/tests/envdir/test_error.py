"""envdir: what it refuses, and how it says so."""

import os

import pytest

from daemontools_conformance.helpers.marks import AS_USER, clause
from daemontools_conformance.running.sandbox import Sandbox


def refused(sandbox: Sandbox, reason: bytes, *prepare: str) -> None:
    """Run `envdir env touch ran`: it must give 111 and the reason, and not run touch."""
    answer = sandbox.run("envdir", "env", "touch", "ran", prepare=prepare)
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to " + reason + b"\n"
    assert not (sandbox.path / "ran").exists()


@clause("envdir/error/subdirectory")
def test_a_subdirectory_is_an_error(sandbox: Sandbox) -> None:
    (sandbox.path / "env/V").mkdir(parents=True)
    refused(sandbox, b"read env/V: is a directory")


@clause("envdir/error/subdirectory")
def test_the_message_shows_names_byte_for_byte(sandbox: Sandbox) -> None:
    (sandbox.path / "env/\udcff\n").mkdir(parents=True)
    refused(sandbox, b"read env/\xff\n: is a directory")


@clause("envdir/error/unreadable")
def test_an_unreadable_file_is_an_error(sandbox: Sandbox) -> None:
    sandbox.write("env/V", b"x", mode=0o000)
    refused(sandbox, b"read env/V: access denied", *AS_USER)


@clause("envdir/error/link-loop")
def test_a_link_to_itself_is_an_error(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    (sandbox.path / "env/V").symlink_to("V")
    refused(sandbox, b"read env/V: symbolic link loop")


@clause("envdir/error/link-through-file")
def test_a_link_through_a_file_is_an_error(sandbox: Sandbox) -> None:
    sandbox.write("file")
    (sandbox.path / "env").mkdir()
    (sandbox.path / "env/V").symlink_to("../file/x")
    refused(sandbox, b"read env/V: not a directory")


@clause("envdir/error/fifo-with-writer")
def test_a_fifo_that_waits_for_its_writer_is_an_error(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    os.mkfifo(sandbox.path / "env/V")
    writer = os.open(sandbox.path / "env/V", os.O_RDWR)
    try:
        refused(sandbox, b"read env/V: temporary failure")
    finally:
        os.close(writer)


@clause("envdir/error/out-of-descriptors")
def test_two_free_descriptors_are_one_too_few(sandbox: Sandbox) -> None:
    sandbox.write("env/V", b"x")
    refused(sandbox, b"read env/V: process cannot open more files", "--limit", "NOFILE=5")


@clause("envdir/error/no-directory")
def test_a_missing_directory_is_an_error(sandbox: Sandbox) -> None:
    refused(sandbox, b"switch to directory env: file does not exist")


@clause("envdir/error/not-a-directory")
def test_a_file_in_place_of_the_directory_is_an_error(sandbox: Sandbox) -> None:
    sandbox.write("env")
    refused(sandbox, b"switch to directory env: not a directory")


@clause("envdir/error/directory-not-searchable")
def test_a_directory_that_may_not_be_entered_is_an_error(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir(mode=0o000)
    refused(sandbox, b"switch to directory env: access denied", *AS_USER)


@clause("envdir/error/directory-not-readable")
def test_a_directory_that_may_not_be_listed_is_an_error(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir(mode=0o111)
    refused(sandbox, b"read directory env: access denied", *AS_USER)


@clause("envdir/error/closed-working-directory")
def test_a_working_directory_that_may_not_be_read_is_an_error(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    sandbox.path.chmod(0o111)
    refused(sandbox, b"switch to current directory: access denied", *AS_USER)


@clause("envdir/usage/no-operand")
@pytest.mark.parametrize("operands", [[], ["env"], [""]])
def test_too_few_operands_give_111_and_the_usage_line(
    sandbox: Sandbox, operands: list[str]
) -> None:
    answer = sandbox.run("envdir", *operands)
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: usage: envdir dir child\n"


@clause("envdir/usage/no-options")
@pytest.mark.parametrize("name", ["--", "-x"])
def test_an_operand_with_a_dash_is_a_directory(sandbox: Sandbox, name: str) -> None:
    sandbox.write(f"{name}/V", b"x")
    answer = sandbox.run("envdir", name, "/usr/bin/env", env={})
    assert (answer.code, answer.out, answer.err) == (0, b"V=x\n", b"")


@clause("envdir/usage/empty-operand")
def test_the_empty_operand_is_no_directory(sandbox: Sandbox) -> None:
    answer = sandbox.run("envdir", "", "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to switch to directory : file does not exist\n"
