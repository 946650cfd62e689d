"""Tables and diagrams of the book that are made from the tables in the code.

    {machine}         what supervise does when, and its states, from core/machine.py
                      (supervise_states.py)
    {restarts}        what a restart of multilog does, from core/rotate.py (cyclic_log.py)
    {rotation}        each step of multilog's rotation and what a restart does
                      after it, from the same
    {known-bugs}, {decided}, {other-faults}   what profiles declare (descendants.py)
    {puzzles}, {puzzle-answers}   changed lines of the reference, and the clauses that
                      notice (puzzles.py)
    {reading-order}   the files of the reference with their line counts

`docs/build.py` checks that what is committed of them is fresh.
"""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cyclic_log
import descendants
import puzzles
import supervise_states

ROOT = Path(__file__).parents[2]
DIAGRAM = ROOT / "docs/diagrams/supervise.svg"

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
    ("fast/local.py", "skip at first: `Localiser.convert` is `localise`, a block at a time"),
    ("unix/localtime.py", "the C library's calendar"),
    ("programs/tai64nlocal.py", "a date for each label"),
    ("core/script.py", "multilog's arguments"),
    ("core/match.py", "patterns"),
    ("core/lines.py", "what becomes of each line, plainly"),
    (
        "fast/lines.py",
        (
            "skip at first: `Selection` is `Lines`, a block at a time; `memory_per_byte()` says "
            "how much memory a byte of a block may need"
        ),
    ),
    ("core/rotate.py", "a cyclic log on disk, as lists of steps"),
    ("unix/interrupts.py", "signals that wait until the program waits"),
    ("unix/logdir.py", "the steps, carried out: rotation and restart"),
    ("programs/multilog.py", "the log"),
    ("unix/start.py", "what CPython changes, put back"),
    ("unix/chain.py", "chains in one interpreter"),
]


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
        if old and abs(int(old[1]) - exact) <= max(10, exact // 10):
            count = int(old[1])
        lines.append(f"| {number} | [{file}](reference/daemontools/{file}) | {count} | {why} |")
    return "\n".join(lines)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    from sphinx.util.docutils import SphinxDirective

    def directive(text: str) -> type[SphinxDirective]:
        return asked(lambda: text)

    def asked(make: Callable[..., str]) -> type[SphinxDirective]:
        """A directive that hands the words of its content to a function, and shows its text."""

        class Table(SphinxDirective):
            has_content = True

            def run(self) -> list[Any]:
                return self.parse_text_to_nodes(make(*" ".join(self.content).split()))

        return Table

    alt = "supervise's states, and what leads from one to the next"
    image = f"```{{image}} /diagrams/supervise.svg\n:alt: {alt}\n```"
    picture = f":::{{container}} wide\n{image}\n:::"
    app.add_directive("machine", directive(f"{supervise_states.table()}\n\n{picture}"))
    app.add_directive("restarts", directive(cyclic_log.restarts()))
    app.add_directive("known-bugs", asked(descendants.known_bugs))
    app.add_directive("decided", asked(descendants.decided))
    app.add_directive("other-faults", asked(descendants.other_faults))
    app.add_directive("rotation", directive(cyclic_log.rotation()))
    app.add_directive("puzzles", directive(puzzles.puzzles()))
    app.add_directive("puzzle-answers", directive(puzzles.answers()))
    return {"version": "1", "parallel_read_safe": True}


def draw() -> None:
    """Draw both state diagrams again (this needs graphviz)."""
    cyclic_log.main([])
    DIAGRAM.parent.mkdir(exist_ok=True)
    source = DIAGRAM.with_suffix(".dot")
    source.write_text(supervise_states.dot())
    subprocess.run(["dot", "-Tsvg", "-o", DIAGRAM, source], check=True)


def is_fresh() -> bool:
    """Are the committed diagrams those that the code gives?"""
    source = DIAGRAM.with_suffix(".dot")
    is_ours = DIAGRAM.exists() and source.exists() and source.read_text() == supervise_states.dot()
    return is_ours and cyclic_log.main(["--check"]) == 0
