"""exec: which errors end the search, which are remembered, and what is said."""

import os
import shutil

import pytest

from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.helpers.runners import (
    answer_of,
    arguments_before_child,
    each_runner,
    refusal,
    run_through,
)
from daemontools_conformance.helpers.samples import TRUE
from daemontools_conformance.running.sandbox import Sandbox

YES = (0, b"yes\n", b"")


def _good(sandbox: Sandbox, name: str) -> None:
    sandbox.script(name, "echo yes")


@clause("exec/error/missing")
@each_runner
def test_a_program_that_path_does_not_have(sandbox: Sandbox, runner: str) -> None:
    answer = run_through(sandbox, runner, "prog", env={"PATH": "/nowhere:/bin"})
    assert answer_of(answer) == refusal(runner, "prog", "file does not exist")


@clause("exec/error/missing-with-slash")
@each_runner
def test_a_file_that_does_not_exist(sandbox: Sandbox, runner: str) -> None:
    answer = run_through(sandbox, runner, "./prog")
    assert answer_of(answer) == refusal(runner, "./prog", "file does not exist")


@clause("exec/error/missing-interpreter")
@each_runner
def test_script_without_its_interpreter_is_passed_over(sandbox: Sandbox, runner: str) -> None:
    sandbox.script("a/prog", "echo no", interpreter="/nowhere/sh")
    alone = run_through(sandbox, runner, "prog", env={"PATH": "a"})
    _good(sandbox, "b/prog")
    followed = run_through(sandbox, runner, "prog", env={"PATH": "a:b"})
    assert answer_of(alone) == refusal(runner, "prog", "file does not exist")
    assert answer_of(followed) == YES


