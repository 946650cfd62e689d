"""Tables and diagrams of the book that are made from the tables in the code.

    {machine}         supervise's commands, and its states, from core/machine.py
    {rotation}        each step of multilog's rotation and what a restart does
                      after it, from core/rotate.py (cyclic_log.py)
    {reading-order}   the files of the reference with their line counts

`docs/build.py` checks that what is committed of them is fresh.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import cyclic_log

from daemontools.core import machine

ROOT = Path(__file__).parents[2]
DIAGRAM = ROOT / "docs/diagrams/supervise.svg"
WANT = {machine.UP: "u", machine.DOWN: "d", machine.ONCE: "0"}
MEANING = {"u": "wanted up", "d": "wanted down", "0": "once"}

# Each file stands below those that it imports; start.py and chain.py, which
# most programs need and no reader misses at first, come last.
READING_ORDER = [
    ("unix/opening.py", "files are opened without waiting"),
    ("unix/messages.py", "djb's messages and exit codes"),
    ("programs/svok.py", "one question, asked of a FIFO: the shape of every program"),
    ("core/tai64.py", "labels"),
    ("core/status.py", "the 18 bytes"),
    ("programs/svstat.py", "the 18 bytes as a line"),
    ("core/options.py", "djb's getopt"),
    ("programs/svc.py", "commands as letters"),
    ("unix/title.py", "what `ps` shows"),
    ("unix/clock.py", "the time, and pauses"),
    ("unix/lock.py", "a lock that the kernel gives back"),
    ("unix/forking.py", "children, and how they end"),
    ("unix/selfpipe.py", "a signal that wakes a wait"),
    ("core/machine.py", "supervise's states, as a table"),
    ("programs/supervise.py", "the heart"),
    ("core/envblock.py", "an environment, as a list of bytes"),
    ("unix/environment.py", "the environment of this process"),
    ("unix/pathexec.py", "how the next program is found"),
    ("core/envfile.py", "a file is a variable"),
    ("programs/envdir.py", "a chain program"),
    ("unix/closing.py", "descriptors that a child must not have"),
    ("core/scan.py", "what is new in a directory, what must be started"),
    ("programs/svscan.py", "the tree"),
    ("unix/streams.py", "blocks of input, and the memory for them"),
    ("core/stamp.py", "a label before each line, plainly"),
    ("fast/stamp.py", "skip at first: the same, a block at a time"),
    ("programs/tai64n.py", "a label before each line"),
    ("core/local.py", "a date for each label, plainly"),
    ("fast/local.py", "skip at first: the same, a block at a time"),
    ("unix/localtime.py", "the C library's calendar"),
    ("programs/tai64nlocal.py", "a date for each label"),
    ("core/script.py", "multilog's arguments"),
    ("core/match.py", "patterns"),
    ("core/lines.py", "what becomes of each line, plainly"),
    ("fast/lines.py", "skip at first: the same, a block at a time"),
    ("core/rotate.py", "a cyclic log on disk, as lists of steps"),
    ("unix/interrupts.py", "signals that wait until the program waits"),
    ("unix/logdir.py", "the steps, carried out: rotation and restart"),
    ("programs/multilog.py", "the log"),
    ("unix/start.py", "what CPython changes, put back"),
    ("unix/chain.py", "chains in one interpreter"),
]


def commands() -> str:
    """Every command letter and what it does, as a Markdown table."""
    lines = ["| letter | wanted | paused | then, in this order |", "|---|---|---|---|"]
    for letter, (want, paused, actions) in machine.COMMANDS.items():
        wanted = "" if want is None else MEANING[WANT[want]].removeprefix("wanted ")
        pause = {None: "", True: "yes", False: "no"}[paused]
        extra = ", leave when down" if letter == b"x" else ""
        lines.append(f"| {letter.decode()} | {wanted} | {pause} | {', '.join(actions)}{extra} |")
    return "\n".join(lines)


def _name(state: "machine.State") -> str:
    up, want, *_ = state
    return f"{'up' if up else 'down'}, {MEANING[WANT[want]]}"


def edges() -> dict[tuple[str, str], list[str]]:
    """(from, to) -> what leads there. Pause and exit are left out: they add no arrow."""
    found: dict[tuple[str, str], list[str]] = {}
    for up in (False, True):
        for want in WANT:
            state = (up, want, False, False)
            for letter in (b"u", b"d", b"o"):
                following, actions = machine.on_command(state, letter)
                _edge(found, state, _started(following, actions), letter.decode())
            if up:
                following, actions = machine.on_exit(state)
                _edge(found, state, _started(following, actions), "./run ends")
    return found


def _started(state: "machine.State", actions: "machine.Actions") -> "machine.State":
    return machine.on_start(state) if machine.START in actions else state


def _edge(
    found: dict[tuple[str, str], list[str]], a: "machine.State", b: "machine.State", label: str
) -> None:
    if _name(a) != _name(b):
        found.setdefault((_name(a), _name(b)), []).append(label)


def dot() -> str:
    """The state diagram in Graphviz's language."""
    lines = ['digraph supervise { rankdir=LR; bgcolor="transparent"; node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif"]; edge [fontname="sans-serif"];']  # fmt: skip  # noqa: E501
    lines += [
        f'  "{a}" -> "{b}" [label=" {", ".join(labels)} "];' for (a, b), labels in edges().items()
    ]
    return "\n".join([*lines, "}"]) + "\n"


def reading_order(before: str = "") -> str:
    """The files of the reference in a good order, with line counts, as a Markdown table.

    Counts are rounded to tens. One that stands in the text `before` is kept as long
    as it is nearly right, so that not every change of a program makes it stale.
    """
    lines = ["|  | file | lines (approx.) | what it shows |", "| -- | -- | -- | -- |"]
    for number, (file, why) in enumerate(READING_ORDER, 1):
        exact = len((ROOT / "reference/daemontools" / file).read_text().splitlines())
        old = re.search(rf"daemontools/{file}\) \| ([0-9]+) ", before)
        count = max(10, round(exact, -1))
        if old and abs(int(old[1]) - exact) <= max(10, exact // 6):
            count = int(old[1])
        lines.append(f"| {number} | [{file}](reference/daemontools/{file}) | {count} | {why} |")
    return "\n".join(lines)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    from sphinx.util.docutils import SphinxDirective

    def directive(text: str) -> type[SphinxDirective]:
        class Table(SphinxDirective):
            def run(self) -> list[Any]:
                return self.parse_text_to_nodes(text)

        return Table

    image = "```{image} /diagrams/supervise.svg\n:alt: supervise's states\n```"
    picture = f":::{{container}} wide\n{image}\n:::"
    app.add_directive("machine", directive(f"{commands()}\n\n{picture}"))
    app.add_directive("rotation", directive(cyclic_log.rotation()))
    return {"version": "1", "parallel_read_safe": True}


def draw() -> None:
    """Draw both state diagrams again (this needs graphviz)."""
    cyclic_log.main([])
    DIAGRAM.parent.mkdir(exist_ok=True)
    source = DIAGRAM.with_suffix(".dot")
    source.write_text(dot())
    subprocess.run(["dot", "-Tsvg", "-o", DIAGRAM, source], check=True)


def is_fresh() -> bool:
    """Are the committed diagrams those that the code gives?"""
    source = DIAGRAM.with_suffix(".dot")
    is_ours = DIAGRAM.exists() and source.exists() and source.read_text() == dot()
    return is_ours and cyclic_log.main(["--check"]) == 0
