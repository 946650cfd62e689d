"""The lines `by hand` of the clauses work: each is typed on djb's programs, in a root of its own.

by_hand.sh prepares what the lines take for granted, which specification/index.md says, and becomes
an interactive bash at a terminal, into which the line is typed. A line must be a program of bash,
must find each command, file and process that it names, and must show something: the messages that
its clause quotes, and an exit code that its clause names. What cannot be typed so begins with a
word, and no test runs it.
"""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daemontools_conformance.contract.clauses import Clause, load
from daemontools_conformance.helpers import newroot
from daemontools_conformance.running.needs import missing

DOCS = Path(__file__).parent
CLAUSES = load(DOCS.parent / "conformance/spec")
FILES = sorted({clause.file.stem for clause in CLAUSES.values()})
ROLES = {"SVSCAN", "SUPERVISE", "SUPERVISE-LOG", "RUN", "RUN-OF-LOG", "READPROCTITLE"}
IN_WORDS = ("see the test", "none", "needs ", "in a ", "mount ", "compare ", "run ", "an env")
AT_ONCE = 8  # lines at the same time: most of them sleep
START, LONGEST = 10, 24  # seconds; what a line shows in them counts, even if it goes on
PROMPT = b"ready> "
NOTICE = re.compile(r"^\[\d+\]([-+ ]+Done.*| \d+)\n", re.MULTILINE)  # of a job: any line has them
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
# Thousands of processes, or a gigabyte: no test for every day.
HEAVY = {"svscan/limit/thousand", "svscan/limit/thousand-message", "svscan/limit/room-is-made"}
HEAVY |= {"svscan/limit/no-memory"}
# What the shell, or a program that is not ours, says if the line is wrong.
WRONG = re.compile(
    "command not found|syntax error|SyntaxError|No such file or directory|No such process|"
    "File exists|cannot create|arguments must be|kill: usage|invalid PID|invalid option --|"
    "readonly variable"
)


def commands(line: str) -> list[str]:
    """What is typed: a command, and perhaps one for a second terminal; [] if it is said in words.

    >>> commands("`svok s`"), commands("see the test")
    (['svok s'], [])
    """
    return re.findall("`([^`]+)`", line) if line.startswith("`") else []


