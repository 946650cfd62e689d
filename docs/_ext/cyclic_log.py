"""The states of a cyclic log on disk: tables and a picture, drawn from core/rotate.py.

    python docs/_ext/cyclic_log.py          write cyclic-log.dot and cyclic-log.svg (graphviz)
    python docs/_ext/cyclic_log.py --check  exit 1 if cyclic-log.dot is not what the code gives

A box of the picture is a state of the directory: its files and their modes. An
arrow is one step of multilog, one system call, with the sync before it. A machine
may stop in any box; the second half of the box says what a restart does then. Old
files of before are left out.
"""

import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from daemontools.core import rotate

PICTURE = Path(__file__).parents[1] / "diagrams/cyclic-log.svg"
SOURCE = PICTURE.with_suffix(".dot")

# File -> mode ("644"); a mode that ends in "+" belongs to a file that has a second name.
Directory = dict[str, str]
Step = tuple[str, str, str]

WRITING: Directory = {"current": "644", "state": "644"}
MODES = {"create": "600", "empty": "644", "mark": "744", "unmark": "644"}


def calls(directory: Directory, step: Step) -> "list[Step]":
    """The step; or, for `keep`, the steps of which it consists in this directory."""
    act, file, name = step
    names = {"": None, "+": 2}.get(directory.get(file, "")[-1:], 1)
    return rotate.keep(file, name, names) if act == "keep" else [step]


def after(directory: Directory, step: Step) -> Directory:
    """The directory after one call. A call for a file that is not there does nothing.

    >>> after({"current": "644"}, ("rename", "current", "previous"))
    {'previous': '644'}
    >>> after({"previous": "744"}, ("link", "previous", "@label.s"))
    {'previous': '744+', '@label.s': '744'}
    """
    act, file, name = step
    new = dict(directory)
    if act in ("create", "empty"):
        new.setdefault(file, MODES[act])
    elif file not in new:
        return new
    elif act in ("mark", "unmark"):
        new[file] = MODES[act]
    elif act == "rename":
        new[name] = new.pop(file)
    elif act in ("remove", "discard"):
        del new[file]
    elif act == "link":
        if name in new:  # made by an earlier step: this label is later
            name = name.replace("label", "later-label")
        new[file], new[name] = new[file] + "+", new[file]
    return new


def walk(directory: Directory, steps: "list[Step]") -> Iterator[tuple[Step, Directory]]:
    """Each call that syncs or changes the directory, and the directory after it."""
    for step in steps:
        for call in calls(directory, step):
            before, directory = directory, after(directory, call)
            if directory != before or call[0] == "sync":
                yield call, directory


def restart(directory: Directory) -> "list[Step]":
    """The steps of a restart that finds this directory."""
    if directory.get("current", "").startswith("7"):
        return rotate.GO_ON
    is_processed = directory.get("processed", "").startswith("7")
    return rotate.FORGET + rotate.recovery(is_processed=is_processed)


def recovery(directory: Directory) -> list[str]:
    """What a restart does with the files that are there, in words; state goes unsaid."""
    if restart(directory) is rotate.GO_ON:
        return ["goes on writing to current"]
    done = []
    for step in restart(directory):
        act, file, name = step
        if file in directory and act == "keep" and len(calls(directory, step)) > 1:
            done.append(f"keeps {file} as {name}")
        elif file in directory and act in ("keep", "discard") and file != "state":
            done.append(f"removes {file}")
    return done or ["begins anew"]


def shown(directory: Directory) -> list[str]:
    """The files and their modes."""
    files = ("current", "previous", "processed", "newstate", "state")
    names = [*(f for f in files if f in directory), *sorted(directory.keys() - {*files})]
    return [f"{name} {directory[name].rstrip('+')}" for name in names]


def said(step: Step) -> str:
    """A step in words: a new name belongs to them, a descriptor does not."""
    return " ".join(word for word in step if word and not word.isdigit())


# THE TABLES


