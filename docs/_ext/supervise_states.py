"""supervise's states: a table and a picture, both computed from core/machine.py.

A box of the picture is (up, want): whether ./run is up, and what is wanted. Every full
state, with its `paused` and `exiting`, is tried with every letter and with the end of
./run, so that an arrow is there if and only if the machine takes it. A green arrow starts
./run. One state is left out: down although wanted up, which lasts as long as fork fails.
"""

from collections.abc import Iterator
from itertools import product
from math import atan2, degrees, hypot

from daemontools.core import machine

WANTED = {machine.UP: "up", machine.DOWN: "down", machine.ONCE: "once"}
GREEN, GREY = "#2e7d32", "#555555"

# Where the boxes are, in inches. An end is drawn twice, so that fewer arrows cross.
PLACES = {
    "no file down": (0, 5.8),
    "up, wanted up": (0, 4.5),
    "up, once": (4.2, 3.0),
    "up, wanted down": (0, 0.9),
    "supervise exits": (0, -0.9),
    "down, once": (8.2, 3.6),
    "down, wanted down": (8.2, -0.2),
    "supervise exits ": (8.2, -2.0),
    "file down": (5.0, -1.1),
}

# Where each label is, in points from the beginning of its arrow: along it, and to its left
# (below 0: to its right). No label touches an arrow.
LABELS = {
    ("no file down", "no file down"): (30, 42),
    ("file down", "file down"): (54, -18),
    ("up, wanted up", "./run ends"): (40, 14),
    ("up, wanted up", "p, c"): (22, -3),
    ("up, once", "p, c"): (26, 30),
    ("up, wanted down", "p, d, c"): (26, -3),
    ("up, wanted up", "d"): (80, 8),
    ("up, wanted down", "u"): (80, 8),
    ("up, wanted up", "./run ends, after x"): (150, 46),
    ("up, wanted down", "./run ends, after x"): (34, -60),
    ("up, once", "./run ends, after x"): (90, 42),
    ("up, wanted up", "o"): (60, 10),
    ("up, once", "u"): (60, 10),
    ("up, wanted down", "o"): (80, 10),
    ("up, once", "d"): (80, 10),
    ("up, once", "./run ends"): (60, 12),
    ("down, once", "o"): (60, 12),
    ("down, once", "u"): (150, -10),
    ("down, once", "d"): (80, -8),
    ("down, once", "x"): (80, 10),
    ("down, wanted down", "x"): (34, 8),
    ("down, wanted down", "u"): (140, 10),
    ("down, wanted down", "o"): (110, -10),
    ("up, wanted down", "./run ends"): (90, -14),
}

# THE TABLE


def table() -> str:
    """What happens, what is wanted and paused then, and the actions, as a Markdown table."""
    lines = ["| what happens | wanted | paused | actions, in this order |", "|---|---|---|---|"]
    for letter, (want, paused, actions) in machine.COMMANDS.items():
        wanted = "unchanged" if want is None else WANTED[want]
        is_paused = {None: "unchanged", True: "yes, if up", False: "no"}[paused]
        leave = ["leave as soon as ./run is down"] if letter == b"x" else []
        lines.append(_row(letter.decode(), wanted, is_paused, [*map(_said, actions), *leave]))
    for want, exiting in [*product(WANTED, [False]), (machine.UP, True)]:
        after, actions = machine.on_exit((True, want, False, exiting))
        leave = ["leave"] if machine.is_over(after) else []
        case = "after x" if exiting else f"wanted {WANTED[want]}"
        lines.append(_row(f"./run ends, {case}", "unchanged", "no", [*actions, *leave]))
    return "\n".join(lines)


def _row(*cells: "str | list[str]") -> str:
    return "| " + " | ".join(", ".join(c) if isinstance(c, list) else c for c in cells) + " |"


def _said(action: str) -> str:
    """An action of a letter, with its condition: signals need a ./run, a start needs none."""
    conditions = {machine.ANNOUNCE: "", machine.START: " (if down)"}
    return action + conditions.get(action, " (if up)")


# THE PICTURE

Edge = tuple[str, str, bool]  # from, to, does it start ./run?


def name(state: "machine.State") -> str:
    """The box of a state."""
    up, want, *_ = state
    if machine.is_over(state):
        return "supervise exits"
    wanted = "once" if want == machine.ONCE else f"wanted {WANTED[want]}"
    return f"{'up' if up else 'down'}, {wanted}"


def happenings(state: "machine.State") -> "Iterator[tuple[str, machine.State, machine.Actions]]":
    """Everything that can happen in a state: its name, the next state, the actions.

    >>> [what for what, _, actions in happenings(machine.initial(down=True)) if actions]
    ['u', 'd', 'o', 'p', 'c', 'x']
    """
    for letter in machine.COMMANDS:
        yield letter.decode(), *machine.on_command(state, letter)
    if state[0]:
        yield "./run ends", *machine.on_exit(state)


def edges() -> dict[Edge, list[str]]:
    """Each arrow, and what leads there. Letters that only send a signal are left out.

    >>> edges()["up, wanted up", "up, wanted up", True]
    ['./run ends']
    >>> edges()["up, once", "supervise exits", False]
    ['./run ends, after x']
    """
    found: dict[Edge, list[str]] = {}
    flags = product((False, True), (False, True))
    for (exiting, paused), up, want in product(flags, (True, False), WANTED):
        state = (up, want, paused, exiting)
        if machine.is_over(state) or machine.start_is_due(state) or (paused and not up):
            continue
        for what, after, actions in happenings(state):
            label = f"{what}, after x" if what == "./run ends" and exiting else what
            starts = machine.START in actions
            end = machine.on_start(after) if starts else after
            is_arrow = starts or name(end) != name(state) or end[2] != paused
            labels = found.setdefault((name(state), name(end), starts), []) if is_arrow else [label]
            if label not in labels:
                labels.append(label)
    return found


def dot() -> str:
    """The state diagram in Graphviz's language."""
    lines = [
        'digraph supervise { layout=neato; splines=true; bgcolor="transparent";',
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=12];',
    ]
    lines += [f'  "{box}" [pos="{x},{y}!"{_shape(box)}];' for box, (x, y) in PLACES.items()]
    for down, why in ((False, "no file down"), (True, "file down")):
        state = machine.initial(down=down)
        starts = machine.start_is_due(state)
        end = name(machine.on_start(state) if starts else state)
        lines.append(_line(why, end, why, starts=starts))
    for (begin, end, starts), labels in edges().items():
        second = " " if end == "supervise exits" and begin.startswith("down") else ""
        lines.append(_line(begin, end + second, ", ".join(labels), starts=starts))
    return "\n".join([*lines, "}"]) + "\n"


def _shape(box: str) -> str:
    if "file" in box:
        return ', shape=circle, label="", width=0.2, fillcolor=black'
    return ", peripheries=2" if "exits" in box else ""


def _line(begin: str, end: str, label: str, *, starts: bool) -> str:
    style = f'color="{GREEN}", penwidth=2.5' if starts else f'color="{GREY}"'
    if begin == end and not starts:
        style += ", tailport=w, headport=w"  # beside the other loop, which is on the right
    along, left = LABELS[begin, label]
    place = (
        f"labeldistance={hypot(along, left) / 10:.1f}, labelangle={degrees(atan2(left, along)):.0f}"
    )
    return f'  "{begin}" -> "{end}" [taillabel="{label}", {place}, {style}];'
