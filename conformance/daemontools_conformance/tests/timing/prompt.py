"""How long something takes at best: a busy machine may delay one attempt or another, not all."""

import time
from collections.abc import Callable

from daemontools_conformance.running.patience import deadline

TRIES = 7
AT_ONCE = 0.35  # seconds: more than a process needs to be scheduled, less than anybody naps


def check_prompt(attempt: Callable[[], float], within: float = AT_ONCE) -> None:
    """One of several attempts must take less than `within` seconds; each says how long it took."""
    taken: list[float] = []
    while len(taken) < TRIES:
        taken.append(attempt())
        if taken[-1] < deadline(within):
            return
    assert min(taken) < deadline(within), f"it never takes less than {min(taken):.2f} s"


def seconds(action: Callable[[], object]) -> float:
    """How long the action takes."""
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def check_no_longer(
    usual: Callable[[], float], action: Callable[[], float], within: float = AT_ONCE
) -> None:
    """The action must take less than `within` seconds more than the usual one, each at its best."""
    usually, taken = [usual(), usual()], [action(), action()]
    while len(taken) < TRIES:
        usually.append(usual())
        taken.append(action())
        if min(taken) - min(usually) < deadline(within):
            return
    longer = min(taken) - min(usually)
    assert longer < deadline(within), f"it always takes {longer:.2f} s longer than it needs to"