def restarts() -> str:
    """What a restart does in each kind of directory, as a Markdown table."""
    lines = ["| `current` | `processed` | a restart |", "|---|---|---|"]
    others = {"previous": "744", "state": "644"}
    for current, processed in (("744", ""), ("644", "744"), ("644", "644"), ("644", "")):
        directory = others | {"current": current} | ({"processed": processed} if processed else {})
        marks = {
            "744": "finished",
            "644": "not finished",
            "": "any" if current == "744" else "missing",
        }
        words = ", ".join(recovery(directory))
        lines.append(f"| {marks[current]} | {marks[processed]} | {words} |")
    for processed in ("744", "644"):
        with_current = recovery(others | {"current": "644", "processed": processed})
        without = recovery(others | {"processed": processed})
        assert without == [words for words in with_current if "current" not in words]
    lines.append("| missing | any | the same as if it were not finished, without `current` |")
    return "\n".join(lines)


def rotation() -> str:
    """What each step of a rotation leaves, and what a restart makes of it, as Markdown tables."""
    *_, (_, marked) = walk(WRITING, rotate.FULL)
    return "\n\n".join(
        [
            "A rotation:",
            _table(WRITING, rotate.FULL + rotate.KEEP),
            (
                "The part of a rotation with a processor that follows `mark previous`"
                " (the processor runs after *empty newstate*; a crash while it runs is that row):"
            ),
            _table(marked, rotate.PROCESSOR + rotate.PROCESSED),
            "The end of input, or TERM:",
            _table(WRITING, rotate.QUIT),
        ]
    )


def _table(begin: Directory, steps: "list[Step]") -> str:
    lines = ["| after | the directory | a restart |", "|---|---|---|"]
    rows = [("(nothing yet)", begin), *((said(step), state) for step, state in walk(begin, steps))]
    for name, directory in rows:
        lines.append(f"| {name} | {_box(directory)} | {', '.join(recovery(directory))} |")
    return "\n".join(lines)


# THE PICTURE


def edges(begin: Directory, steps: "list[Step]") -> "Iterator[tuple[Directory, Directory, str]]":
    """From, to, and the call that leads there with the syncs before it.

    A rotation ends where it began: the old file that it made is then one of before.
    """
    syncs: list[str] = []
    for step, directory in walk(begin, steps):
        if step[0] == "sync":
            syncs.append(said(step))
            continue
        old = [name for name in directory if name.startswith("@")]
        rest = {name: mode for name, mode in directory.items() if name not in old}
        end = WRITING if old and rest == WRITING else directory
        yield begin, end, ",\\n".join([*syncs, said(step)])
        begin, syncs = end, []


def dot() -> str:
    """The diagram in Graphviz's language."""
    full = list(edges(WRITING, rotate.FULL))
    marked = full[-1][1]
    quitting = list(edges(WRITING, rotate.QUIT))
    arrows = [
        *full,
        *edges(marked, rotate.KEEP),
        *edges(marked, rotate.PROCESSOR + rotate.PROCESSED),
        *quitting,
        (quitting[-1][1], WRITING, "restart"),
    ]
    boxes = {_box(state): state for begin, end, _ in arrows for state in (begin, end)}
    lines = [
        "digraph cyclic_log {",
        '  bgcolor="transparent"; node [shape=plain, fontname="sans-serif", fontsize=11];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    lines += [f'  "{name}" [label={_label(state)}];' for name, state in boxes.items()]
    lines += [f'  "{_box(a)}" -> "{_box(b)}" [label=" {text} "];' for a, b, text in arrows]
    return "\n".join([*lines, "}"]) + "\n"


def _box(directory: Directory) -> str:
    return ", ".join(shown(directory))


def _label(directory: Directory) -> str:
    """A box of two parts: the files, and what a restart does."""

    def cell(texts: list[str], colour: str) -> str:
        rows = "".join(f'{escape(text)}<br align="left"/>' for text in texts)
        return f'<tr><td align="left" bgcolor="{colour}">{rows}</td></tr>'

    words = "restart: " + ",\n".join(recovery(directory))
    cells = cell(shown(directory), "white") + cell(words.split("\n"), "#eeeeee")
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
