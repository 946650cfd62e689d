"""setlock: every sequence of up to four options, on every kind of file."""

import fcntl
import itertools

import pytest

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.patience import never
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.setlock.letters import letters_of

OPTIONS = ["".join(word) for size in range(1, 5) for word in itertools.product("nNxX", repeat=size)]
BY_FIRST = {first: [word for word in OPTIONS if word[0] == first] for first in "nNxX"}


@heavy("exhaustive")
@clause("setlock/options/last-counts")
@pytest.mark.parametrize("first", BY_FIRST)
def test_every_sequence_of_options(sandbox: Sandbox, first: str) -> None:
    waiters = []
    with open(sandbox.write("lock"), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for word in BY_FIRST[first]:
            no_delay, silent = letters_of(word)
            options = [f"-{letter}" for letter in word]
            free = sandbox.run("setlock", *options, "free", "echo", "ran")
            assert (free.code, free.out) == (0, b"ran\n")
            refused = (0, False) if silent else (111, True)
            nowhere = sandbox.run("setlock", *options, "nowhere/l", "touch", "ran")
            assert (nowhere.code, bool(nowhere.said)) == refused
            if no_delay:
                held = sandbox.run("setlock", *options, "lock", "touch", "ran")
                assert (held.code, bool(held.said)) == refused
            else:
                waiters.append(sandbox.start("setlock", *options, "lock", "echo", "ran"))
            assert not (sandbox.path / "ran").exists()
        never(lambda: any(w.has_ended() for w in waiters), during=0.5, what="a waiter goes on")
    for waiter in waiters:
        answer = waiter.wait(within=60)
        assert (answer.code, answer.out) == (0, b"ran\n")
