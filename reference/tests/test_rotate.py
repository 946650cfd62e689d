"""The cyclic log as tables: bounds of files, what is removed, and every state of the directory."""

import doctest
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import lines, match, rotate, script
from daemontools.core.rotate import (
    FULL,
    GIVE_UP,
    KEEP,
    MARGIN,
    PROCESSED,
    PROCESSOR,
    QUIT,
    cut,
    ends_well,
    keep,
    old_files,
    surplus,
)
from daemontools.fast import lines as fast_lines

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs/_ext"))
import cyclic_log  # noqa: E402
from cyclic_log import WRITING, recovery, restart, walk  # noqa: E402

if TYPE_CHECKING:
    from cyclic_log import Directory, Step

STATES = tomllib.loads((ROOT / "fixtures/logdirs/states.toml").read_text())["state"]
SIZE = 4096

line = st.tuples(st.integers(0, 5000), st.booleans()).map(
    lambda pair: b"x" * (pair[0] if pair[1] else pair[0] % 90) + b"\n"
)


@given(st.lists(line, max_size=40), st.integers(1, 70_000), st.integers(1, 9000))
def test_files_keep_to_the_bounds_however_input_and_disk_divide_it(
    pieces: list[bytes], block_bytes: int, disk_bytes: int
) -> None:
    text = b"".join(pieces)
    files, current = [], b""
    for begin in range(0, len(text), block_bytes):
        block, start = text[begin : begin + block_bytes], 0
        while start < len(block):
            if len(current) >= SIZE:
                files.append(current)
                current = b""
            piece = block[start : cut(block, start, len(current), SIZE)][:disk_bytes]
            assert piece
            start += len(piece)
            current += piece
            if ends_well(len(current), SIZE, piece[-1]):
                files.append(current)
                current = b""
    assert b"".join([*files, current]) == text
    for file in files:
        assert SIZE - MARGIN <= len(file) <= SIZE
        assert file.endswith(b"\n") or file.rfind(b"\n") < SIZE - MARGIN


def test_a_write_is_as_long_as_it_can_be_wherever_it_begins_in_its_block() -> None:
    block = b"x" * 3000 + b"\nfirst\nsecond"
    assert cut(block, 3001, 0, SIZE) == len(block)


FILES = {"current", "previous", "processed", "state", "newstate"}
SETTING = {"empty", "mark", "unmark", "remove", "discard"}  # verbs that open and close nothing


@pytest.mark.parametrize(
    ("tables", "opened"),
    [
        ("FULL KEEP", {"current"}),
        ("FULL PROCESSED", {"current"}),
        ("FULL GIVE_UP", {"current"}),
        ("FULL KEEP QUIT", {"current"}),
        ("GO_ON", set()),
        ("FORGET", set()),
    ],
)
def test_every_step_of_a_table_can_be_carried_out(tables: str, opened: set[str]) -> None:
    steps = [step for table in tables.split() for step in vars(rotate)[table]]
    assert still_open(steps, opened) == (set() if tables == "FORGET" else {"current"})


@pytest.mark.parametrize("is_processed", [False, True])
def test_every_step_of_a_restart_can_be_carried_out(*, is_processed: bool) -> None:
    assert still_open(rotate.recovery(is_processed=is_processed), set()) == {"current"}


def still_open(steps: list[tuple[str, str, str]], opened: set[str]) -> set[str]:
    """The files that are open after the steps. Checks that each step has what it needs."""
    files = set(opened)
    for act, file, name in steps:
        assert file in FILES
        if act in ("create", "append"):
            assert file not in files
            files.add(file)
        elif act in ("sync", "close"):
            assert file in files
            files -= {file} if act == "close" else set()
        elif act == "rename":
            assert file not in files
            assert name in FILES
        elif act == "keep":
            assert file not in files
            assert name in ("@label.s", "@label.u")
        else:
            assert act in SETTING
    return files


def test_a_processor_reads_two_files_and_writes_two_each_with_a_descriptor_of_its_own() -> None:
    assert {(act, file) for act, file, _ in rotate.PROCESSOR} == {
        ("read", "previous"),
        ("read", "state"),
        ("empty", "processed"),
        ("empty", "newstate"),
    }
    assert [int(number) for _, _, number in rotate.PROCESSOR] == [0, 1, 4, 5]


def test_a_file_that_does_not_exist_is_not_kept() -> None:
    assert keep("previous", "@label.s", None) == []


names = st.lists(
    st.one_of(
        st.integers(0, 2**96 - 1).map(lambda n: b"@%024x.s" % n),
        st.binary(min_size=1, max_size=30).map(lambda b: b"@" + b),
        st.sampled_from([b"current", b"lock", b"state"]),
    ),
    unique=True,
)


@given(names, st.integers(2, 12))
def test_the_oldest_go_and_fewer_than_the_number_stay(found: list[bytes], number: int) -> None:
    old, gone = old_files(found), surplus(found, number)
    assert old == sorted(old)
    assert gone == old[: len(gone)]
    assert len(old) - len(gone) == min(len(old), number - 1)


