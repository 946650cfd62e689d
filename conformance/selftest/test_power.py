"""What a power cut can leave, according to faults/power.py, and which promises that breaks."""

from pathlib import Path

import pytest

from daemontools_conformance.faults.power import AFTER, Disk, Event, Left, states
from daemontools_conformance.helpers.strace import change_in

LINE = b"00000000 line\n"
CREATE = ("create", "current", "0644"), b""
WRITE = ("write", "current"), LINE
SYNC = ("sync", "current"), b""
MARK = ("mode", "current", "0744"), b""
Call = tuple[Event, bytes]


def left(*calls: Call) -> list[tuple[int, int]]:
    """Mode and size of current in each state that a cut of these calls can leave."""
    found = [it for it in states(Disk(), calls) if it.contents]
    return sorted((it.disk.names["current"].mode, len(it.contents["current"])) for it in found)


def test_what_is_not_synced_is_there_or_lost_or_cut_short() -> None:
    assert left(CREATE, WRITE) == [(0o644, size) for size in (0, 1, 7, 13, 14)]


def test_what_is_synced_is_certain() -> None:
    states_of_marked = [state for state in left(CREATE, WRITE, SYNC, MARK) if state[0] == 0o744]
    assert states_of_marked == [(0o744, 14)]


def test_a_mode_may_be_there_before_the_data() -> None:
    assert (0o744, 0) in left(CREATE, WRITE, MARK, SYNC)


def test_the_other_name_of_a_file_has_its_fate() -> None:
    link = ("link", "current", "@.s"), b""
    for it in states(Disk(), [CREATE, WRITE, link]):
        assert len(set(it.contents.values())) <= 1


@pytest.mark.parametrize(
    ("call", "change"),
    [
        ('unlink("previous") = 0', "remove previous"),
        ('unlinkat(AT_FDCWD, "previous", 0) = 0', "remove previous"),
        ('unlinkat(7</x/log>, "previous", 0) = 0', "remove previous"),
        ('fchmodat(7</x/log>, "current", 0744) = 0', "mode current 0744"),
        ("fchmod(7</x/log/current>, 0744) = 0", "mode current 0744"),
        ("fsync(7</x/log/current>) = 0", "sync current"),
    ],
)
def test_a_traced_change_names_the_file_and_not_the_directory(call: str, change: str) -> None:
    assert change_in(call) == change


@pytest.mark.parametrize(
    ("old", "current", "promise"),
    [
        ({}, b"", "lost"),
        ({"@1.u": LINE, "@2.u": LINE}, b"", "doubled"),
        ({"@1.u": b"00000001 line\n", "@2.u": LINE}, b"", "out of order"),
        ({"@1.u": LINE, "@2.s": b"0000"}, b"", "perhaps incomplete, yet .s"),
        ({"@1.u": LINE}, b"0000", "perhaps incomplete, yet current"),
    ],
)
def test_each_broken_promise_is_seen(
    tmp_path: Path, old: dict[str, bytes], current: bytes, promise: str
) -> None:
    *_, cut = states(Disk(), [CREATE, WRITE, SYNC])
    for name, content in {**old, "current": current + AFTER, "state": b""}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "current").chmod(0o744)
    assert Left(cut.disk, cut.contents).broken(tmp_path) == [promise]
