"""The text cannot lie: every `console` block of the docs is run, on every implementation here.

A file's blocks are one session of bash in an empty directory. A line that
starts with `$ ` is typed, `> ` continues it, and what follows up to the next
command must be what it prints. In the expected output

    <pid> <seconds> <tai64n> <stamp>   stand for what they say,
    ...                                alone on a line, for any lines.

Services need a moment, and so does a reader. A command that only looks
(svstat, svok, cat, ls ...) is therefore repeated until it shows what the text
says, or until time is up. The comment `% needs: root` before a block leaves it,
and the rest of its file, out for ordinary users; `% only: reference` shows what
the reference alone does. What is in a folder beside the page that has the page's
name (book/03-supervise/ beside book/03-supervise.md) is in the directory at first.

What a page starts, it ends: a reader goes on to the next page.

    pytest docs                    on the reference, and on djb's if they are here
"""

import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from daemontools_conformance.running.table import children, is_alive

DOCS = Path(__file__).parent
WITHIN_SECONDS = 20.0
HANGS_AFTER_SECONDS = 120.0
LOOKS = {
    "svstat", "svok", "cat", "ls", "ps", "pgrep", "pidof", "grep", "head", "tail", "wc", "od",
    "readlink", "tai64nlocal", "daemontools",
}  # fmt: skip
MASKS = {
    "<pid>": r"[0-9]+",
    "<seconds>": r"[0-9]+",
    "<tai64n>": r"@[0-9a-f]{24}",
    "<stamp>": r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}",
}


class Step(NamedTuple):
    """One command of a transcript: what is typed, what the text says it prints."""

    line: int
    command: str
    expected: str
    only: str  # the implementation it is shown for; empty for all
    root: bool


def steps(text: str) -> list[Step]:
    """The commands of all `console` blocks of a Markdown text, in order."""
    found: list[Step] = []
    mark, in_block, root = "", False, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("% "):
            mark = line[2:]
        elif line == "```console":
            in_block, root = True, root or mark == "needs: root"
            only = mark[6:] if mark.startswith("only: ") else ""
        elif line.startswith("```"):
            in_block, mark = False, ""
        elif in_block and line.startswith("$ "):
            found.append(Step(number, line[2:], "", only, root))
        elif in_block and line.startswith("> ") and found and not found[-1].expected:
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line[2:]}")
        elif in_block:
            assert found, f"line {number}: output before the first command"
            found[-1] = found[-1]._replace(expected=f"{found[-1].expected}{line}\n")
    return found


def matches(expected: str, seen: str) -> bool:
    """Is `seen` what the text says, masks considered?"""
    pattern = re.escape(expected)
    for mask, meaning in MASKS.items():
        pattern = pattern.replace(re.escape(mask), meaning)
    pattern = re.sub(r"(?m)^\\\.\\\.\\\.\\\n", "(?:.*\n)*", pattern)
    return re.fullmatch(pattern, seen) is not None


class Session:
    """One bash, fed through a pipe; commands see an empty standard input."""

    def __init__(self, directory: Path, path: str) -> None:
        home = str(directory)
        self.bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={"PATH": path, "HOME": home, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            start_new_session=True,
        )
        self.count = 0

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_problem: object) -> None:
        self.bash.kill()
        with self.bash:  # closes the pipes, waits
            pass

    def type(self, command: str) -> str:
        """Run one command and return what it printed."""
        assert self.bash.stdin
        assert self.bash.stdout
        self.count += 1
        end = f"\nend of command {self.count}\n"
        script = f"{{ {command}\n}} </dev/null\nprintf '%s' '{end}'\n"
        self.bash.stdin.write(script.encode())
        self.bash.stdin.flush()
        seen = b""
        while end.encode() not in seen:
            ready, _, _ = select.select([self.bash.stdout], [], [], HANGS_AFTER_SECONDS)
            got = os.read(self.bash.stdout.fileno(), 65536) if ready else b""
            assert got, f"bash has {'ended' if ready else 'waited too long'} at: {command}"
            seen += got
        return seen.partition(end.encode())[0].decode(errors="replace")

    def show(self, step: Step) -> str:
        """Run a step; repeat it if it only looks and does not yet see what is expected."""
        end = time.monotonic() + WITHIN_SECONDS
        looks = step.command.split()[0] in LOOKS
        while True:
            seen = self.type(step.command)
            if matches(step.expected, seen) or not looks or time.monotonic() > end:
                return seen
            time.sleep(0.05)


def pages() -> list[Path]:
    """The pages with transcripts, the README among them."""
    files = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [f for f in files if "_build" not in f.parts and steps(f.read_text())]


def left_running(before: set[int]) -> list[str]:
    """The commands that a page has started and, within some time, has not ended."""
    end = time.monotonic() + WITHIN_SECONDS
    while (left := {pid for pid in children() - before if is_alive(pid)}) and (
        time.monotonic() < end
    ):
        time.sleep(0.05)
    return [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in left]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_the_transcripts_of_a_page(
    page: Path, programs: str, tmp_path: Path, clean: set[int]
) -> None:
    name = "djb" if programs in ("/command", "/usr/bin") else "reference"
    python = str(Path(sys.executable).parent)
    path = f"{programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:{python}"
    if page.with_suffix("").is_dir():
        shutil.copytree(page.with_suffix(""), tmp_path, dirs_exist_ok=True)
    with Session(tmp_path, path) as session:
        for step in steps(page.read_text()):
            if step.root and os.geteuid() != 0:
                pytest.skip(f"line {step.line} and what follows need root")
            if step.only in ("", name):
                seen = session.show(step)
                assert matches(step.expected, seen), (
                    f"{page}:{step.line}: $ {step.command}\nsays\n{step.expected}\nshows\n{seen}"
                )
    assert left_running(clean) == []


def test_the_checker_sees_a_lie() -> None:
    assert matches("up (pid <pid>) <seconds> seconds\n", "up (pid 12) 3 seconds\n")
    assert not matches("up (pid <pid>) <seconds> seconds\n", "down 3 seconds\n")
    assert matches("a\n...\nb\n", "a\n1\n2\nb\n")
    assert not matches("a\n...\nb\n", "a\n1\n2\n")
    assert not matches("", "something\n")


def test_the_checker_reads_blocks() -> None:
    text = "```console\n$ cat <<E\n> x\n> E\nx\n$ true\n```\n```sh\n$ not run\n```\n"
    assert [(s.command, s.expected) for s in steps(text)] == [
        ("cat <<E\nx\nE", "x\n"),
        ("true", ""),
    ]