def shown(clause: str, typed: Sequence[str], scratch: Path) -> str:
    """What a line shows at a terminal, within its time."""
    base, kept = scratch / "root", scratch / "kept"
    base.mkdir(parents=True)
    kept.mkdir()
    enter = [sys.executable, "-IS", newroot.__file__, str(base), str(kept), "--child", "--"]
    # Python ignores PIPE and XFSZ, and newroot.py hands that on; a shell at a terminal does not.
    shell = ["/usr/bin/env", "--default-signal", "setsid", "--ctty", "bash", "-c"]
    stage = [*shell, (DOCS / "by_hand.sh").read_text(), "by_hand.sh", clause, *typed[:2]]
    sleeps = sum(int(word) for word in re.findall(r"\bsleep (\d+)", typed[0]) if int(word) < 20)
    terminal, end = pty.openpty()
    bash = subprocess.Popen(
        ["unshare", "-mpf", "--kill-child", *enter, *stage],
        stdin=end,
        stdout=end,
        stderr=end,
        env={"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(end)
    try:
        return conversation(terminal, time.monotonic() + min(START + sleeps, LONGEST))
    finally:
        bash.kill()  # and with it all that has begun in the new root
        bash.wait()
        os.close(terminal)


def conversation(terminal: int, deadline: float) -> str:
    """What the shell at a terminal shows for the line that it asks for, and what follows later."""
    line = read_until_prompt(terminal, deadline).partition("type: ")[2].strip()
    said = ""
    for entered in (line, "wait"):  # for what the line leaves in the background
        os.write(terminal, entered.encode() + b"\n")
        said += read_until_prompt(terminal, deadline).partition("\n")[2]  # without the echo
    return NOTICE.sub("", said)


def read_until_prompt(terminal: int, deadline: float) -> str:
    """All that is shown before the next prompt or the deadline."""
    said = b""
    while not said.endswith(PROMPT) and (left := deadline - time.monotonic()) > 0:
        try:
            if select.select([terminal], [], [], left)[0]:
                said += os.read(terminal, 65536)
        except OSError:  # the shell has ended: the line is judged by what it has shown
            break
    return said.removesuffix(PROMPT).decode(errors="replace").replace("\r\n", "\n")


def promised(clause: Clause, typed: Sequence[Sequence[str]]) -> list[str]:
    """Patterns of what the clause's text says that a program says, or with which code it exits.

    In messages, capitals stand for any words. Of several codes a line may show any.
    djb's programs do not show what a clause of level BEYOND says.
    """
    if clause.level == "BEYOND":
        return []
    quoted = re.findall(r"`([a-z0-9]+: [^`]+)`", clause.text)
    parts = [re.split(r"\b[A-Z][A-Z]+\b|\.\.\.", message) for message in quoted]
    patterns = [".+".join(map(re.escape, pieces)) for pieces in parts]
    asked = any(re.search(r"echo \$(\?|{PIPESTATUS)", command) for t in typed for command in t)
    if asked and (codes := exit_codes(clause.text)):
        patterns.append(rf"(?m)^({'|'.join(codes)})$")
    return patterns


def exit_codes(text: str) -> list[str]:
    """What a shell's `$?` is if the text says "exits 111" or "dies of XFSZ"."""
    fatal = re.findall(r"SIG([A-Z]+) kills|(?:killed by|dies of) (?:SIG)?([A-Z]+)", text)
    killed = [128 + signal.Signals[f"SIG{one or other}"] for one, other in fatal]
    return [*re.findall(r"\bexits (\d+)\b", text), *map(str, killed)]


def judged(clause: Clause, scratch: Path) -> str:
    """What is wrong with the lines of a clause; "" if nothing is."""
    typed = [commands(line) for line in clause.by_hand]
    seen = [shown(clause.id, t, scratch / str(n)) for n, t in enumerate(typed) if t]
    lacking = [
        pattern
        for pattern in promised(clause, typed)
        if seen and not re.search(pattern, "".join(seen))
    ]
    if all(map(str.strip, seen)) and not any(map(WRONG.search, seen)) and not lacking:
        return ""
    return "\n".join([clause.id, *clause.by_hand, *(said[:2000] for said in seen), *lacking])


@pytest.mark.parametrize("clause", CLAUSES.values(), ids=lambda clause: clause.id)
def test_a_line_is_a_shell_program_or_begins_with_a_word(clause: Clause) -> None:
    for line in clause.by_hand:
        assert line.startswith("`") or line.startswith(IN_WORDS), line
        for command in commands(line):
            subprocess.run(["bash", "-n", "-c", command], check=True)


def test_the_page_introduces_each_process_that_is_not_named_by_its_id() -> None:
    words = {
        word
        for clause in CLAUSES.values()
        for line in clause.by_hand
        for word in re.findall(r"(?:/proc/|-p |--pid |kill (?:-\w+ )?|--ppid )([A-Z][A-Z-]+)", line)
    }
    assert words - {"TERM", "PIPE"} <= ROLES
    page = (DOCS / "_ext/clauses.py").read_text()
    assert [role for role in sorted(ROLES) if f"`{role}`" not in page] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a root of its own")
@pytest.mark.skipif(not Path("/usr/bin/svscan").exists(), reason="needs djb's programs")
@pytest.mark.skipif(bool(missing("namespaces")), reason="needs namespaces")
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("file", FILES)
def test_the_lines_of_a_file_show_something(file: str, tmp_path: Path) -> None:
    """What several lines at once keep from its time is typed again, alone: people are slow."""
    of_file = [c for c in CLAUSES.values() if c.file.stem == file and c.id not in HEAVY]
    places = [tmp_path / clause.id.replace("/", ".") for clause in of_file]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = list(pool.map(judged, of_file, places))
    again = [
        (clause, place / "again")
        for clause, place, found in zip(of_file, places, first, strict=True)
        if found
    ]
    failed = [found for clause, place in again if (found := judged(clause, place))]
    assert not failed, "\n\n".join(failed)
