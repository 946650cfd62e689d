"""Replays: a journal as a shell script that repeats the steps by hand."""

import subprocess
import sys
from pathlib import Path

import pytest

from daemontools_conformance.contract.profiles import Profile
from daemontools_conformance.judging import failure
from daemontools_conformance.running import evidence, journal, replay
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.journal import Entry, Journal
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import encode

AWKWARD = [b"plain", b"", b"a b", b"it's", b"\xff\xfe", b"new\nline", b"$HOME", b"\\", b"-x", b"*"]


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
def box(tmp_path: Path) -> Sandbox:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "svok").symlink_to("/bin/cat")
    return Sandbox(Implementation(Profile("mine"), programs), tmp_path / "box")


def test_the_script_repeats_what_the_test_did(box: Sandbox) -> None:
    box.write("greeting", b"hello\xff\n")
    box.run("svok", "greeting", "-", input=b"and input\n", prepare=["--umask", "077"])
    box.close()
    script = box.replay("svok/exit/running: it greets")
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert done.stdout == b"hello\xff\nand input\nexit 0\n"
    assert done.stderr == b""


def test_what_runs_in_the_background_is_signalled_and_awaited(box: Sandbox) -> None:
    running = box.start_command(["sleep", "1000"])
    running.signal(15)
    running.wait()
    box.close()
    script = box.replay("a title")
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=30)
    assert done.stdout == b"exit 143\n"


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
    assert "sleep 1.50" in lines
    assert "printf %s d > s/supervise/control" in lines


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
