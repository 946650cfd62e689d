"""The cyclic log as tables: bounds of files, what is removed, and every state of the directory."""

import doctest
import runpy
import tomllib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import lines, match, rotate, script, selection
from daemontools.core.rotate import (
    FULL,
    KEEP,
    MARGIN,
    PROCESS,
    QUIT,
    after,
    cut,
    ends_well,
    old_files,
    restart,
    surplus,
)

if TYPE_CHECKING:
    from daemontools.core.rotate import Directory, Step

ROOT = Path(__file__).parents[2]
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


def states_on_the_way() -> "list[Directory]":
    """Every state that a rotation, an end or a restart passes through."""
    writing = {"current": "644", "state": "644"}
    found = [{}, writing, *passed(writing, FULL + KEEP), *passed(writing, QUIT)]
    marked = passed(writing, FULL)[-1]
    found += passed(marked, PROCESS)
    for directory in list(found):
        steps = restart(directory.get("current", ""), directory.get("processed", ""))
        found += passed(directory, steps)
    return found


def passed(directory: "Directory", steps: "list[Step]") -> "list[Directory]":
    states = []
    for step in steps:
        directory = after(directory, step)
        states.append(directory)
    return states


def essence(directory: "Directory") -> frozenset[str]:
    """What a restart can see of a directory: neither state nor old files decide anything."""
    seen = {f"{name} {mode[0] == '7'} {mode.endswith('+')}" for name, mode in directory.items()}
    return frozenset(
        word for word in seen if word.split()[0] in ("current", "previous", "processed")
    )


def as_directory(state: dict[str, Any]) -> "Directory":
    """A state of the suite's fixtures in the words of core/rotate.py."""
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
    for act, file, what in restart(directory.get("current", ""), directory.get("processed", "")):
        if act == "keep" and file in directory and not directory[file].endswith("+"):
            old.append(f"{what[-1]} {file}")
    assert old == state["old"]


@pytest.mark.parametrize("module", [lines, match, rotate, script, selection])
def test_examples_in_docstrings(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_the_diagram_is_fresh() -> None:
    diagram = runpy.run_path(str(ROOT / "docs/diagrams/cyclic_log.py"))
    assert diagram["SOURCE"].read_text() == diagram["dot"]()
    assert "becomes @label.u" in diagram["PICTURE"].read_text()
