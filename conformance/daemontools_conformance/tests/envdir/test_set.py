"""envdir: what a file makes of a variable."""

import os

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import child, direct
from daemontools_conformance.running.record import by_name
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.envdir.entries import of


def variables(sandbox: Sandbox, files: dict[bytes, bytes], *entries: bytes) -> list[bytes]:
    """What envdir with these files makes of a block of these entries, ordered by name."""
    return list(by_name(block(sandbox, files, *entries)))


def block(sandbox: Sandbox, files: dict[bytes, bytes], *entries: bytes) -> list[bytes]:
    """The same in the order of the child's block."""
    (sandbox.path / "env").mkdir()
    for name, content in files.items():
        sandbox.write(b"env/" + name, content)
    words = [word for entry in entries for word in (b"--environ-entry", entry)]
    seen = child(sandbox, "envdir", "env", prepare=["--empty-environ", *words])
    return of([*files, *(entry.partition(b"=")[0] for entry in entries)], seen.block)


@clause("envdir/set/value")
def test_a_file_sets_the_variable_of_its_name(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"x\n"}) == [b"V=x"]


@clause("envdir/set/value")
def test_a_file_sets_a_variable_anew(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"x\n"}, b"V=old") == [b"V=x"]


@clause("envdir/set/first-line")
def test_only_the_first_line_counts(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"x\ny\n"}) == [b"V=x"]


@clause("envdir/set/first-line")
def test_an_empty_first_line_is_the_value(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"\ny\n"}) == [b"V="]


@clause("envdir/set/few-descriptors")
def test_no_more_descriptors_for_more_files(sandbox: Sandbox) -> None:
    for number in range(40):
        sandbox.write(f"env/V{number}", "x\n")
    few = ["--limit", "NOFILE=16"]
    answer = sandbox.run("envdir", "env", "sh", "-c", "echo $V0$V39", prepare=few)
    assert (answer.code, answer.out, answer.err) == (0, b"xx\n", b"")


@clause("envdir/set/no-final-newline")
def test_a_newline_at_the_end_is_not_needed(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"x"}) == [b"V=x"]


@clause("envdir/set/trailing-blanks")
def test_blanks_and_tabs_at_the_end_are_removed(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b" \ta b \t \t\n"}) == [b"V= \ta b"]


@clause("envdir/set/very-many-blanks")
@pytest.mark.parametrize("count", [100_000, 3_000_000])
@pytest.mark.parametrize("end", [b"", b"\nx"])
def test_more_blanks_than_a_value_may_have_are_removed(
    sandbox: Sandbox, count: int, end: bytes
) -> None:
    assert variables(sandbox, {b"V": b"x" + b" \t" * count + end}) == [b"V=x"]


@clause("envdir/set/other-white-space")
@pytest.mark.parametrize("end", [b"\r", b"\v", b"\f", b"\xa0"])
def test_other_white_space_stays(sandbox: Sandbox, end: bytes) -> None:
    assert variables(sandbox, {b"V": b"x " + end + b"\n"}) == [b"V=x " + end]


@clause("envdir/set/nul-becomes-newline")
def test_each_nul_becomes_a_newline(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"a\0b\0\0c\0\nd\0"}) == [b"V=a\nb\n\nc\n"]


@clause("envdir/set/nul-before-trimming")
def test_a_nul_protects_the_blanks_before_it(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"a \t\0 \n"}) == [b"V=a \t\n"]


@clause("envdir/set/any-bytes")
def test_every_other_byte_arrives(sandbox: Sandbox) -> None:
    data = bytes(number for number in range(1, 256) if number != 10)
    assert variables(sandbox, {b"V": data + b"\n"}) == [b"V=" + data]


@clause("envdir/set/large")
def test_a_large_value_arrives(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"a" * 100000}) == [b"V=" + b"a" * 100000]


@clause("envdir/set/large-rest")
def test_a_large_rest_does_no_harm(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"x\n" + b"a" * 3000000}) == [b"V=x"]


@clause("envdir/set/too-large")
def test_an_entry_that_the_kernel_refuses_gives_111(sandbox: Sandbox) -> None:
    sandbox.write("env/V", b"a" * 1048576)
    answer = sandbox.run("envdir", "env", "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envdir: fatal: unable to run true: argument list too long\n"


@clause("envdir/set/newline-only")
def test_a_newline_alone_sets_the_empty_value(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b"\n"}, b"V=1") == [b"V="]


@clause("envdir/set/blanks-only")
@pytest.mark.parametrize("blanks", [b" ", b" \t ", b"\t\n"])
def test_blanks_alone_set_the_empty_value(sandbox: Sandbox, blanks: bytes) -> None:
    assert variables(sandbox, {b"V": blanks}, b"V=1") == [b"V="]


@clause("envdir/set/no-files")
def test_an_empty_directory_changes_nothing(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    assert child(sandbox, "envdir", "env") == direct(sandbox)


@clause("envdir/remove/empty-file")
def test_an_empty_file_removes_the_variable(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b""}, b"A=1", b"V=1") == [b"A=1"]


@clause("envdir/remove/absent-variable")
def test_an_empty_file_for_no_variable_changes_nothing(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b""}, b"A=1", b"B=1") == [b"A=1", b"B=1"]


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


@clause("envdir/remove/longer-names")
def test_variables_with_similar_names_stay(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"V": b""}, b"VX=1", b"V=1", b"v=1") == [b"VX=1", b"v=1"]


@clause("envdir/block/replaced-last")
def test_the_last_entry_takes_the_place_and_the_new_one_is_appended(sandbox: Sandbox) -> None:
    seen = block(sandbox, {b"A": b"x"}, b"A=1", b"B=2", b"C=3")
    assert seen == [b"C=3", b"B=2", b"A=x"]


@clause("envdir/block/replaced-last")
def test_the_last_entry_itself_is_replaced_in_place(sandbox: Sandbox) -> None:
    assert block(sandbox, {b"B": b"x"}, b"A=1", b"B=2") == [b"A=1", b"B=x"]


@clause("envdir/block/replaced-last")
def test_a_removed_variable_leaves_its_place_to_the_last(sandbox: Sandbox) -> None:
    assert block(sandbox, {b"A": b""}, b"A=1", b"B=2", b"C=3") == [b"C=3", b"B=2"]


@clause("envdir/block/duplicates")
def test_only_the_first_of_two_is_replaced(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"A": b"x"}, b"A=1", b"B=2", b"A=3") == [b"A=3", b"A=x", b"B=2"]


@clause("envdir/block/duplicates")
def test_the_second_of_two_stays_where_it_is(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"A": b"x"}, b"A=1", b"A=2", b"B=3") == [b"A=2", b"A=x", b"B=3"]


@clause("envdir/block/duplicates")
def test_entries_that_are_there_twice_stay_so(sandbox: Sandbox) -> None:
    seen = variables(sandbox, {b"A": b"x"}, b"B=2", b"B=2", b"odd", b"odd")
    assert seen == [b"A=x", b"B=2", b"B=2", b"odd", b"odd"]


@clause("envdir/block/duplicates")
def test_only_the_first_of_two_is_removed(sandbox: Sandbox) -> None:
    assert variables(sandbox, {b"A": b""}, b"A=1", b"B=2", b"A=3") == [b"A=3", b"B=2"]


@clause("envdir/block/entries-without-equals")
def test_entries_without_equals_sign_stay(sandbox: Sandbox) -> None:
    seen = variables(sandbox, {b"A": b"x", b"B": b""}, b"A", b"B", b"", b"C=3")
    assert sorted(seen) == [b"", b"A", b"A=x", b"B", b"C=3"]
