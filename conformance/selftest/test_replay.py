"""Replays: a journal as a shell script that repeats the steps by hand."""

import argparse
import contextlib
import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemontools_conformance.commands import replay as command
from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import Profile
from daemontools_conformance.helpers.listing import output
from daemontools_conformance.judging import failure
from daemontools_conformance.running import evidence, journal, replay
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.journal import Entry, Journal
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.status import decode, encode
from daemontools_conformance.running.table import HAS_PROC
from daemontools_conformance.tests.values.deep import deep_folder

AWKWARD = [b"plain", b"", b"a b", b"it's", b"\xff\xfe", b"new\nline", b"$HOME", b"\\", b"-x", b"*"]


def ran_as_printed(script: str) -> list[bytes]:
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=30)
    return done.stdout.splitlines()


def ran(script: str) -> list[bytes]:
    """What the script prints, without how long a busy machine took."""
    return [re.sub(rb"(exit \d+) after [\d.]+ s$", rb"\1", x) for x in ran_as_printed(script)]


@pytest.mark.parametrize("data", AWKWARD)
def test_a_word_gives_back_its_bytes(data: bytes) -> None:
    call = ["bash", "-c", f"printf %s {replay.shell_quoted(data)}"]
    assert subprocess.run(call, capture_output=True, check=True).stdout == data


def test_a_tree_is_made_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (first / "a/-b").mkdir(parents=True)
    (first / "a/-b").chmod(0o700)
    (first / "a/file").write_bytes(b"\0\xff'\n")
    (first / "a/file").chmod(0o640)
    (first / "link").symlink_to("nowhere")
    second.mkdir()
    script = "\n".join(replay.tree(first))
    subprocess.run(["bash", "-e", "-c", script], cwd=second, check=True)
    assert evidence.listing(second) == evidence.listing(first)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "svok").symlink_to("/bin/cat")
    made = Sandbox(Implementation(Profile("mine"), programs), tmp_path / "box")
    yield made
    made.close()


def test_the_script_repeats_what_the_test_did(box: Sandbox) -> None:
    box.write("greeting", b"hello\xff\n")
    box.run("svok", "greeting", "-", input=b"and input\n", prepare=["--umask", "077"])
    box.close()
    script = box.replay("svok/exit/running: it greets")
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert done.stdout.startswith(b"hello\xff\nand input\nexit 0\n")
    assert done.stderr == b""


def test_a_script_runs_under_the_umask_of_the_tests(box: Sandbox) -> None:
    box.start_command(["touch", "new"]).wait()
    box.close()
    script = box.replay("a title")
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, umask=0o077)
    assert b"-rw-r--r--" in done.stdout


def test_what_runs_in_the_background_is_signalled_and_awaited(box: Sandbox) -> None:
    running = box.start_command(["sleep", "1000"])
    running.signal(15)
    running.wait()
    box.close()
    assert ran(box.replay("a title"))[0] == b"exit 143"


def test_evidence_holds_streams_files_and_steps(box: Sandbox, tmp_path: Path) -> None:
    box.write("greeting", b"hello\n")
    box.run("svok", "greeting")
    box.write("later", b"x")
    box.close()
    folder = tmp_path / "evidence"
    box.keep(folder, "t", "it failed")
    names = {file.name for file in folder.iterdir()}
    assert names == {
        "00.svok.out", "00.svok.err", "journal.jsonl", "files.before", "files.after", "replay.sh",
        "failure.txt",
    }  # fmt: skip
    assert (folder / "00.svok.out").read_bytes() == b"hello\n"
    assert "later" not in (folder / "files.before").read_text()
    assert "later" in (folder / "files.after").read_text()


def test_a_journal_belongs_to_the_latest_test() -> None:
    first = journal.begin()
    journal.note("write", name="a")
    second = journal.begin()
    assert (len(first.entries), second.entries) == (1, [])


