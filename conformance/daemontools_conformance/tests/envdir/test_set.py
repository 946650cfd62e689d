"""envdir: what a file makes of a variable."""

import os

import pytest

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.states import child, direct
from daemontools_conformance.helpers.strace import messages, under_strace
from daemontools_conformance.running.record import by_name
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.envdir.entries import block, of, variables


@clause("envdir/set/value")
def test_a_file_sets_the_variable_of_its_name(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/first-line")
def test_only_the_first_line_counts(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/no-final-newline")
def test_a_newline_at_the_end_is_not_needed(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/trailing-blanks")
def test_blanks_and_tabs_at_the_end_are_removed(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/other-white-space")
def test_other_white_space_stays(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/nul-becomes-newline")
def test_each_nul_becomes_a_newline(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/nul-before-trimming")
def test_a_nul_protects_the_blanks_before_it(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/any-bytes")
def test_every_other_byte_arrives(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/newline-only")
def test_a_newline_alone_sets_the_empty_value(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/blanks-only")
def test_blanks_alone_set_the_empty_value(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/set/few-descriptors")
def test_no_more_descriptors_for_more_files(sandbox: Sandbox) -> None:
    for number in range(40):
        sandbox.write(f"env/V{number}", "x\n")
    few = ["--limit", "NOFILE=16"]
    answer = sandbox.run("envdir", "env", "sh", "-c", "echo $V0$V39", prepare=few)
    assert (answer.code, answer.out, answer.err) == (0, b"xx\n", b"")


@clause("envdir/set/very-many-blanks")
@pytest.mark.parametrize("count", [100_000, 3_000_000])
@pytest.mark.parametrize("end", [b"", b"\nx"])
def test_more_blanks_than_a_value_may_have_are_removed(
    sandbox: Sandbox, count: int, end: bytes
) -> None:
    assert variables(sandbox, [(b"V", b"x" + b" \t" * count + end)]) == [b"V=x"]


@clause("envdir/set/large")
def test_a_large_value_arrives(sandbox: Sandbox) -> None:
    assert variables(sandbox, [(b"V", b"a" * 100000)]) == [b"V=" + b"a" * 100000]


@clause("envdir/set/large-rest")
def test_a_large_rest_does_no_harm(sandbox: Sandbox) -> None:
    assert variables(sandbox, [(b"V", b"x\n" + b"a" * 3000000)]) == [b"V=x"]


@clause("envdir/set/too-large")
def test_an_entry_that_the_kernel_refuses_gives_111(sandbox: Sandbox) -> None:
    sandbox.write("env/V", b"a" * 1048576)
    answer = sandbox.run("envdir", "env", "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to run true: argument list too long\n"


@clause("envdir/set/no-files")
def test_an_empty_directory_changes_nothing(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    assert child(sandbox, "envdir", "env").environment == direct(sandbox).environment


@clause("envdir/set/close-fails")
@needs("strace")
def test_an_error_of_close_changes_no_value(sandbox: Sandbox) -> None:
    file = sandbox.write("env/V", "x\n").resolve()
    tampering = ["-e", "inject=close:error=EIO"]
    script = ["env", "/bin/sh", "-c", "echo $V"]
    finished = under_strace(sandbox, [file], tampering, script, "envdir").wait()
    assert (finished.code, finished.out, messages(finished.err)) == (0, b"x\n", b"")


@clause("envdir/remove/empty-file")
def test_an_empty_file_removes_the_variable(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/remove/absent-variable")
def test_an_empty_file_for_no_variable_changes_nothing(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/remove/longer-names")
def test_variables_with_similar_names_stay(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/remove/dangling-link")
def test_a_link_to_nowhere_removes_the_variable(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    (sandbox.path / "env/V").symlink_to("nowhere")
    assert of([b"V"], child(sandbox, "envdir", "env", env={"V": "1"}).environment) == []


@clause("envdir/remove/dangling-link-after-file")
def test_a_link_to_nowhere_does_not_repeat_the_file_before_it(sandbox: Sandbox) -> None:
    # Directories have an order of their own: one name of many stands behind another file.
    for number in range(20):
        sandbox.write(f"env/V{number}", b"value")
    last = os.listdir(sandbox.path / "env")[-1]
    (sandbox.path / "env" / last).unlink()
    (sandbox.path / "env" / last).symlink_to("nowhere")
    if os.listdir(sandbox.path / "env")[0] == last:  # newest first: make others newer
        for number in range(20, 40):
            sandbox.write(f"env/V{number}", b"value")
    seen = child(sandbox, "envdir", "env", env={last: "1"})
    assert not [entry for entry in seen.environment if entry.startswith(last.encode() + b"=")]


@clause("envdir/remove/fifo")
def test_a_fifo_without_writer_removes_the_variable(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    os.mkfifo(sandbox.path / "env/V")
    assert of([b"V"], child(sandbox, "envdir", "env", env={"V": "1"}).environment) == []


@clause("envdir/block/replaced-last")
def test_the_last_entry_moves_and_the_new_one_is_appended(sandbox: Sandbox, vector: Vector) -> None:
    assert block(sandbox, vector) == vector.answer["environment"]


@clause("envdir/block/duplicates")
def test_only_the_first_of_two_entries_changes(sandbox: Sandbox, vector: Vector) -> None:
    assert by_name(block(sandbox, vector)) == by_name(vector.answer["environment"])


@clause("envdir/block/entries-without-equals")
def test_entries_without_equals_sign_stay(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])