@clause("exec/error/not-executable")
@each_runner
def test_file_without_permission_is_passed_over(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("a/prog")
    _good(sandbox, "b/prog")
    answer = run_through(sandbox, runner, "prog", env={"PATH": "a:b"})
    assert answer_of(answer) == YES


@clause("exec/error/not-executable-remembered")
@each_runner
def test_file_without_permission_is_remembered(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("a/prog")
    answer = run_through(sandbox, runner, "prog", env={"PATH": "a:/nowhere"})
    assert answer_of(answer) == refusal(runner, "prog", "access denied")


@clause("exec/error/directory")
@each_runner
def test_directory_is_passed_over_and_remembered(sandbox: Sandbox, runner: str) -> None:
    (sandbox.path / "a/prog").mkdir(parents=True)
    alone = run_through(sandbox, runner, "prog", env={"PATH": "a:/nowhere"})
    _good(sandbox, "b/prog")
    followed = run_through(sandbox, runner, "prog", env={"PATH": "a:b"})
    assert answer_of(alone) == refusal(runner, "prog", "access denied")
    assert answer_of(followed) == YES


@clause("exec/error/closed-directory")
def test_closed_directory_is_passed_over_and_remembered(sandbox: Sandbox) -> None:
    _good(sandbox, "a/prog")
    (sandbox.path / "a").chmod(0o000)
    alone = sandbox.run("pgrphack", "prog", env={"PATH": "a:/nowhere"}, prepare=AS_USER)
    _good(sandbox, "b/prog")
    followed = sandbox.run("pgrphack", "prog", env={"PATH": "a:b"}, prepare=AS_USER)
    assert answer_of(alone) == refusal("pgrphack", "prog", "access denied")
    assert answer_of(followed) == YES


@clause("exec/error/special-file")
@each_runner
def test_special_files_may_not_be_executed(sandbox: Sandbox, runner: str) -> None:
    os.mkfifo(sandbox.path / "fifo")
    (sandbox.path / "fifo").chmod(0o777)
    fifo = run_through(sandbox, runner, "./fifo")
    device = run_through(sandbox, runner, "/dev/null")
    assert answer_of(fifo) == refusal(runner, "./fifo", "access denied")
    assert answer_of(device) == refusal(runner, "/dev/null", "access denied")


def _injected(
    sandbox: Sandbox, runner: str, directories: str, denied: str, error: str
) -> tuple[int, bytes, bytes]:
    """The answer of `runner ... prog` along `directories` if executing `denied` gives `error`."""
    words = sandbox.words(runner, *arguments_before_child(sandbox, runner), "prog")
    path = ":".join(str(sandbox.path / directory) for directory in directories.split(":"))
    call = ["strace", "-f", "-o", "/dev/null", "-P", str(sandbox.path / denied)]
    call += ["-e", "trace=execve", "-e", f"inject=execve:error={error}"]
    call += ["/usr/bin/env", f"PATH={path}"]
    return answer_of(sandbox.start_command([*call, *words]).wait())


@clause("exec/error/not-permitted")
@needs("strace")
@each_runner
def test_eperm_is_passed_over_and_remembered(sandbox: Sandbox, runner: str) -> None:
    _good(sandbox, "a/prog")
    _good(sandbox, "b/prog")
    alone = _injected(sandbox, runner, "a:nowhere", "a/prog", "EPERM")
    followed = _injected(sandbox, runner, "a:b", "a/prog", "EPERM")
    assert alone == refusal(runner, "prog", "permission denied")
    assert followed == YES


@clause("exec/error/is-directory")
@needs("strace")
@each_runner
def test_eisdir_is_passed_over_and_remembered(sandbox: Sandbox, runner: str) -> None:
    _good(sandbox, "a/prog")
    _good(sandbox, "b/prog")
    alone = _injected(sandbox, runner, "a:nowhere", "a/prog", "EISDIR")
    followed = _injected(sandbox, runner, "a:b", "a/prog", "EISDIR")
    assert alone == refusal(runner, "prog", "is a directory")
    assert followed == YES


@clause("exec/error/last-remembered")
@needs("strace")
@each_runner
def test_last_error_is_the_one_reported(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("a/prog")  # gives "access denied"
    _good(sandbox, "b/prog")
    eperm_last = _injected(sandbox, runner, "a:b", "b/prog", "EPERM")
    eperm_first = _injected(sandbox, runner, "b:a", "b/prog", "EPERM")
    assert eperm_last == refusal(runner, "prog", "permission denied")
    assert eperm_first == refusal(runner, "prog", "access denied")


@clause("exec/error/not-a-directory")
@each_runner
def test_file_in_path_ends_the_search(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("file")
    _good(sandbox, "b/prog")
    answer = run_through(sandbox, runner, "prog", env={"PATH": "file:b"})
    assert answer_of(answer) == refusal(runner, "prog", "not a directory")


@clause("exec/error/format")
@each_runner
def test_script_without_its_first_line_is_no_program(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("prog", "echo no\n", 0o755)
    sandbox.write("empty", "", 0o755)
    answer = run_through(sandbox, runner, "./prog")
    empty = run_through(sandbox, runner, "./empty")
    assert answer_of(answer) == refusal(runner, "./prog", "exec format error")
    assert answer_of(empty) == refusal(runner, "./empty", "exec format error")


@clause("exec/error/format-ends-search")
@each_runner
def test_unknown_format_ends_the_search(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("a/prog", "echo no\n", 0o755)
    _good(sandbox, "b/prog")
    answer = run_through(sandbox, runner, "prog", env={"PATH": "a:b"})
    assert answer_of(answer) == refusal(runner, "prog", "exec format error")


@clause("exec/error/loop")
@each_runner
def test_symbolic_link_loop_ends_the_search(sandbox: Sandbox, runner: str) -> None:
    (sandbox.path / "a").mkdir()
    (sandbox.path / "a/prog").symlink_to("prog")
    _good(sandbox, "b/prog")
    answer = run_through(sandbox, runner, "prog", env={"PATH": "a:b"})
    assert answer_of(answer) == refusal(runner, "prog", "symbolic link loop")


@clause("exec/error/long-name")
@each_runner
@pytest.mark.parametrize("length", [256, 300])
def test_name_that_is_too_long(sandbox: Sandbox, runner: str, length: int) -> None:
    answer = run_through(sandbox, runner, "x" * length, env={"PATH": "/nowhere:/bin"})
    assert answer_of(answer) == refusal(runner, "x" * length, "file name too long")


@clause("exec/error/long-element")
@each_runner
@pytest.mark.parametrize(
    "element", ["./" * 2045 + "b", "y" * 5000], ids=["one byte too long", "5000 bytes"]
)
def test_element_that_is_too_long_ends_the_search(
    sandbox: Sandbox, runner: str, element: str
) -> None:
    _good(sandbox, "b/prog")  # the first element makes 4096 bytes with it, one too many
    answer = run_through(sandbox, runner, "prog", env={"PATH": f"{element}:b"})
    assert answer_of(answer) == refusal(runner, "prog", "file name too long")


@clause("exec/error/busy")
@each_runner
def test_file_open_for_writing(sandbox: Sandbox, runner: str) -> None:
    shutil.copy(TRUE, sandbox.path / "prog")
    with open(sandbox.path / "prog", "ab"):
        answer = run_through(sandbox, runner, "./prog")
    assert answer_of(answer) == refusal(runner, "./prog", "text busy")


@clause("exec/error/too-much")
def test_more_arguments_than_the_stack_allows(sandbox: Sandbox) -> None:
    words = ["x" * 100] * 2000
    answer = sandbox.run("softlimit", "-s", "20480", TRUE, *words)
    assert answer_of(answer) == refusal("softlimit", TRUE, "argument list too long")


@clause("exec/error/empty-name")
@each_runner
def test_empty_name_finds_directories(sandbox: Sandbox, runner: str) -> None:
    answer = run_through(sandbox, runner, "", "x", env={"PATH": "/nowhere:/bin"})
    assert answer_of(answer) == refusal(runner, "", "access denied")


@clause("exec/error/empty-name-nowhere")
@each_runner
def test_empty_name_without_directories(sandbox: Sandbox, runner: str) -> None:
    answer = run_through(sandbox, runner, "", env={"PATH": "/nowhere"})
    assert answer_of(answer) == refusal(runner, "", "file does not exist")


@clause("exec/error/name-as-given")
@each_runner
def test_message_shows_the_bytes_of_the_name(sandbox: Sandbox, runner: str) -> None:
    name = b"./\xff\xfe \xc3\xbc\n\x01"
    answer = run_through(sandbox, runner, name)
    assert answer_of(answer) == refusal(runner, name, "file does not exist")