def test_pauses_of_the_test_are_pauses_of_the_script() -> None:
    facts = {"file": b"", "env": {}, "cwd": "", "prepare": [], "argv": [b"true"]}
    entries = [
        Entry(0.0, "start", {**facts, "pid": 5}),
        Entry(1.5, "control", {"service": "s", "letters": b"d"}),
    ]
    lines = replay.script("t", [], Journal(0.0, entries)).splitlines()
    assert "sleep 1.00" in lines  # and 0.5 of its start
    assert any(line.endswith("printf %s d > s/supervise/control") for line in lines)


def test_what_was_seen_stands_beside_what_was_expected_in_hex() -> None:
    lines = failure.compared("==", (100, b"a\xff"), (100, b"b"))
    assert lines is not None
    text = "\n".join(lines)
    assert "expected[1]: b'b'" in text
    assert "seen[1]:     b'a\\xff'" in text
    assert "61 ff" in text
    assert "[0]" not in text


def test_a_status_file_is_shown_with_its_meaning() -> None:
    lines = failure.compared("==", encode(1000, 77), b"")
    assert lines is not None
    assert "pid=77" in "\n".join(lines)


def test_the_interpreter_of_the_suite_is_not_needed() -> None:
    assert sys.executable not in replay.script("t", [], Journal())


def test_a_command_that_lists_processes_is_repeated_for_those_of_the_replay(box: Sandbox) -> None:
    running = box.start_command(["sleep", "1000"])
    assert output("ps", "-o", "args=", "-p", str(running.pid)) == ["sleep 1000"]
    script = box.replay("a title")
    assert "\nps -o args= -p $p1\n" in script
    assert b"sleep 1000" in ran(script)


def test_a_large_file_is_made_again_if_it_is_short_when_packed(box: Sandbox) -> None:
    box.write("blanks", b"x" + b" \t" * 3_000_000)
    box.run("svok", "blanks")
    assert "6000001" in subprocess.run(
        ["bash", "-c", f"{box.replay('a title')}\nwc -c blanks"],
        capture_output=True,
        check=False,
    ).stdout.decode(errors="replace")


def test_an_exit_code_of_a_signal_is_shown_with_its_name() -> None:
    lines = failure.compared("==", (0, b"", b""), (-signal.SIGTERM, b"", b""))
    assert lines
    assert lines[1:3] == ["expected exit code: -15 (SIGTERM)", "seen exit code:     0"]


@pytest.mark.skipif(not HAS_PROC, reason="only /proc tells what a process ignores")
def test_a_record_shows_modes_in_octal_and_signals_by_name() -> None:
    with subprocess.Popen(["sh", "-c", "umask 27; trap '' TERM; exec sleep 1000"]) as child:
        eventually(lambda: record(child.pid).argv[0] == b"sleep")
        seen = record(child.pid)
        child.kill()
    assert (seen.umask, "SIGTERM" in repr(seen.ignored)) == ("0027", True)


def test_records_are_compared_by_the_fields_that_differ() -> None:
    @dataclass
    class Seen:
        environment: tuple[bytes, ...]
        umask: int

    entries = tuple(b"V%d=x" % number for number in range(25))
    first, second = entries[1], entries[0]
    lines = failure.compared("==", Seen((first, second, *entries[2:]), 18), Seen((*entries,), 18))
    assert lines is not None
    text = "\n".join(lines)
    assert "the same entries in another order, from number 0 on" in text
    assert "umask" not in text
    assert len(text) < 300


def test_a_failure_on_the_terminal_has_at_most_forty_lines() -> None:
    clause = Clause("svok/exit/running", "svok exits 0", "CODE", "svok.c", Path("svok.md"), 1)
    error = AssertionError("\n".join(f"line {number}" for number in range(1000)))
    report = failure.Failure(clause, Outcome.FAIL, error, "test_it (line 3: assert)")
    script = "\n".join(f"printf {'x' * 5000} > {number}" for number in range(500))
    text = report.report(script, Path("evidence"), is_whole=False)
    assert len(text.splitlines()) <= failure.MOST_LINES
    assert max(map(len, text.splitlines())) < 400
    assert len(report.report(script, Path("evidence")).splitlines()) > 1500


