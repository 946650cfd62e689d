"""A tree of services under a hand that does anything at any time, for minutes."""

import os
import random
from itertools import pairwise

from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import children, resident_kilobytes
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.tree.hand import (
    NAMES,
    Hand,
    begin,
    bring_up,
    play,
    play_to_the_end,
    supervise_in,
)
from daemontools_conformance.tests.tree.writers import lines_of_writers, noted

GROWTH = 4000  # KB: more is a leak


@heavy("soak")
@clause("svscan/pipe/survives-everybody")
def test_no_line_is_lost_torn_doubled_or_late(
    sandbox: Sandbox, dice: random.Random, minutes: float
) -> None:
    hand = begin(sandbox, dice)
    play_to_the_end(hand, minutes * 60)
    for folder in [*(hand.folder(name) for name in NAMES), *hand.removed]:
        arrived = lines_of_writers(folder)
        for writer, numbers in arrived.items():
            assert numbers == list(range(1, len(numbers) + 1)), f"{folder.name}: writer {writer}"
        for writer, last in noted(folder).items():
            assert len(arrived.get(writer, [])) >= last, f"{folder.name}: writer {writer}"


@heavy("soak")
@clause("multilog/kill/random")
def test_a_killed_multilog_loses_what_it_held_and_no_more(
    sandbox: Sandbox, dice: random.Random, minutes: float
) -> None:
    hand = begin(sandbox, dice, kills_loggers=True)
    play_to_the_end(hand, minutes * 60)
    kills = sum("svc -k log" in act or "SIGKILL to" in act for act in hand.acts)
    for folder in [*(hand.folder(name) for name in NAMES), *hand.removed]:
        arrived = lines_of_writers(folder)
        assert len(arrived.pop("", [])) <= kills
        gaps = 0
        for writer, numbers in arrived.items():
            assert numbers == sorted(set(numbers)), f"{folder.name}: writer {writer}"
            gaps += sum(later - earlier > 1 for earlier, later in pairwise([0, *numbers]))
        assert gaps <= kills


@heavy("soak")
@clause("svscan/scan/restarts-supervise")
def test_every_service_comes_up_again_and_again(
    sandbox: Sandbox, dice: random.Random, minutes: float
) -> None:
    hand = begin(sandbox, dice, kills_loggers=True)
    end = os.times().elapsed + minutes * 60
    while os.times().elapsed < end:
        play(hand, min(10.0, minutes * 60))
        bring_up(hand)


@heavy("soak")
@needs("linux")
@clause("svscan/limit/no-leak")
def test_nothing_is_left_and_nothing_grows(
    sandbox: Sandbox, dice: random.Random, minutes: float
) -> None:
    hand = begin(sandbox, dice, kills_loggers=True)
    bring_up(hand)
    before = sizes(hand)
    play(hand, minutes * 60)
    bring_up(hand)

    def as_before() -> bool:  # svscan forgets what is gone at its next scan
        after = sizes(hand)
        return all(
            after[process][0] == descriptors and after[process][1] - kilobytes < GROWTH
            for process, (descriptors, kilobytes) in before.items()
        )

    eventually(as_before, within=60)
    eventually(lambda: len(children(hand.svscan.pid)) == 2 * len(NAMES), within=60)


def sizes(hand: Hand) -> dict[str, tuple[int, int]]:
    """Descriptors and resident kilobytes of svscan and each supervise."""
    parts = [part for name in NAMES for part in (name, f"{name}/log")]
    pids = {part: supervise_in(hand, hand.folder(part)) for part in parts}
    return {part: size(pid) for part, pid in {**pids, "svscan": hand.svscan.pid}.items()}


def size(pid: int) -> tuple[int, int]:
    """Descriptors and resident kilobytes of a process; not the directory that it reads just now."""
    kept = [t for t in record(pid).descriptors.values() if not t.endswith("/service")]
    return len(kept), resident_kilobytes(pid)
