"""A hand that does anything to a tree of services at any time; then all must come up, and go down.

The hand ends what it orphans: the ./run of a supervise that it has killed.
"""

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running, children, is_alive
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import proc
from daemontools_conformance.tests.tree.writers import (
    build,
    wait_until_all_arrived,
    wait_until_lines_arrive,
)

NAMES = ("a", "b", "c")
PACE = 0.1  # seconds between two acts, at most
MOST_ADDED = 3


@dataclass
class Hand:
    """What the hand works on, and what it has done so far."""

    sandbox: Sandbox
    svscan: Running
    dice: random.Random
    kills_loggers: bool = False
    added: list[str] = field(default_factory=list)  # and still there
    removed: list[Path] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The services that are there."""
        return [*NAMES, *self.added]

    def folder(self, name: str) -> Path:
        """The directory of a service, or of a log (`a/log`)."""
        return self.sandbox.path.resolve() / "service" / name


def begin(sandbox: Sandbox, dice: random.Random, *, kills_loggers: bool = False) -> Hand:
    """A tree whose services all write, and a hand that has not done anything yet."""
    for name in NAMES:
        build(sandbox, f"service/{name}")
    hand = Hand(sandbox, sandbox.start("svscan", "service"), dice, kills_loggers)
    for name in NAMES:
        wait_until_lines_arrive(hand.folder(name))
    return hand


# What it does


def play(hand: Hand, seconds: float) -> None:
    """Do anything for so long. svscan must survive it."""
    end = eventually(lambda: os.times().elapsed) + seconds
    while os.times().elapsed < end:
        act = hand.dice.choices(*zip(*ACTS.items(), strict=True))[0]
        act(hand)
        _end_orphans(hand)
        never(hand.svscan.has_ended, during=hand.dice.random() * PACE)


def _command(hand: Hand) -> None:
    """Send a command to a service or its log."""
    name = hand.dice.choice(hand.names)
    letters = "udotahkpc"
    if hand.dice.random() < 0.5:
        name, letters = f"{name}/log", "udotapc" + "k" * hand.kills_loggers
    _svc(hand, hand.dice.choice(letters), hand.folder(name))


def _svc(hand: Hand, letters: str, folder: Path) -> None:
    hand.acts.append(f"svc -{letters} {folder.name}")
    hand.sandbox.run("svc", f"-{letters}", folder, within=60)


def _kill_supervise(hand: Hand) -> None:
    """Kill the supervise of a service or of its log."""
    name = hand.dice.choice(hand.names) + hand.dice.choice(["", "/log"])
    if pid := supervise_in(hand, hand.folder(name)):
        number = hand.dice.choice([signal.SIGTERM, signal.SIGKILL])
        hand.acts.append(f"{number.name} to supervise {name}")
        os.kill(pid, number)
        eventually(lambda: not is_alive(pid))


def _kill_run(hand: Hand) -> None:
    """Kill a service or its logger, past its supervise."""
    of_log = hand.dice.random() < 0.5
    name = hand.dice.choice(hand.names) + "/log" * of_log
    signals = [signal.SIGTERM, signal.SIGKILL]
    if of_log and not hand.kills_loggers:
        signals = [signal.SIGTERM, signal.SIGALRM]
    supervise = supervise_in(hand, hand.folder(name))
    for pid in children(supervise) if supervise else ():
        number = hand.dice.choice(signals)
        hand.acts.append(f"{number.name} to {name}/run")
        _kill(pid, number)


def _add(hand: Hand) -> None:
    """Add a service, whole at once."""
    if len(hand.added) < MOST_ADDED:
        name = f"n{len(hand.acts)}"
        build(hand.sandbox, f"aside/{name}")
        (hand.sandbox.path / "aside" / name).rename(hand.folder(name))
        hand.added.append(name)
        hand.acts.append(f"add {name}")


def _remove(hand: Hand) -> None:
    """Remove an added service in order: the service, what it has written, the log."""
    if not hand.added:
        return
    name = hand.added.pop(hand.dice.randrange(len(hand.added)))
    _wait_until_supervised(hand, name)
    new = hand.sandbox.path.resolve() / f"removed.{name}"
    hand.folder(name).rename(new)
    hand.acts.append(f"remove {name}")
    for letters, folder in (("cu", new / "log"), ("cdx", new)):
        _svc(hand, letters, folder)
    eventually(lambda: supervise_in(hand, new) == 0, within=60)
    wait_until_all_arrived(new)
    _svc(hand, "cdx", new / "log")
    eventually(lambda: supervise_in(hand, new / "log") == 0, within=60)
    hand.removed.append(new)


ACTS: dict[Callable[[Hand], None], int] = {
    _command: 12,
    _kill_supervise: 2,
    _kill_run: 3,
    _add: 1,
    _remove: 1,
}


def _end_orphans(hand: Hand) -> None:
    """End and reap whatever has lost its supervise; its children are ours."""

    def none_left() -> bool:
        left = children() - {hand.svscan.pid}
        for pid in left:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                _kill(pid, signal.SIGTERM)
                _kill(pid, signal.SIGCONT)
        return not left

    eventually(none_left, within=60, what="orphans end")


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


# What must hold


def supervise_in(hand: Hand, folder: Path) -> int:
    """The process id of svscan's child that works in this directory; 0 if there is none."""
    for pid in children(hand.svscan.pid):
        try:
            if os.readlink(proc(pid, "cwd")) == os.fspath(folder):
                return pid
        except OSError:
            continue  # it has just ended
    return 0


def _wait_until_supervised(hand: Hand, name: str) -> None:
    """Wait until a service and its log have their supervises, of this svscan."""

    def is_supervised(part: str) -> bool:
        of_svscan = supervise_in(hand, hand.folder(part)) != 0
        return of_svscan and hand.sandbox.is_supervised(f"service/{part}")

    eventually(lambda: is_supervised(name) and is_supervised(f"{name}/log"), within=60)


def bring_up(hand: Hand) -> None:
    """Want all services and logs up; wait until each has its supervise, and it its ./run."""
    while hand.added:
        _remove(hand)
    for name in NAMES:
        _wait_until_supervised(hand, name)
        for part in (name, f"{name}/log"):
            _svc(hand, "cu", hand.folder(part))
    eventually(lambda: all(is_one_family(hand, name) for name in NAMES), within=60)


def is_one_family(hand: Hand, name: str) -> bool:
    """Do service and log have one live ./run each, wanted up, the one that the status names?"""

    def is_up(part: str) -> bool:
        status = hand.sandbox.status(f"service/{part}")
        is_only_child = children(supervise_in(hand, hand.folder(part))) == {status.pid}
        return (status.want, status.paused) == (b"u", 0) and is_only_child and is_alive(status.pid)

    return is_up(name) and is_up(f"{name}/log")


def take_down(hand: Hand) -> None:
    """Want all services down, and let their lines arrive."""
    for name in NAMES:
        _svc(hand, "cd", hand.folder(name))
    eventually(lambda: not any(hand.sandbox.status(f"service/{name}").pid for name in NAMES))
    for name in NAMES:
        wait_until_all_arrived(hand.folder(name))


def play_to_the_end(hand: Hand, seconds: float) -> None:
    """Play; then let everything come up once more, and go down."""
    play(hand, seconds)
    bring_up(hand)
    take_down(hand)
