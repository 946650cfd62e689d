"""The pictures show what real processes do: the tree, the pipe, `svc -d`, a rotation, a chain."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import pictures  # noqa: E402

pytestmark = pytest.mark.usefixtures("clean")


Start = Callable[..., int]  # (folder, *command) -> process id


def wait_until(question: "Callable[[], object]", what: str) -> None:
    """Wait until the answer is yes. AssertionError after a generous time."""
    end = time.monotonic() + 30
    while not question():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture
def svscan(start: Start, tmp_path: Path) -> int:
    """The tree of the picture, in a directory `service`; the process id of its svscan."""
    clock, log = tmp_path / "service/clock", tmp_path / "service/clock/log"
    log.mkdir(parents=True)
    for folder, words in ((clock, pictures.SERVICE), (log, pictures.LOGGER)):
        script(folder / "run", words)
    pid = start(tmp_path, "svscan", "service")
    wait_until(lambda: set(processes(pid)) == DRAWN, "the tree that is drawn")
    return pid


def script(file: Path, words: str) -> None:
    """An executable script that becomes a program."""
    file.write_text(f"#!/bin/sh\nexec {words}\n")
    file.chmod(0o755)


@pytest.fixture
def start(programs: str) -> Iterator[Start]:
    """Starts a program of the implementation in a folder; gives its process id.

    Its input is a silent pipe. It is ended with the test, and `clean` ends its children.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start(folder: Path, *command: str) -> int:
        process = subprocess.Popen(
            command,
            executable=f"{programs}/{command[0]}",
            cwd=folder,
            env={"PATH": f"{programs}:/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


# A process is the words that `ps` shows for it and for each of its parents up to the root.
DRAWN = {
    tuple(pictures.TREE[max(r for r in range(row + 1) if pictures.TREE[r][0] == d)][1]
          for d in range(depth + 1))
    for row, (depth, _, _) in enumerate(pictures.TREE)
}  # fmt: skip


def processes(root: int) -> dict[tuple[str, ...], int]:
    """All processes below a root, and the root: words from the root on -> process id."""
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 3) for line in shown.splitlines()]
    known = {int(pid): (int(parent), words) for pid, parent, stat, words in rows if stat[0] != "Z"}

    def path(pid: int) -> tuple[str, ...]:
        parent, words = known.get(pid, (0, ""))
        above = () if pid == root else path(parent) if parent else ("",)
        return (*above, words)

    paths = {path(pid): pid for pid in known}
    return {words: pid for words, pid in paths.items() if words[0] == known[root][1]}


def test_the_tree_is_what_ps_shows(svscan: int) -> None:
    assert set(processes(svscan)) == DRAWN


# The names in the picture of the pipe, as words that `ps` shows.
NAMES = {
    "svscan": "svscan service",
    "supervise clock": "supervise clock",
    "clock/run": pictures.SERVICE,
    "supervise log": "supervise log",
    "log/run": pictures.LOGGER,
}


def named(svscan: int) -> dict[str, int]:
    """The name in the picture -> process id."""
    found = {words[-1]: pid for words, pid in processes(svscan).items()}
    return {name: found[words] for name, words in NAMES.items() if words in found}


def ends(pid: int) -> set[tuple[str, str]]:
    """The ends of pipes that a process has open: the pipe, and "r" or "w"."""
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        pipe = os.readlink(fd)
        flags = re.search(r"flags:\s*([0-7]+)", Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text())
        if pipe.startswith("pipe:") and flags:
            found.add((pipe, "w" if int(flags[1], 8) & os.O_WRONLY else "r"))
    return found


def holders(pids: dict[str, int], pipe: str, end: str) -> set[str]:
    """Those of the processes that hold this end of the pipe."""
    return {name for name, pid in pids.items() if (pipe, end) in ends(pid)}


