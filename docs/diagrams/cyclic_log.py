"""Draw the states of a cyclic log on disk, from the tables in core/rotate.py.

    python docs/diagrams/cyclic_log.py          write cyclic-log.dot and cyclic-log.svg (graphviz)
    python docs/diagrams/cyclic_log.py --check  exit 1 if cyclic-log.dot is not what the code gives

A box is a state of the directory: its files and their modes. An arrow is one step
of multilog, one system call. A machine may stop in any box; the second half of
the box says what a restart does then. Old files of before are left out, and so
are the steps that change nothing that a restart can see (writing to disk).
"""

import subprocess
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from daemontools.core.rotate import FULL, KEEP, PROCESS, QUIT, after, restart

if TYPE_CHECKING:
    from daemontools.core.rotate import Directory, Step

HERE = Path(__file__).parent
SOURCE, PICTURE = HERE / "cyclic-log.dot", HERE / "cyclic-log.svg"
WRITING: "Directory" = {"current": "644", "state": "644"}

Edge = tuple[str, str, str]  # from, to, the step


def shown(directory: "Directory") -> str:
    """The files and their modes: also the name of the box."""
    files = ("current", "previous", "processed", "newstate", "state")
    lines = [f"{name} {directory[name].rstrip('+')}" for name in files if name in directory]
    return "\n".join([*lines, *(name for name in sorted(directory) if name.startswith("@"))])


def recovery(directory: "Directory") -> str:
    """What a restart does with the files that are there."""
    steps = restart(directory.get("current", ""), directory.get("processed", ""))
    if steps[0][0] == "append":
        return "restart: goes on writing to current"
    done = []
    for act, file, what in steps:
        mode = directory.get(file, "")
        if mode and act == "keep":
            done.append(f"removes {file}" if mode.endswith("+") else f"{file} becomes {what}")
        elif mode and act == "remove" and file != "state":
            done.append(f"removes {file}")
    return "restart: " + ",\n".join(done) if done else "restart: begins anew"


def walk(
    start: "Directory", steps: "list[Step]", end: "Directory | None"
) -> "list[tuple[Directory, Edge]]":
    """The states after `start` and the arrows to them; the last state is `end` if given."""
    found = []
    visible = [step for step in steps if step[0] != "sync"]
    directory = start
    for number, step in enumerate(visible):
        following = after(directory, step)
        if end is not None and number == len(visible) - 1:
            following = end
        said = " ".join(word for word in step if word)
        found.append((following, (shown(directory), shown(following), said)))
        directory = following
    return found


def dot() -> str:
    """The diagram in Graphviz's language."""
    full = walk(WRITING, FULL, None)
    marked = full[-1][0]
    finished, to_finished = walk(WRITING, QUIT, None)[0]
    arrows = [
        *full,
        *walk(marked, KEEP, WRITING),
        *walk(marked, PROCESS, WRITING),
        (finished, to_finished),
        (WRITING, (shown(finished), shown(WRITING), "restart")),
    ]
    boxes = {shown(directory): directory for directory, _ in [(WRITING, ()), *arrows]}
    lines = [
        "digraph cyclic_log {",
        '  bgcolor="transparent"; node [shape=plain, fontname="sans-serif", fontsize=11];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    lines += [f'  "{quoted(name)}" [label={label(box)}];' for name, box in boxes.items()]
    lines += [f'  "{quoted(a)}" -> "{quoted(b)}" [label=" {said} "];' for _, (a, b, said) in arrows]
    return "\n".join([*lines, "}"]) + "\n"


def quoted(name: str) -> str:
    """The name of a box on one line."""
    return name.replace("\n", ", ")


def label(directory: "Directory") -> str:
    """A box of two parts: the files, and what a restart does."""

    def cell(text: str, colour: str) -> str:
        rows = "".join(f'{escape(line)}<br align="left"/>' for line in text.split("\n"))
        return f'<tr><td align="left" bgcolor="{colour}">{rows}</td></tr>'

    cells = cell(shown(directory), "white") + cell(recovery(directory), "#eeeeee")
    return f'<<table border="0" cellborder="1" cellspacing="0" cellpadding="5">{cells}</table>>'


def main(arguments: list[str]) -> int:
    """Write the diagram, or check that what is there is fresh."""
    if "--check" in arguments:
        return 0 if SOURCE.exists() and SOURCE.read_text() == dot() else 1
    SOURCE.write_text(dot())
    subprocess.run(["dot", "-Tsvg", "-o", PICTURE, SOURCE], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