def test_a_copied_program_is_copied_again(tmp_path: Path) -> None:
    (tmp_path / "running").write_bytes(Path("/bin/sleep").read_bytes())
    (line,) = replay.tree(tmp_path)
    assert line in ("cp /usr/bin/sleep running", "cp /bin/sleep running")


def test_what_python_does_to_files_locks_and_processes_is_in_the_script(box: Sandbox) -> None:
    (box.path / "folder").mkdir()
    os.mkfifo(box.path / "fifo")
    running = box.start_command(["sleep", "1000"])
    with open(box.path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        box.run("svok", "/dev/null")
    reader = os.open(box.path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    (box.path / "folder").rename(box.path / "moved")
    (box.path / "moved/new").write_text("text\n")
    os.mkfifo(box.path / "moved/fifo", 0o600)
    assert (box.path / "moved/new").read_text() == "text\n"
    os.kill(running.pid, signal.SIGTERM)
    running.wait()
    os.close(reader)
    box.close()
    lines = box.replay("a title").splitlines()
    assert any(line.startswith("( flock 9; exec sleep 1000 ) 9>> lock &") for line in lines)
    wanted = [
        "cat <> fifo & r1=$!; sleep 0.5", "mv -T folder moved",
        "mkfifo -m 600 moved/fifo", "look moved/new", "kill -TERM $p1", "kill $r1; sleep 0.1",
    ]  # fmt: skip
    assert [line for line in lines if line in wanted] == wanted
    assert sum("mkfifo" in line for line in lines) == 2
    assert any(line.startswith("printf %s $'text\\n' > moved/new") for line in lines)


def test_input_reaches_a_program_in_the_background(box: Sandbox) -> None:
    running = box.start("svok", stdin=PIPE)
    running.write(b"one\n")
    eventually(lambda: running.out)
    box.run("svok", "/dev/null")
    running.write(b"two\n")
    running.end_input()
    running.wait()
    box.close()
    lines = ran(box.replay("a title"))  # a busy machine may show what the first prints late
    assert lines.index(b"one") < lines.index(b"two")
    assert lines.count(b"exit 0") == 2


def test_a_wait_is_one_pause_with_its_reason() -> None:
    facts = {"file": b"", "env": {}, "cwd": "", "prepare": [], "argv": [b"true"]}
    waits = [Entry(at, "waited", {"what": "it is up", "in_vain": False}) for at in (0.5, 1.0, 1.5)]
    late = Entry(31.5, "waited", {"what": "it is down", "in_vain": True})
    control = Entry(1.5, "control", {"service": "s", "letters": b"d"})
    entries = [Entry(0.0, "start", {**facts, "pid": 5}), *waits, control, late]
    lines = replay.script("t", [], Journal(0.0, entries)).splitlines()
    assert [line for line in lines if line.startswith("sleep 1")] == [
        "sleep 1.00  # until: it is up"
    ]
    assert "# here the suite waited in vain for: it is down" in lines
    assert "sleep 5.00" in lines


def test_a_fifo_that_a_test_waits_for_does_not_stop_the_suite(box: Sandbox) -> None:
    box.start_command(["sh", "-c", "sleep 0.3; mkfifo ok; exec sleep 1000"])

    def opens() -> bool:
        with contextlib.suppress(OSError):
            os.close(os.open(box.path / "ok", os.O_WRONLY | os.O_NONBLOCK))
        return (box.path / "ok").exists()

    eventually(opens)
    box.run("svok", "/dev/null")
    box.close()


def test_hard_links_and_files_of_one_content_are_made_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (first / "e").mkdir(parents=True)
    second.mkdir()
    for number in range(300):
        (first / f"e/V{number}").write_bytes(b"x" * 100_000)
    (first / "linked").hardlink_to(first / "e/V7")
    lines = replay.tree(first)
    subprocess.run(["bash", "-e", "-c", "\n".join(lines)], cwd=second, check=True)
    assert len(lines) < 10
    assert evidence.listing(second) == evidence.listing(first)
    assert (second / "linked").samefile(second / "e/V7")


@pytest.mark.parametrize(
    "content",
    [bytes(100_000), b"line\n" * 30_000, b"".join(b"line %d\n" % n for n in range(9000))],
    ids=["zeros", "one line", "numbered lines"],
)
def test_a_large_file_is_written_in_one_line(tmp_path: Path, content: bytes) -> None:
    (line,) = replay.write(tmp_path / "file", content, 0o644)
    subprocess.run(["bash", "-e", "-c", line], check=True)
    assert (tmp_path / "file").read_bytes() == content
    assert len(line) < 65536 + 200


def test_a_status_is_made_again_with_the_same_age(tmp_path: Path) -> None:
    (tmp_path / "status").write_bytes(encode(time.time() - 59, 500, want=b"d"))
    lines = replay.tree(tmp_path)
    script = replay.script("a title", [*lines, "sleep 2; cat status"], Journal())
    ran = subprocess.run(["bash", "-c", script], capture_output=True, check=True, timeout=60)
    assert "{ stamp 59; " in lines[0] or "{ stamp 60; " in lines[0]
    again = decode(ran.stdout)
    assert (again.pid, again.want) == (500, b"d")
    assert time.time() - again.since > 58


def test_a_file_that_no_line_can_hold_is_said_to_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(700_000))
    (line,) = replay.tree(tmp_path)
    assert line == "# here the suite made noise: 700000 bytes, which are left out"
    clause = Clause("svok/exit/running", "svok exits 0", "CODE", "svok.c", Path("svok.md"), 1)
    report = failure.Failure(clause, Outcome.FAIL, AssertionError("no"), "test_it")
    assert line in report.report(f"{line}\n", None, is_whole=False)


def test_a_pipe_of_the_tests_own_is_the_programs_input(box: Sandbox) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"before\n")
    running = box.start("svok", stdin=reader)
    os.close(reader)
    os.write(writer, b"after\n")
    os.close(writer)
    running.wait()
    box.close()
    assert {b"before", b"after", b"exit 0"} <= set(ran(box.replay("a title")))


