"""Programs that attack the suite: each ends in a verdict, with a valid report and nothing left.

All of them are an svok. Most end as an honest one, so that only the attack can be noticed.
Some answer wrongly besides: then the attack must not pass for an ordinary failure.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from daemontools_conformance.running import evidence
from daemontools_conformance.running.journal import Journal
from daemontools_conformance.running.processes import is_alive, is_stopped
from daemontools_conformance.running.removal import remove
from selftest.builds import judged, patched, with_programs

CLAUSE = "svok/exit/never-supervised"
SH = "#!/bin/sh\n"
PYTHON = "#!{python} -IS\nimport os, signal, sys, time\n"
THEN_HONEST = 'exec {true}/svok "$@"\n'
THEN_HONEST_PYTHON = "os.execv('{true}/svok', sys.argv)\n"
THEN_WRONG = "exit 0\n"
CAUSES = {
    "wrote more than 64 MB", "filled more than 256 MB of the disk",
    "had more than 2048 MB in memory", "stopped the suite", "showed a stack trace",
    "removed or replaced the file of its output",
}  # fmt: skip
MARK = "{mark}"  # the seconds that only the sleepers of one test sleep
CALM = ("--patience", "5")  # most attacks cost time, and the machine may be busy
MOST_REPORT = 30 << 20  # bytes

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@dataclass(frozen=True)
class Attack:
    """A hostile svok, the outcomes that are right, and words of the reason."""

    name: str
    script: str
    outcomes: tuple[str, ...] = ("PASS",)
    says: str = ""
    workers: int = 0
    within: int = 240


ATTACKS = [
    Attack("output-without-end", SH + "exec yes\n", ("CRASH",), "wrote more than 64 MB"),
    Attack("errors-without-end", SH + "exec yes >&2\n", ("CRASH",), "wrote more than 64 MB"),
    Attack(
        "output-without-end-of-a-child",
        SH + "(yes; yes) & yes | cat >&2\n" + THEN_HONEST,
        ("CRASH",),
        "wrote more than 64 MB",
    ),
    Attack("a-gigabyte", SH + "head -c 1000000000 /dev/zero\n" + THEN_HONEST, ("CRASH",), "64 MB"),
    Attack("a-gigabyte-at-once", SH + "truncate -s 1G /dev/stdout\n" + THEN_HONEST, ("FAIL",)),
    Attack(
        "escape-codes",
        SH + "printf '\\033]0;owned\\007\\033[2J\\000\\377\\r\\n\\302\\205' >&2\nexit 7\n",
        ("FAIL",),
    ),
    Attack(
        "escape-codes-in-a-traceback",
        SH + "printf 'Traceback (most recent call last)\\033[2J\\000\\377\\302\\205' >&2\n",
        ("CRASH",),
    ),
    Attack(
        "fills-the-disk",
        SH + "yes >full & yes >full2\n" + THEN_HONEST,
        ("CRASH",),
        "filled more than 256 MB",
    ),
    Attack(
        "fills-the-disk-unseen",
        SH + "exec 3>full; rm full; yes >&3\n" + THEN_HONEST,
        ("CRASH",),
        "filled more than 256 MB",
    ),
    Attack(
        "fills-the-memory",
        PYTHON + "held = []\n"
        "while len(held) < 48: held.append(b'x' * (64 << 20))\n",
        ("CRASH",),
        "2048 MB in memory",
    ),
    Attack("stops-its-parent", SH + "kill -STOP $PPID\n" + THEN_HONEST, ("CRASH",), "stopped"),
    Attack(
        "stops-its-parent-in-a-worker",
        SH + "kill -STOP $PPID\n" + THEN_HONEST,
        ("CRASH",),
        "stopped",
        workers=2,
    ),
    Attack("kills-its-parent", SH + "kill -9 $PPID\n" + THEN_HONEST, ("HARNESS-ERROR",), workers=2),
    Attack("terms-its-parent", SH + "kill $PPID\n" + THEN_HONEST, ("HARNESS-ERROR",), workers=2),
    Attack(
        "kills-its-parent-and-leaves-daemons",
        PYTHON + "for n in range(5):\n"
        f"    if os.fork() == 0: os.setsid(); os.execvp('sleep', ['sleep', '{MARK}'])\n"
        "os.kill(os.getppid(), 9)\n" + THEN_HONEST_PYTHON,
        ("HARNESS-ERROR",),
        workers=2,
    ),
    Attack("hangs-up-its-parent", SH + "kill -HUP $PPID\n" + THEN_HONEST, workers=2),
    Attack(
        "leaves-nested-folders",
        PYTHON + "for n in range(3000): os.mkdir('d'); os.chdir('d')\n" + THEN_HONEST_PYTHON,
        ("PASS", "FAIL"),  # where it is now, its operand does not exist
    ),
    Attack(
        "leaves-wide-folders",
        PYTHON + "for n in range(5000): os.mkdir(f'd{n}')\n" + THEN_HONEST_PYTHON,
    ),
    Attack(
        "leaves-closed-folders",
        SH + "mkdir -p a/b/c; : >a/b/c/d; chmod 0 a/b/c a/b a; chmod 0 .\n" + THEN_HONEST,
        ("PASS", "FAIL"),
    ),
    Attack("removes-its-sandbox", SH + 'rm -rf "$PWD"\n' + THEN_HONEST, ("PASS", "FAIL")),
    Attack("removes-its-output", SH + "rm -rf ../box.evidence\n" + THEN_HONEST, ("CRASH",), "gone"),
    Attack(
        "puts-a-device-in-place-of-its-output",
        SH + "for f in ../box.evidence/*; do ln -sf /dev/zero $f; done\n" + THEN_HONEST,
        ("CRASH",),
    ),
    Attack(
        "puts-a-fifo-in-place-of-its-output",
        SH + "for f in ../box.evidence/*; do rm $f; mkfifo $f; done\n" + THEN_HONEST,
        ("CRASH",),
        "has been replaced",
    ),
    Attack(  # what is in the new file counts
        "puts-a-plain-file-in-place-of-its-output",
        SH + "echo wrong; for f in ../box.evidence/*; do rm $f; : >$f; done\n" + THEN_HONEST,
    ),
    Attack(
        "empties-its-output",
        SH + "echo wrong; for f in ../box.evidence/*; do : >$f; done\n" + THEN_HONEST,
    ),
    Attack(
        "changes-its-group-and-ignores-signals",
        PYTHON + "for n in (1, 2, 3, 13, 14, 15, 20): signal.signal(n, signal.SIG_IGN)\n"
        "os.setsid() if os.fork() == 0 else None\n"
        f"os.execvp('sleep', ['sleep', '{MARK}']) if os.fork() == 0 else None\n"
        + THEN_HONEST_PYTHON,
        ("PASS", "FAIL"),
    ),
    Attack(
        "leaves-300-daemons",
        PYTHON + "for n in range(300):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        f"        if os.fork() == 0: os.execvp('sleep', ['sleep', '{MARK}'])\n"
        "        os._exit(0)\n" + THEN_HONEST_PYTHON,
    ),
    Attack(
        "forks-as-fast-as-it-dies",
        PYTHON + "end = time.monotonic() + 30\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    while time.monotonic() < end:\n"
        "        if os.fork(): os._exit(0)\n"
        f"    os.execvp('sleep', ['sleep', '{MARK}'])\n" + THEN_HONEST_PYTHON,
    ),
    # One of each row of the contract's table, with a wrong answer
    Attack(
        "stops-its-parent-wrongly",
        SH + "kill -STOP $PPID\n" + THEN_WRONG,
        ("CRASH",), "stopped",
    ),
    Attack(
        "writes-80-MB-wrongly",
        SH + "head -c 80000000 /dev/zero\n" + THEN_WRONG,
        ("CRASH",), "64 MB",
    ),
    Attack(
        "fills-the-disk-wrongly",
        SH + "head -c 300000000 /dev/zero >full; sleep 5\n" + THEN_WRONG,
        ("CRASH",),
        "filled more than 256 MB",
    ),
    Attack(
        "fills-the-memory-wrongly",
        PYTHON + "held = b'x' * (2200 << 20)\ntime.sleep(5)\n",
        ("CRASH",),
        "2048 MB in memory",
    ),
    Attack(
        "kills-its-parent-wrongly",
        SH + "kill -9 $PPID\n" + THEN_WRONG,
        ("HARNESS-ERROR",), workers=2,
    ),
    Attack(
        "removes-its-output-wrongly",
        SH + "rm -rf ../box.evidence\n" + THEN_WRONG,
        ("CRASH",), "gone",
    ),
    Attack(
        "puts-a-fifo-in-place-of-its-output-wrongly",
        SH + "for f in ../box.evidence/*; do rm $f; mkfifo $f; done\n" + THEN_WRONG,
        ("CRASH",),
        "has been replaced",
    ),
    Attack(
        "puts-a-plain-file-in-place-of-its-output-wrongly",
        SH + "for f in ../box.evidence/*; do rm $f; echo wrong >$f; done\n" + THEN_HONEST,
        ("FAIL",), "wrong",
    ),
    Attack(
        "leaves-daemons-wrongly",
        SH + f"trap '' HUP INT TERM; setsid sleep {MARK} & setsid sleep {MARK} &\n" + THEN_WRONG,
        ("FAIL",),
    ),
    Attack(
        "leaves-folders-wrongly",
        SH + "mkdir -p a/b/c; chmod 0 a/b a .\n" + THEN_WRONG,
        ("FAIL",),
    ),
]  # fmt: skip


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of the suite that is started."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def sleepers(mark: str) -> list[int]:
    """The processes of the program that are left."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found += [int(entry.name)] if mark.encode() in words else []
    return found


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_ends_in_a_verdict(
    attack: Attack, honest: Path, tmp_path: Path, temporary: Path
) -> None:
    mark = f"9{os.getpid():08d}{ATTACKS.index(attack)}"
    script = attack.script.replace(MARK, mark)
    folder = with_programs(tmp_path / "hostile", honest, {"svok": script})
    place = tmp_path / "report"
    options = [*CALM, "--clause", CLAUSE]
    code, report = judged(folder, place, *options, workers=attack.workers, within=attack.within)
    cell = report.clauses[CLAUSE]
    assert cell["outcome"] in attack.outcomes, cell["detail"]
    assert attack.says in cell["detail"]
    if cell["outcome"] == "CRASH":  # its cause is the deviation, and no word of one test
        assert cell["cause"] in CAUSES
    assert code == (0 if cell["outcome"] == "PASS" else 1)
    assert size_of(place) < MOST_REPORT
    ElementTree.parse(place / "junit.xml")
    ElementTree.parse(place / "badge.svg")
    assert sleepers(mark) == []
    assert list(temporary.iterdir()) == []


