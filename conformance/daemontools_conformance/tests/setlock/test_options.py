"""setlock: options n N x X, and usage."""

import fcntl
import itertools
import os
from collections.abc import Iterator

import pytest

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import waiter_of
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.setlock.letters import HELD, letters_of

USAGE = b"setlock: usage: setlock [ -nNxX ] file program [ arg ... ]\n"


@pytest.fixture
def held(sandbox: Sandbox) -> Iterator[None]:
    """The file `lock` is locked by the test."""
    with open(sandbox.write("lock"), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def waits(sandbox: Sandbox, vector: Vector) -> bool:
    """Does setlock wait for a lock that the test holds, and run its program afterwards?"""
    file = sandbox.path / os.fsdecode(vector.answer["file"])
    with open(file, "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        setlock = sandbox.start("setlock", *vector.input["words"])
        eventually(lambda: setlock.has_ended() or waiter_of(setlock, file))
    answer = setlock.wait()
    file.unlink()
    return (answer.code, answer.out) == (0, b"ran\n")


def is_silent(sandbox: Sandbox, vector: Vector) -> bool:
    """Does setlock exit 0, and not fail with a message, if it cannot open the file?"""
    (sandbox.path / os.fsdecode(vector.answer["file"])).mkdir()
    answer = sandbox.run("setlock", *vector.input["words"])
    assert bool(answer.code) == bool(answer.said)
    return not answer.said


COMBINATIONS = [
    "".join(word) for size in (1, 2, 3) for word in itertools.product("nNxX", repeat=size)
]
WITHOUT_DELAY = [word for word in COMBINATIONS if letters_of(word)[0]]
WAITING = ["", "N", "x", "X", "nN", "nxN", "Nx", "xnN", "nXN"]


@clause("setlock/options/n")
@pytest.mark.usefixtures("held")
def test_n_fails_at_once_if_the_lock_is_held(sandbox: Sandbox) -> None:
    answer = sandbox.run("setlock", "-n", "lock", "touch", "ran")
    assert (answer.code, bool(answer.said)) == (111, True)
    assert not (sandbox.path / "ran").exists()


@clause("setlock/options/n-message")
@pytest.mark.usefixtures("held")
def test_what_is_said_of_a_held_lock(sandbox: Sandbox) -> None:
    answer = sandbox.run("setlock", "-n", "lock", "true")
    assert (answer.out, answer.err) == (b"", HELD)


@clause("setlock/wait/until-free")
def test_without_options_setlock_waits(sandbox: Sandbox, vector: Vector) -> None:
    assert waits(sandbox, vector) == vector.answer["delay"]


@clause("setlock/options/n")
def test_n_does_not_wait(sandbox: Sandbox, vector: Vector) -> None:
    assert waits(sandbox, vector) == vector.answer["delay"]


@clause("setlock/options/n-free")
def test_n_takes_a_free_lock(sandbox: Sandbox) -> None:
    answer = sandbox.run("setlock", "-n", "lock", "echo", "ran")
    assert (answer.code, answer.out) == (0, b"ran\n")


@clause("setlock/options/nx")
@pytest.mark.usefixtures("held")
def test_n_and_x_neither_wait_nor_speak(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("setlock", *vector.input["words"])
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")


@clause("setlock/options/x")
@pytest.mark.parametrize("file", ["nowhere/l", "folder"])
def test_x_gives_0_and_says_nothing(sandbox: Sandbox, file: str) -> None:
    (sandbox.path / "folder").mkdir()
    answer = sandbox.run("setlock", "-x", file, "echo", "ran")
    assert (answer.code, answer.out, answer.err) == (0, b"", b"")


@clause("setlock/options/x")
def test_x_is_silent(sandbox: Sandbox, vector: Vector) -> None:
    assert is_silent(sandbox, vector) == vector.answer["silent"]


@clause("setlock/options/x-waits")
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("letters", [word for word in WAITING if "x" in word])
def test_x_alone_waits(sandbox: Sandbox, letters: str) -> None:
    waiter = sandbox.start("setlock", f"-{letters}", "lock", "echo", "ran")
    never(lambda: waiter.has_ended() or waiter.out, during=0.4, what="the waiter goes on")


@clause("setlock/options/x-not-for-child")
def test_x_says_nothing_about_the_child(sandbox: Sandbox) -> None:
    answer = sandbox.run("setlock", "-x", "lock", "nosuch")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setlock: fatal: unable to run nosuch: file does not exist\n"


@clause("setlock/options/last-counts")
def test_the_last_of_each_pair_counts(sandbox: Sandbox, vector: Vector) -> None:
    expected = (vector.answer["delay"], vector.answer["silent"])
    assert (waits(sandbox, vector), is_silent(sandbox, vector)) == expected


@clause("setlock/options/last-counts")
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("letters", WITHOUT_DELAY)
def test_the_last_of_each_pair_counts_for_a_held_lock(sandbox: Sandbox, letters: str) -> None:
    _, silent = letters_of(letters)
    answer = sandbox.run("setlock", f"-{letters}", "lock", "touch", "ran")
    assert (answer.code, bool(answer.said)) == ((0, False) if silent else (111, True))
    assert not (sandbox.path / "ran").exists()


@clause("setlock/options/last-counts")
@pytest.mark.parametrize("letters", COMBINATIONS)
def test_the_last_of_each_pair_counts_for_a_missing_folder(sandbox: Sandbox, letters: str) -> None:
    _, silent = letters_of(letters)
    words = [f"-{letter}" for letter in letters]
    answer = sandbox.run("setlock", *words, "nowhere/l", "touch", "ran")
    assert (answer.code, bool(answer.said)) == ((0, False) if silent else (111, True))
    assert not (sandbox.path / "ran").exists()


@clause("setlock/options/last-counts")
@pytest.mark.usefixtures("held")
def test_a_later_n_in_capitals_waits(sandbox: Sandbox) -> None:
    words = [[f"-{letters}"] if letters else [] for letters in WAITING]
    waiters = [sandbox.start("setlock", *word, "lock", "echo", "ran") for word in words]
    never(lambda: any(w.has_ended() for w in waiters), during=0.5, what="a waiter goes on")


def check_child(sandbox: Sandbox, vector: Vector) -> None:
    """Setlock becomes the child, and the file is there."""
    answer = sandbox.run("setlock", *vector.input["words"])
    child = sandbox.start_command(vector.answer["child"]).wait()
    assert (answer.code, answer.out) == (0, child.out)
    assert (sandbox.path / os.fsdecode(vector.answer["file"])).exists()


@clause("setlock/options/end-at-operand")
def test_options_end_at_the_first_operand(sandbox: Sandbox, vector: Vector) -> None:
    check_child(sandbox, vector)


@clause("setlock/options/long-options")
def test_a_long_option_is_skipped(sandbox: Sandbox, vector: Vector) -> None:
    check_child(sandbox, vector)


@clause("setlock/usage/too-few")
def test_too_few_operands(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("setlock", *vector.input["words"])
    assert (answer.code, answer.out, answer.err) == (vector.answer["exit"], b"", USAGE)
    assert not (sandbox.path / "lock").exists()


@clause("setlock/usage/illegal-option")
def test_an_illegal_option(sandbox: Sandbox, vector: Vector) -> None:
    answer = sandbox.run("setlock", *vector.input["words"])
    assert (answer.code, answer.out) == (vector.answer["exit"], b"")
    assert answer.err == vector.answer["stderr"] + b"\n" + USAGE
