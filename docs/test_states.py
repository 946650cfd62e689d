"""The tables of states in the book are true: every state is built, and a program finds it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import cyclic_log  # noqa: E402
import supervise_states  # noqa: E402

from daemontools.core import machine, rotate, status  # noqa: E402
from daemontools_conformance.running.patience import eventually  # noqa: E402


def states() -> dict[str, "cyclic_log.Directory"]:
    """Every directory of the tables in chapter 6, by what they say of it."""
    *_, (_, marked) = cyclic_log.walk(cyclic_log.WRITING, rotate.FULL)
    ways = [
        (cyclic_log.WRITING, rotate.FULL + rotate.KEEP),
        (marked, rotate.PROCESSOR + rotate.PROCESSED),
        (cyclic_log.WRITING, rotate.QUIT),
    ]
    found = [state for begin, steps in ways for _, state in cyclic_log.walk(begin, steps)]
    return {" ".join(f"{name}={mode}" for name, mode in state.items()): state for state in found}


def build(directory: Path, state: "cyclic_log.Directory") -> None:
    """Files whose contents are their names; the old file of a `+` is its second name."""
    for name, mode in sorted(state.items()):
        file = directory / name.replace("@label", "@400000004a32392b00000000")
        if name.startswith("@") and any("+" in other for other in state.values()):
            [first] = [other for other, mode in state.items() if mode.endswith("+")]
            if not (directory / first).exists():
                (directory / first).write_text(f"{first}\n")
            os.link(directory / first, file)
        elif not file.exists():
            file.write_text("" if name == "state" else f"{name}\n")
        file.chmod(int(mode.rstrip("+"), 8))


def where(directory: Path, text: str) -> list[str]:
    """The files that contain this line; an old file is known by its code."""
    names = sorted(file.name for file in directory.iterdir() if f"{text}\n" in file.read_text())
    return [f"@label.{name[-1]}" if name.startswith("@") else name for name in names]


@pytest.mark.parametrize("name", states())
def test_a_restart_does_what_the_tables_say(name: str, programs: str, tmp_path: Path) -> None:
    state = states()[name]
    build(tmp_path, state)
    subprocess.run([f"{programs}/multilog", tmp_path], stdin=subprocess.DEVNULL, check=True)
    for words in cyclic_log.recovery(state):
        what, file, *target = words.replace(" as ", " ").replace("goes on", "goes").split()
        if what == "keeps":
            assert where(tmp_path, file) == target, words
        elif what == "removes":
            linked = state[file].endswith("+")
            assert [name for name in where(tmp_path, file) if name == file] == [], words
            assert bool(where(tmp_path, file)) == linked, words
        else:
            assert words == "goes on writing to current"
            assert where(tmp_path, "current") == ["current"]


def test_the_short_table_says_what_the_long_ones_say() -> None:
    short = cyclic_log.restarts()
    for state in states().values():
        long = ", ".join(cyclic_log.recovery(state))
        assert any(words in short for words in long.split(", ")) or long == "begins anew"


def test_the_picture_has_an_arrow_for_every_way_out_of_a_state() -> None:
    """Walk the machine, and find each change of state among the arrows."""
    arrows = supervise_states.edges()
    todo, seen = [machine.on_start(machine.initial(down=False))], set()
    while todo:
        state = todo.pop()
        if state in seen or machine.is_over(state):
            continue
        seen.add(state)
        for _, after, actions in supervise_states.happenings(state):
            starts = machine.START in actions
            end = machine.on_start(after) if starts else after
            names = supervise_states.name(state), supervise_states.name(end)
            assert names[0] == names[1] or (*names, starts) in arrows
            todo.append(end)
    assert {name for edge in arrows for name in edge[:2]} == {
        supervise_states.name(state) for state in seen
    } | {"supervise exits"}


def test_the_picture_says_what_the_program_is_for() -> None:
    assert supervise_states.edges()["up, wanted up", "up, wanted up", True] == ["./run ends"]


def test_the_letters_of_chapter_4_are_the_machines() -> None:
    page = (DOCS / "book/04-svc.md").read_text()
    rows = re.findall(r"^\| ([a-z](?:, [a-z])*) \| .*? \| (.*) \|$", page, re.MULTILINE)
    signals = {
        letter: [action for action in actions if action.isupper()]
        for letters, text in rows
        for letter in letters.split(", ")
        for actions in [re.findall(r"[A-Z]+|[a-z]+", text)]
    }
    for letter, (_, _, actions) in machine.COMMANDS.items():
        sent = [action for action in actions if action.isupper()]
        said = signals.pop(letter.decode())
        assert sent == said or (len(said) > 1 and len(sent) == 1 and sent[0] in said), letter
    assert signals == {}


def test_the_table_of_the_18_bytes_is_what_is_packed() -> None:
    packed = status.pack((5, 6), 0x01020304, paused=True, want=machine.UP)
    contents = {
        "0 to 7": (2**62 + 10 + 5).to_bytes(8, "big"),
        "8 to 11": (6).to_bytes(4, "big"),
        "12 to 15": (0x01020304).to_bytes(4, "little"),
        "16": b"\x01",
        "17": b"u",
    }
    page = (DOCS / "book/03-supervise.md").read_text()
    assert re.findall(r"^\| ([0-9to ]+) \|", page, re.MULTILINE) == list(contents)
    for name, content in contents.items():
        first, _, last = name.partition(" to ")
        assert packed[int(first) : int(last or first) + 1] == content
    assert len(packed) == status.SIZE == sum(map(len, contents.values()))


def empty(current: Path) -> None:
    """Empty the file."""
    current.write_text("")


def replace(current: Path) -> None:
    """Put another file in its place."""
    other = current.with_name("other")
    other.write_text("other\n")
    other.replace(current)


@pytest.mark.parametrize(
    ("act", "left"),
    [(empty, "two\nthree\n"), (Path.unlink, "three\n"), (replace, "other\nthree\n")],
)
def test_who_takes_current_away_takes_what_chapter_6_says(
    act: Callable[[Path], None], left: str, programs: str, tmp_path: Path
) -> None:
    command = [f"{programs}/multilog", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as multilog:
        assert multilog.stdin
        multilog.stdin.write(b"one\n")
        eventually(lambda: where(tmp_path, "one") == ["current"])
        act(tmp_path / "current")
        multilog.stdin.write(b"two\n")
    subprocess.run(command, input=b"three\n", check=True)
    assert "".join(file.read_text() for file in sorted(tmp_path.iterdir())) == left


def test_what_a_failed_processor_has_left_writes_over_an_old_file(
    programs: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    leaves = "(read x <../go; printf LATE) & exit 1"
    processor = f"!if [ -e ../left ]; then exec cat; fi; >../left; {leaves}"
    command = [f"{programs}/multilog", "s4096", processor, str(tmp_path / "log")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as multilog:
        assert multilog.stdin
        multilog.stdin.write(b"a line\n" * 600)
        eventually(lambda: [*tmp_path.glob("log/@*.s")])
        (old,) = tmp_path.glob("log/@*.s")
        (tmp_path / "go").write_text("now\n")
        eventually(lambda: old.read_text().startswith("LATEne\n"))