def test_a_sandbox_that_becomes_a_link_does_no_harm_elsewhere(
    honest: Path, tmp_path: Path, temporary: Path
) -> None:
    victim = tmp_path / "victim"
    (victim / "inside").mkdir(parents=True)
    (victim / "file").write_text("kept")
    (victim / "file").chmod(0o640)
    victim.chmod(0o751)
    script = (
        SH + f'ln -s {victim}/file a; mkdir c; ln -s {victim} c/d; chmod 0 c; mv "$PWD" ../old; '
        f"ln -s {victim} ../box; {THEN_HONEST}"
    )
    folder = with_programs(tmp_path / "hostile", honest, {"svok": script})
    judged(folder, tmp_path / "report", "--clause", CLAUSE)
    assert (victim / "file").read_text() == "kept"
    assert [oct(p.stat().st_mode)[-3:] for p in (victim, victim / "file")] == ["751", "640"]
    assert sorted(p.name for p in victim.iterdir()) == ["file", "inside"]
    assert list(temporary.iterdir()) == []


@needs_root
def test_what_is_mounted_on_a_sandbox_is_detached_and_kept(
    honest: Path, tmp_path: Path, temporary: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("kept")
    script = SH + f"mkdir -p a/b; mount --bind {victim} a/b\n" + THEN_HONEST
    folder = with_programs(tmp_path / "hostile", honest, {"svok": script})
    own = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*own, "mount", "--bind", victim, victim], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    code, report = judged(folder, tmp_path / "report", "--clause", CLAUSE, through=own)
    assert (code, report.clauses[CLAUSE]["outcome"]) == (0, "PASS")
    assert (victim / "file").read_text() == "kept"
    assert list(temporary.iterdir()) == []


