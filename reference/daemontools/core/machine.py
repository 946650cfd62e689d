"""What supervise does when: its states, its commands, the end of its service.

A state is (up, want, paused, exiting):

    up       ./run is running
    want     UP: start it again whenever it ends; DOWN: do not start it;
             ONCE: do not start it again
    paused   `p` came, and neither `c` nor `d` since; only while up
    exiting  `x` came: supervise ends as soon as the service is down

Two things happen to a state: a command letter arrives (COMMANDS, `on_command`), or
./run ends (`on_exit`). Each gives the next state and the actions to take, in
order. An action is the name of a signal to ./run, or one of

    ANNOUNCE  write the status file
    START     start ./run: always the last action, since a pause of one second follows
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    State = tuple[bool, bytes, bool, bool]
    Actions = tuple[str, ...]

# What is wanted, as the last byte of the status file.
UP, DOWN, ONCE = b"u", b"d", b"\0"

ANNOUNCE, START = "announce", "start"

# Letter: the new want and paused (None: unchanged), and the actions.
# Signals are for a service that is up, START is for one that is down.
#
# The order within a row is 0.76's. `d` sends CONT after TERM: a stopped process
# would not see the TERM. `t` sends no CONT, so a paused service dies of the TERM only when
# it is continued.
COMMANDS: "dict[bytes, tuple[bytes | None, bool | None, Actions]]" = {
    b"u": (UP, None, (ANNOUNCE, START)),
    b"d": (DOWN, False, ("TERM", "CONT", ANNOUNCE)),
    b"o": (ONCE, None, (ANNOUNCE, START)),
    b"p": (None, True, (ANNOUNCE, "STOP")),
    b"c": (None, False, (ANNOUNCE, "CONT")),
    b"h": (None, None, ("HUP",)),
    b"a": (None, None, ("ALRM",)),
    b"i": (None, None, ("INT",)),
    b"t": (None, None, ("TERM",)),
    b"k": (None, None, ("KILL",)),
    b"x": (None, None, (ANNOUNCE,)),
}


def initial(*, down: bool) -> "State":
    """The state before the first start; `down`: the file `down` exists."""
    return False, DOWN if down else UP, False, False


def on_command(state: "State", letter: bytes) -> "tuple[State, Actions]":
    """A command letter has arrived. A letter that is not a command changes nothing.

    >>> on_command((True, UP, True, False), b"d")
    ((True, b'd', False, False), ('TERM', 'CONT', 'announce'))
    >>> on_command((False, DOWN, False, False), b"d")
    ((False, b'd', False, False), ('announce',))
    """
    if letter not in COMMANDS:
        return state, ()
    up, want, paused, exiting = state
    new_want, new_paused, actions = COMMANDS[letter]
    if new_want is not None:
        want = new_want
    if new_paused is not None:
        paused = up and new_paused
    exiting = exiting or letter == b"x"
    return (up, want, paused, exiting), tuple(a for a in actions if _applies(a, up=up))


def on_exit(state: "State") -> "tuple[State, Actions]":
    """./run has ended.

    >>> on_exit((True, UP, True, False))
    ((False, b'u', False, False), ('announce', 'start'))
    """
    _up, want, _paused, exiting = state
    state = (False, want, False, exiting)
    return state, (ANNOUNCE, START) if start_is_due(state) else (ANNOUNCE,)


def on_start(state: "State") -> "State":
    """./run has been started: it is up, and not paused."""
    _up, want, _paused, exiting = state
    return True, want, False, exiting


def start_is_due(state: "State") -> bool:
    """Is the service down although it is wanted up? It stays so after a failed fork."""
    up, want, _paused, exiting = state
    return not up and want == UP and not exiting


def is_over(state: "State") -> bool:
    """Is there nothing left to supervise?"""
    up, _want, _paused, exiting = state
    return exiting and not up


def _applies(action: str, *, up: bool) -> bool:
    return action == ANNOUNCE or up != (action == START)