def passed(directory: "Directory", steps: "list[Step]") -> "list[Directory]":
    """Every state on the way."""
    return [directory, *(following for _, following in walk(directory, steps))]


def states_on_the_way() -> "list[Directory]":
    """Every state that a rotation, an end or a restart passes through."""
    marked = passed(WRITING, FULL)[-1]
    found = [{}, *passed(WRITING, FULL + KEEP), *passed(WRITING, QUIT)]
    found += passed(marked, PROCESSOR + PROCESSED)
    found += passed(passed(marked, PROCESSOR)[-1], GIVE_UP)
    for directory in list(found):
        found += passed(directory, restart(directory))
    return found


def essence(directory: "Directory") -> frozenset[str]:
    """The part of a directory that decides what a restart does: not `state`, and no old file."""
    seen = {f"{name} {mode[0] == '7'} {mode.endswith('+')}" for name, mode in directory.items()}
    return frozenset(
        word for word in seen if word.split()[0] in ("current", "previous", "processed")
    )


def as_directory(state: dict[str, Any]) -> "Directory":
    """A state from the fixtures, in the words of core/rotate.py."""
    linked = state.get("same", [""])[0]
    return {
        name.replace("@.", "@label."): mode + ("+" if name == linked else "")
        for name, mode in state["files"].items()
    }


def test_fixtures_hold_every_state_on_the_way() -> None:
    built = {essence(as_directory(state)) for state in STATES}
    missing = [d for d in states_on_the_way() if essence(d) not in built]
    assert missing == []


@pytest.mark.parametrize("state", STATES, ids=[state["name"] for state in STATES])
def test_restart_keeps_what_the_fixtures_say(state: dict[str, Any]) -> None:
    directory = as_directory(state)
    old = [f"{name[-1]} {name.replace('label', '')}" for name in directory if name[0] == "@"]
    if "same" in state:
        old = [f"{old[0][0]} {state['same'][0]}"]
    for (act, file, name), _ in walk(directory, restart(directory)):
        if act == "link":
            old.append(f"{name[-1]} {file}")
    assert old == state["old"]


@pytest.mark.parametrize(
    ("names", "acts"),
    [(None, []), (0, ["link", "remove"]), (1, ["link", "remove"]), (2, ["remove"])],
)
def test_a_file_is_linked_unless_it_has_its_second_name(names: int | None, acts: list[str]) -> None:
    assert [act for act, *_ in keep("previous", "@label.s", names)] == acts


def test_a_file_that_was_linked_already_is_only_removed() -> None:
    linked = passed(WRITING, FULL + KEEP)[-2]
    assert linked == {
        "@label.s": "744", "current": "644", "previous": "744+", "state": "644"
    }  # fmt: skip
    assert recovery(linked) == ["removes previous", "keeps current as @label.u"]
    files, words = "current 644, previous 744, state 644, @label.s 744", recovery(linked)
    assert f"| {files} | {', '.join(words)} |" in cyclic_log.rotation()
    assert all(f">{word}" in cyclic_log.dot().replace("restart: ", "") for word in words)


def test_a_file_is_filled_with_the_last_line_that_fits() -> None:
    block = b"x" * 79 + b"\n"
    assert rotate.cut(block * 200, 0, 0, 4096) == 4096 // 80 * 80


@pytest.mark.parametrize("module", [lines, match, rotate, script, fast_lines])
def test_examples_in_docstrings(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_the_diagram_is_fresh() -> None:
    assert cyclic_log.SOURCE.read_text() == cyclic_log.dot()
    assert "keeps current as @label.u" in cyclic_log.PICTURE.read_text()


def test_a_file_ends_well_from_2000_bytes_below_its_size_on() -> None:
    newline = ord("\n")
    assert rotate.ends_well(2096, 4096, newline)
    assert not rotate.ends_well(2095, 4096, newline)
    assert not rotate.ends_well(2096, 4096, ord("x"))


def test_a_line_is_cut_from_2000_bytes_below_the_size_on() -> None:
    assert rotate.cut(b"one\ntwo", 0, 2089, 4096) == len(b"one\n")
    assert rotate.cut(b"one\ntwo", 0, 2088, 4096) == len(b"one\ntwo")


def test_old_files_begin_with_an_at_sign_and_have_25_characters_or_more() -> None:
    names = [b"@" + b"b" * 24, b"@" + b"a" * 23, b"x" * 25, b"@" + b"a" * 30]
    assert rotate.old_files(names) == [b"@" + b"a" * 30, b"@" + b"b" * 24]


def test_a_status_file_has_1001_bytes() -> None:
    assert lines.status(b"short") == b"short" + b"\n" * 996
    assert lines.status(b"x" * 2000) == b"x" * 1000 + b"\n"


def test_the_status_written_last_is_the_last() -> None:
    output = lines.Output([(b"=", b"a"), (b"=", b"b")])
    output.set_status(0, b"one")
    output.set_status(1, b"two")
    output.set_status(0, b"three")
    assert list(output.statuses) == [1, 0]
    assert output.statuses[0].rstrip(b"\n") == b"three"