@needs_root
def test_a_program_that_kills_everything_ends_the_run_without_a_verdict(
    honest: Path, tmp_path: Path
) -> None:
    place = tmp_path / "report"
    assert judged(honest, place, "--clause", CLAUSE)[0] == 0
    folder = with_programs(tmp_path / "hostile", honest, {"svok": SH + "kill -9 -1\n"})
    alone = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("a namespace is not permitted here")
    with pytest.raises(AssertionError, match="No such file"):  # of the older verdict
        judged(
            folder, place, "--clause", CLAUSE, through=[*alone, "sh", "-c", '"$@"; exit $?', "-"]
        )


def test_links_in_the_report_folder_are_not_followed(honest: Path, tmp_path: Path) -> None:
    place = tmp_path / "report"
    place.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for name in ("results.jsonl", "junit.xml", "matrix.html", "badge.svg", "evidence"):
        (place / name).symlink_to(victim)
    code, report = judged(honest, place, "--clause", CLAUSE)
    assert (code, report.clauses[CLAUSE]["outcome"]) == (0, "PASS")
    assert victim.read_text() == "kept"


@pytest.mark.parametrize("kind", ["link", "file", "another user's"])
def test_a_foreign_folder_of_pytest_does_no_harm(
    kind: str, honest: Path, tmp_path: Path, temporary: Path
) -> None:
    name = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    theirs = temporary / f"pytest-of-{name}"
    if kind == "link":
        theirs.symlink_to("/nowhere")
    elif kind == "file":
        theirs.touch()
    else:
        theirs.mkdir()
        if os.geteuid() == 0:
            os.chown(theirs, 65534, 65534)
    code, report = judged(honest, tmp_path / "report", "--clause", CLAUSE, workers=2)
    assert (code, report.clauses[CLAUSE]["outcome"]) == (0, "PASS")
    assert [entry.name for entry in temporary.iterdir()] == [theirs.name]


