"""The table of supervise: every command in every state."""

import doctest
import itertools

import pytest

from daemontools.core import machine
from daemontools.core.machine import ANNOUNCE, COMMANDS, DOWN, ONCE, START, UP
from daemontools.programs import supervise

# paused only while up; when down and exiting, supervise has ended, so that is no state.
STATES = [
    state
    for state in itertools.product([False, True], [UP, DOWN, ONCE], [False, True], [False, True])
    if state[0] or not state[2]
]
IN_ALL_STATES = pytest.mark.parametrize("state", STATES)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(machine).failed == 0


@IN_ALL_STATES
@pytest.mark.parametrize("letter", COMMANDS)
def test_a_command_never_starts_a_second_run_and_never_signals_nobody(
    state: "machine.State", letter: bytes
) -> None:
    _, actions = machine.on_command(state, letter)
    signals = [a for a in actions if a not in (ANNOUNCE, START)]
    assert not (state[0] and START in actions)
    assert not (signals and not state[0])


@IN_ALL_STATES
@pytest.mark.parametrize("letter", COMMANDS)
def test_a_change_of_state_is_announced(state: "machine.State", letter: bytes) -> None:
    after, actions = machine.on_command(state, letter)
    assert after == state or ANNOUNCE in actions


@IN_ALL_STATES
@pytest.mark.parametrize("letter", COMMANDS)
def test_a_state_stays_within_the_states(state: "machine.State", letter: bytes) -> None:
    assert machine.on_command(state, letter)[0] in STATES


@IN_ALL_STATES
@pytest.mark.parametrize("letter", [b"", b"z", b"U", b"\0", b"\n"])
def test_other_letters_change_nothing(state: "machine.State", letter: bytes) -> None:
    assert machine.on_command(state, letter) == (state, ())


@IN_ALL_STATES
@pytest.mark.parametrize(
    ("letter", "want"), [(b"u", UP), (b"d", DOWN), (b"o", ONCE), (b"t", None), (b"x", None)]
)
def test_what_is_wanted_afterwards(
    state: "machine.State", letter: bytes, want: bytes | None
) -> None:
    assert machine.on_command(state, letter)[0][1] == (want or state[1])


@IN_ALL_STATES
def test_exiting_is_for_ever(state: "machine.State") -> None:
    exiting, _ = machine.on_command(state, b"x")
    for letter in COMMANDS:
        assert machine.on_command(exiting, letter)[0][3]
    after, actions = machine.on_exit(exiting)
    assert machine.is_over(after)
    assert actions == (ANNOUNCE,)


@IN_ALL_STATES
def test_after_the_end_it_is_started_again_only_if_wanted_up(state: "machine.State") -> None:
    _, actions = machine.on_exit(state)
    assert (START in actions) == (state[1] == UP and not state[3])


@IN_ALL_STATES
def test_a_started_service_is_not_paused(state: "machine.State") -> None:
    assert machine.on_start(state)[0]
    assert not machine.on_start(state)[2]


def test_down_sends_term_before_continue_and_term_alone_sends_no_continue() -> None:
    up = (True, UP, True, False)
    assert machine.on_command(up, b"d")[1] == ("TERM", "CONT", ANNOUNCE)
    assert machine.on_command(up, b"t")[1] == ("TERM",)


def test_every_signal_of_the_table_has_a_number() -> None:
    named = {a for _, _, actions in COMMANDS.values() for a in actions} - {ANNOUNCE, START}
    assert named == set(supervise.SIGNALS)


def test_p_marks_a_service_as_paused_and_c_and_d_do_so_no_longer() -> None:
    up, paused = (True, UP, False, False), (True, UP, True, False)
    assert machine.on_command(up, b"p")[0] == paused
    assert machine.on_command(paused, b"c")[0] == up
    assert machine.on_command(paused, b"d")[0] == (True, DOWN, False, False)


def test_a_service_is_down_at_first_and_wanted_up_unless_there_is_a_down_file() -> None:
    assert machine.initial(down=False) == (False, UP, False, False)
    assert machine.initial(down=True) == (False, DOWN, False, False)


def test_all_is_over_when_x_has_come_and_run_is_down() -> None:
    for up, exiting in itertools.product([False, True], repeat=2):
        assert machine.is_over((up, UP, False, exiting)) is (exiting and not up)