def test_a_fifo_that_is_filled_and_then_let_go_is_so_again(box: Sandbox) -> None:
    os.mkfifo(box.path / "fifo")
    reader = os.open(box.path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(box.path / "fifo", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    os.close(writer)
    running = box.start_command(["sh", "-c", "exec 3> fifo; echo > opened; echo more >&3"])
    eventually((box.path / "opened").exists)
    os.close(reader)
    running.wait()
    box.close()
    lines = ran(box.replay("a title"))
    assert any(line.startswith(b"exit ") and line != b"exit 0" for line in lines)


def test_after_a_wait_in_vain_the_processes_are_shown(box: Sandbox) -> None:
    box.start_command(["sleep", "1000"])
    with pytest.raises(AssertionError):
        eventually(lambda: False, within=0.2, what="it wakes up")
    box.close()
    assert b"sleep S (sleeping) sleep 1000 " in ran(box.replay("a title"))


def test_a_limit_on_the_size_of_files_is_met_by_a_file(box: Sandbox) -> None:
    os.unlink(box.implementation.folder / "svok")
    (box.implementation.folder / "svok").symlink_to("/bin/echo")
    for size, code in ((4, 0), (0, -signal.SIGXFSZ)):
        limit = ["--limit", f"FSIZE={size}"]
        assert box.run("svok", "abc", prepare=limit, crash_is_an_answer=True).code == code
    box.close()
    lines = ran(box.replay("a title"))
    assert b"exit 0" in lines
    assert b"exit 153" in lines


def test_a_command_is_written_once(box: Sandbox) -> None:
    os.makedirs(box.path / "s/supervise")
    os.mkfifo(box.path / "s/supervise/control")
    running = box.start_command(["sh", "-c", "exec cat <> s/supervise/control"])
    eventually(lambda: running.popen.poll() is None)
    reader = os.open(box.path / "s/supervise/control", os.O_RDONLY | os.O_NONBLOCK)
    box.control("s", b"d")
    os.close(reader)
    box.close()
    assert box.replay("a title").count("printf %s d > s/supervise/control") == 1


def test_a_folder_that_is_too_deep_to_be_named_is_entered_again(box: Sandbox) -> None:
    with deep_folder() as folder:
        box.run("svok", "e/../s/../f/supervise", "-", input=b"and input", cwd=folder)
    box.close()
    assert ran(box.replay("a title"))[0] == b"and inputexit 0"


def test_how_long_a_program_took_is_shown_in_halves_of_a_second(box: Sandbox) -> None:
    os.unlink(box.implementation.folder / "svok")
    (box.implementation.folder / "svok").symlink_to("/bin/sleep")
    box.run("svok", "1.5")
    running = box.start("svok", "1.5")
    running.wait()
    box.close()
    lines = ran_as_printed(box.replay("a title"))
    assert lines[0].startswith(b"exit 0 after ")
    assert float(lines[0].split()[3]) >= 1.5
    assert float(lines[1].split()[3]) >= 1.0


def test_a_program_that_is_absent_is_the_peers_along_path(tmp_path: Path) -> None:
    mine, peers = tmp_path / "mine", tmp_path / "peers"
    mine.mkdir()
    peers.mkdir()
    (peers / "svok").symlink_to("/bin/echo")
    peer = Implementation(Profile("peer"), peers)
    absent = frozenset(["svok", "svc"])
    box = Sandbox(
        Implementation(Profile("mine", not_offered=absent), mine, peer), tmp_path / "box", "svstat"
    )
    box.start_command(["sh", "-c", "sv''ok lent"]).wait()
    box.close()
    script = box.replay("a title")
    box.remove()
    assert b"lent" in ran(script)


def test_where_the_programs_come_from_is_read_back() -> None:
    found = {"/tmp/a b/peer": "reference", "/opt/bin": "mine.toml=/opt/bin"}
    script = replay.script("\n".join(["t", *replay.origins(found)]), [], Journal())
    assert replay.read_origins(script) == found


def test_an_environment_is_made_again_but_for_what_no_shell_passes_on(box: Sandbox) -> None:
    (box.implementation.folder / "setlock").symlink_to("/usr/bin/env")
    entries = ["LANG=xx", "A", "B=1", "B=2", "=x"]
    options = [word for entry in entries for word in ("--environ-entry", entry)]
    box.run("setlock", prepare=["--empty-environ", *options])
    box.close()
    script = box.replay("a title")
    assert [line for line in ran(script) if b"=" in line] == [b"LANG=xx", b"B=1"]
    instead = [line for line in script.splitlines() if line.startswith("# here the suite ")]
    assert instead == [
        f"# here the suite added the entry {entry} to the environment"
        for entry in ("A", "B=2", "=x")
    ]


def test_groups_and_hard_limits_are_set_again(box: Sandbox) -> None:
    prepare = ["--groups", "5,70000"] if os.geteuid() == 0 else []
    box.run("svok", "/proc/self/status", "/proc/self/limits", prepare=prepare)
    box.run("svok", "/proc/self/limits", prepare=["--hard-limit", "NOFILE=77"])
    box.close()
    seen = b"\n".join(ran(box.replay("a title")))
    assert b"Groups:\t5 70000" in seen or not prepare
    assert re.search(rb"Max open files +77 +77 ", seen)


def test_input_that_no_line_can_hold_is_said_to_be_left_out() -> None:
    facts = {"file": b"", "env": {}, "cwd": "", "prepare": [], "argv": [b"true"], "pid": 5}
    start = Entry(0.0, "start", {**facts, "input": os.urandom(700_000)})
    end = Entry(0.1, "ended", {"pid": 5})
    lines = replay.script("t", [], Journal(0.0, [start, end])).splitlines()
    left_out = "wrote 700000 bytes to the program's input, which are left out"
    assert f"# here the suite {left_out}" in lines


def test_of_several_tests_one_is_named_by_its_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("test_it[a]", "test_it[b]"):
        evidence = tmp_path / "evidence/setlock.usage.too-few" / name
        evidence.mkdir(parents=True)
        (evidence / "replay.sh").write_text(f"echo '{name}'\n")
    given = argparse.Namespace(evidence=tmp_path, clause="setlock/usage/too-few", run=True)
    assert command.main(given) == 1
    said = capfd.readouterr()
    assert said.err == f"2 matching tests have evidence in {tmp_path}; name one\n"
    [first, second] = shlex.split(said.out)
    assert "'" in said.out  # a shell may find other files for the brackets
    for shown, name in ((first, "test_it[a]"), (second, "test_it[b]")):
        given = argparse.Namespace(evidence=Path(shown), clause="", run=True)
        assert (command.main(given), capfd.readouterr().out) == (0, f"{name}\n")


def test_of_several_tests_only_those_that_failed_are_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        evidence = tmp_path / f"evidence/svok.exit.killed/test_it[{name}]"
        evidence.mkdir(parents=True)
        (evidence / "replay.sh").write_text(f"echo {name}\n")
    given = argparse.Namespace(evidence=tmp_path, clause="svok/exit/killed", run=True)
    (tmp_path / "evidence/svok.exit.killed/test_it[b]/failure.txt").touch()
    assert (command.main(given), capfd.readouterr().out) == (0, "b\n")
    (tmp_path / "evidence/svok.exit.killed/test_it[c]/failure.txt").touch()
    assert command.main(given) == 1
    said = capfd.readouterr()
    assert said.err == f"2 matching tests failed and have evidence in {tmp_path}; name one\n"
    assert [folder[-3:] for folder in shlex.split(said.out)] == ["[b]", "[c]"]


def test_if_none_failed_those_with_a_known_bug_are_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tests = []
    for name, outcome in (("a", "PASS"), ("b", "KNOWN-BUG"), ("c", "PASS")):
        place = f"evidence/svok.exit.killed/test_it[{name}]"
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "replay.sh").write_text(f"echo {name}\n")
        tests.append({"kind": "test", "outcome": outcome, "evidence": place})
    cell = {"kind": "clause", "outcome": "KNOWN-BUG", "evidence": tests[1]["evidence"]}
    text = "".join(f"{json.dumps(line)}\n" for line in (*tests, cell))
    (tmp_path / "results.jsonl").write_text(text)
    given = argparse.Namespace(evidence=tmp_path, clause="svok/exit/killed", run=True)
    assert (command.main(given), capfd.readouterr().out) == (0, "b\n")
    (tmp_path / "evidence/svok.exit.killed/test_it[c]/failure.txt").touch()
    assert (command.main(given), capfd.readouterr().out) == (0, "c\n")


def test_a_failure_names_the_command_that_repeats_it(tmp_path: Path) -> None:
    clause = Clause("svok/exit/running", "svok exits 0", "CODE", "svok.c", Path("svok.md"), 1)
    report = failure.Failure(clause, Outcome.FAIL, AssertionError("no"), "test_it[a]")
    folder = tmp_path / "test_it[a]"
    last = report.report("", folder).splitlines()[-1]
    assert last == f"Again: daemontools-conformance replay '{folder}'"