# The command in a profile


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A profile of somebody else whose setup leaves a trace."""
    file = tmp_path / "theirs.toml"
    makes = "mkdir $1; printf '#!/bin/sh\\nexit 100\\n' >$1/svok; chmod 755 $1/svok"
    setup = f"touch {tmp_path}/ran; {makes}"
    file.write_text(f'name = "theirs"\nsetup = ["/bin/sh", "-c", {setup!r}, "x", "{{folder}}"]\n')
    return file


@pytest.mark.parametrize(
    "words",
    [
        ["--help"], ["--collect-only"], ["--collect-only", "-n2"], ["--program", "svok", "--help"],
        ["--version"], ["--markers"], ["--fixtures"], ["--program", "svko"], ["--clause", "none"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_setup_is_not_run_by_who_only_looks(
    theirs: Path, tmp_path: Path, words: list[str]
) -> None:
    command = [sys.executable, "-I", "-m", "daemontools_conformance"]
    subprocess.run(
        [*command, "--implementation", str(theirs), "-n0", *words],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert not (tmp_path / "ran").exists()


def test_a_setup_is_said_before_it_runs(theirs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-m", "daemontools_conformance", "smoke", str(theirs)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.stderr.startswith(f"{theirs} runs: /bin/sh -c 'touch {tmp_path}/ran; ")
    assert (tmp_path / "ran").exists()


# What protects the suite


def _deep(top: Path) -> None:
    here = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def _closed(top: Path) -> None:
    (top / "a/b").mkdir(parents=True)
    (top / "a/b/file").touch()
    for folder in (top / "a/b", top / "a", top):
        folder.chmod(0)


def _numbered(top: Path) -> None:
    for name in ("0/0/0", "1/0/1", "0/1/0"):
        (top / name).mkdir(parents=True)
    (top / "2").touch()


def _odd_names(top: Path) -> None:
    for name in (b"-rf", b"\xff\n", b"x" * 255):
        os.mkdir(os.fsencode(top) + b"/" + name)
        os.mkfifo(os.fsencode(top) + b"/" + name + b"/fifo")


@pytest.mark.parametrize("make", [_deep, _closed, _numbered, _odd_names])
def test_everything_is_removed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    top = tmp_path / "top"
    top.mkdir()
    make(top)
    remove(top)
    assert list(tmp_path.iterdir()) == []
    remove(top)  # it is not there


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "top").symlink_to("kept")
    remove(tmp_path / "top")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_many_tests_that_wrote_much_take_little_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "_kept", 0)
    streams = tmp_path / "streams"
    streams.mkdir()
    (streams / "00.svok.out").write_bytes(b"x" * (3 << 20))
    left = evidence.Left(streams, Journal(), {})
    for number in range(100):
        evidence.keep(tmp_path / f"kept/{number}", left, "", "")
    ends = [(tmp_path / f"kept/{n}/00.svok.out").read_bytes()[-30:] for n in (0, 99)]
    assert all(end.endswith(b"\n... 3145728 bytes in all\n") for end in ends)
    assert size_of(tmp_path / "kept/0") > 1 << 20
    assert size_of(tmp_path / "kept") < 20 << 20


AWAKE = """\
import sys, time
from daemontools_conformance.running.waking import keep_awake, times_woken
keep_awake()
print("ready", flush=True)
for line in sys.stdin: print(times_woken(), flush=True)
"""


def _until(question: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not question():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_stopped_suite_goes_on_but_not_after_ctrl_z() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", AWAKE], stdin=pipe, stdout=pipe) as suite:
        assert suite.stdin
        assert suite.stdout
        assert suite.stdout.readline() == b"ready\n"
        suite.send_signal(signal.SIGSTOP)
        suite.stdin.write(b"\n")
        suite.stdin.flush()
        assert suite.stdout.readline() == b"1\n"
        suite.send_signal(signal.SIGTSTP)
        _until(lambda: is_stopped(suite.pid))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert is_stopped(suite.pid)
        suite.send_signal(signal.SIGCONT)
        suite.stdin.write(b"\n")
        suite.stdin.flush()
        assert suite.stdout.readline() == b"1\n"
        suite.stdin.close()
    assert not is_alive(suite.pid)


@pytest.mark.parametrize("told", [0, -1])
def test_no_test_signals_everybody(told: int) -> None:
    with pytest.raises(AssertionError, match="as the id of a process"):
        os.kill(told, 0)
