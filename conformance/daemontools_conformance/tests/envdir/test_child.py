"""envdir: how the child is found and run."""

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import child
from daemontools_conformance.running.sandbox import Sandbox


@clause("envdir/child/old-path")
def test_the_child_is_found_along_the_old_path(sandbox: Sandbox) -> None:
    sandbox.script("old/prog", "echo old")
    sandbox.script("new/prog", "echo new")
    sandbox.write("env/PATH", b"new")
    answer = sandbox.run("envdir", "env", "prog", env={"PATH": "old"})
    assert (answer.code, answer.out, answer.err) == (0, b"old\n", b"")


@clause("envdir/child/old-path")
def test_the_new_path_counts_one_step_later(sandbox: Sandbox) -> None:
    sandbox.script("new/prog", "echo new")
    sandbox.write("env/PATH", b"new")
    answer = sandbox.run("envdir", "env", "/usr/bin/env", "prog")
    assert (answer.code, answer.out) == (0, b"new\n")


@clause("envdir/child/old-path")
def test_a_removed_path_still_finds_the_child(sandbox: Sandbox) -> None:
    sandbox.script("old/prog", "echo old")
    sandbox.write("env/PATH", b"")
    answer = sandbox.run("envdir", "env", "prog", env={"PATH": "old"})
    assert (answer.code, answer.out, answer.err) == (0, b"old\n", b"")


@clause("envdir/child/working-directory")
def test_the_child_runs_where_envdir_was_started(sandbox: Sandbox) -> None:
    sandbox.write("env/V", b"x")
    assert child(sandbox, "envdir", "env").directory == str(sandbox.path)


@clause("envdir/child/relative-name")
def test_a_relative_name_starts_at_the_working_directory(sandbox: Sandbox) -> None:
    sandbox.script("prog", "echo here")
    sandbox.script("env/.prog", "echo there")
    answer = sandbox.run("envdir", "env", "./prog")
    assert (answer.code, answer.out, answer.err) == (0, b"here\n", b"")