def is_gone(pid: int) -> bool:
    """Has the process ended? A zombie has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


@pytest.mark.parametrize("dead", [dead for dead, _ in pictures.DEATHS])
def test_the_pipe_is_held_by_those_who_are_drawn(svscan: int, start: Start, dead: str) -> None:
    pids = named(svscan)
    (pipe,) = {pipe for pipe, end in ends(pids["clock/run"]) if end == "w"} & {
        pipe for pipe, end in ends(pids["log/run"]) if end == "r"
    }
    assert holders(pids, pipe, "w") == set(pictures.WRITERS)
    assert holders(pids, pipe, "r") == set(pictures.READERS)
    os.kill(pids[dead], signal.SIGKILL)
    wait_until(lambda: is_gone(pids[dead]), f"{dead} has died")
    left = {name: pid for name, pid in pids.items() if name != dead}
    assert holders(left, pipe, "w") == set(pictures.WRITERS) - {dead}
    assert holders(left, pipe, "r") == set(pictures.READERS) - {dead}
    if dead == "svscan":
        folder = Path(f"/proc/{pids['clock/run']}/cwd").resolve().parents[1]
        successor = start(folder, "svscan", "service")
        wait_until(lambda: any(end == "w" for _, end in ends(successor)), "a new pipe")
        assert pipe not in {pipe for pipe, _ in ends(successor)}
    else:
        end = "w" if dead in pictures.WRITERS else "r"
        wait_until(
            lambda: (
                named(svscan).get(dead, pids[dead]) != pids[dead]
                and holders(named(svscan), pipe, end) >= {dead}
            ),
            f"a new {dead} holds the same pipe",
        )


def test_svc_d_changes_the_status_as_drawn(programs: str, start: Start, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.mkdir()
    script(clock / "run", "sleep 1000")
    (clock / "run").write_text("#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n")  # dies when we say so
    start(tmp_path, "supervise", "clock")
    status = clock / "supervise/status"
    drawn = [moment for moment in pictures.moments() if isinstance(moment, bytes)]
    wait_until(lambda: status.exists() and any(status.read_bytes()[12:16]), "it is up")
    pid = status.read_bytes()[12:16]
    up, want_down, down = (
        moment[12:].replace(pictures.PID.to_bytes(4, "little"), pid) for moment in drawn
    )
    wait_until(
        lambda: b"sleep" in Path(f"/proc/{int.from_bytes(pid, 'little')}/cmdline").read_bytes(),
        "TERM is ignored",
    )
    assert status.read_bytes()[12:] == up
    subprocess.run([f"{programs}/svc", "-d", "clock"], cwd=tmp_path, check=True)
    wait_until(lambda: status.read_bytes()[12:] == want_down, "want down")
    os.kill(int.from_bytes(pid, "little"), signal.SIGKILL)
    wait_until(lambda: status.read_bytes()[12:] == down, "down")


CALLS = {
    r'rename\("(\w+)", "(\w+)"\)': r"rename \1 \2",
    r'open(?:at)?\((?:AT_FDCWD\S*, )?"(\w+)", [A-Z_|]*O_CREAT.*': r"create \1",
    r"fchmod\(\d+<[^>]*/(\w+)>, 0644\)": r"unmark \1",
    r'chmod\("(\w+)", 0744\)': r"mark \1",
    r'link\("(\w+)", "@\w+\.(\w)"\)': r"link \1 @label.\2",
    r'unlink\("(\w+)"\)': r"remove \1",
}


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here")
def test_a_rotation_makes_the_calls_that_are_drawn(programs: str, tmp_path: Path) -> None:
    lines = "".join(f"{number}\n" for number in range(1500)).encode()
    names = "rename,open,openat,chmod,fchmod,link,unlink"
    command = ["strace", "-y", "-o", "calls", "-e", f"trace={names}"]
    command += [f"{programs}/multilog", "s4096", "./log"]
    subprocess.run(command, input=lines, cwd=tmp_path, check=True)
    made = []
    for line in (tmp_path / "calls").read_text().splitlines():
        for pattern, words in CALLS.items():
            if found := re.match(pattern, line):
                made.append(found.expand(words))
    first = made.index("rename current previous")
    drawn = [frame.call for frame in pictures.rotation_frames()[1:]]
    assert made[first : first + len(drawn)] == drawn


def test_a_new_multilog_puts_the_crash_right_as_drawn(start: Start, tmp_path: Path) -> None:
    stopped, after = (frame.files for frame in pictures.crash_frames())
    for name, mode in stopped.items():
        (tmp_path / name).write_text(f"{name}\n")
        (tmp_path / name).chmod(int(mode, 8))
    start(tmp_path, "multilog", "./")
    wait_until(lambda: listing(tmp_path) == after, f"{after}, not {listing(tmp_path)}")


def listing(folder: Path) -> dict[str, str]:
    """A log directory as the picture shows it; the lock is left out."""
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        name = re.sub(r"^@\w+", "@label", file.name)
        if name in found:
            name = name.replace("label", "later-label")
        found[name] = f"{file.stat().st_mode & 0o777:o}"
    found.pop("lock", None)
    return found


def test_the_chain_is_the_one_of_the_chapter() -> None:
    line = " ".join(words for words, _ in pictures.CHAIN[1:])
    assert f"\nexec {line}\n" in (DOCS / "book/08-chains.md").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="setuidgid needs root")
def test_each_step_of_the_chain_changes_what_is_drawn(programs: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "env").mkdir()
    (tmp_path / "env/GREETING").write_text("hello")
    httpd = tmp_path / "httpd"
    httpd.write_text("#!/bin/sh\necho $$ $(ulimit -v) $GREETING $(id -un) $(id -Gn)\n")
    httpd.chmod(0o755)
    line = " ".join(words for words, _ in pictures.CHAIN[1:]).replace("www", "nobody")
    script(tmp_path / "run", line)
    run = subprocess.Popen(
        ["./run"], cwd=tmp_path, env={"PATH": f"{programs}:/usr/bin:/bin"}, stdout=subprocess.PIPE
    )
    said = run.communicate()[0].decode().split()
    assert said == [str(run.pid), str(100_000_000 // 1024), "hello", "nobody", "nogroup"]
