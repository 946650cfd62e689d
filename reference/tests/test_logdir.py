"""A log directory in this process: modes, rare file systems, and each call that may fail."""

import contextlib
import errno
import importlib.util
import os
import posix
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from daemontools.core import rotate
from daemontools.unix import logdir, messages
from daemontools.unix.logdir import LogDirectory

# For a user other than root, a finished current that its owner may not write is an error.
MODES = [mode for mode in range(0o1000) if os.geteuid() == 0 or mode & 0o200 or not mode & 0o100]


def restarted(folder: Path, files: dict[str, int]) -> dict[str, str]:
    """What a restart makes of files with these modes: name -> text; for old files code -> text."""
    log = folder / "log"
    log.mkdir()
    for name, mode in files.items():
        (log / name).write_text(f"{name}\n")
        (log / name).chmod(mode)
    start = os.open(folder, os.O_RDONLY)
    without_processor: Any = None  # so no signals are waited for
    opened = LogDirectory(b"log", 4096, 10, without_processor, start, without_processor)
    for fd in (start, opened.fd, opened.lock, *opened.files.values()):
        os.close(fd)
    found = {}
    for file in log.iterdir():
        file.chmod(0o600)
        found[file.name.rpartition(".")[2]] = file.read_text()
    shutil.rmtree(log)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; afterwards the working directory is what it was before. No call may fail."""

    def refuse(_seconds: float) -> None:
        raise AssertionError("a step has failed and would be tried again")

    monkeypatch.setattr(logdir, "pause", refuse)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_current_is_finished_if_its_owner_has_the_x_bit(folder: Path) -> None:
    finished = {"lock": "", "current": "current\n"}
    unfinished = {"lock": "", "state": "", "current": "", "u": "current\n"}
    for mode in MODES:
        found = restarted(folder, {"current": mode})
        assert found == (finished if mode & 0o100 else unfinished), oct(mode)


def test_processed_is_complete_if_its_owner_has_the_x_bit(folder: Path) -> None:
    complete = {"lock": "", "state": "", "current": "", "s": "processed\n"}
    incomplete = {"lock": "", "state": "", "current": "", "u": "previous\n"}
    for mode in range(0o1000):
        found = restarted(folder, {"previous": 0o744, "processed": mode})
        assert found == (complete if mode & 0o100 else incomplete), oct(mode)


def test_a_file_system_that_counts_no_names_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logdir, "_names", lambda file: 0 if os.path.exists(file) else None)
    assert restarted(folder, {"current": 0o644})["u"] == "current\n"


def test_want_of_memory_is_an_error_like_any_other(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pauses: list[float] = []
    answers = iter([MemoryError(), OSError(28, ""), "done"])

    def action() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(logdir, "pause", pauses.append)
    assert logdir.insist(action, "unable to do ", b"it") == "done"
    assert pauses == [5, 5]
    assert capfd.readouterr().err == (
        "multilog: warning: unable to do it, pausing: out of memory\n"
        "multilog: warning: unable to do it, pausing: out of disk space\n"
    )


# Calls that fail


def fail_once(patch: pytest.MonkeyPatch, name: str, after: int = 0) -> None:
    """Let one call of the function, of this module or the system, fail; `after` calls before it."""
    module: ModuleType = logdir if name in vars(logdir) else posix
    real, calls = getattr(module, name), iter(range(100))

    def call(*words: object) -> object:
        if next(calls) == after:
            raise OSError(errno.EIO, "")
        return real(*words)

    patch.setattr(module, name, call)


def begun(folder: Path, size: int = 4096) -> LogDirectory:
    """A log without a processor, which multilog has opened."""
    start = os.open(folder, os.O_RDONLY)
    nobody: Any = None
    try:
        return LogDirectory(b"log", size, 10, nobody, start, nobody)
    finally:
        os.close(start)


def append(log: LogDirectory, block: bytes) -> None:
    """What multilog does with a block."""
    log.block = block
    log.write()


def close_all(*logs: LogDirectory) -> None:
    """Close what logs have open; some of their files may be closed already."""
    for fd in {fd for log in logs for fd in (log.fd, log.lock, *log.files.values())}:
        with contextlib.suppress(OSError):
            os.close(fd)


@pytest.fixture
def log(folder: Path) -> Iterator[LogDirectory]:
    opened = begun(folder)
    yield opened
    close_all(opened)


def test_a_rotation_that_has_begun_is_finished_before_the_next_write(
    folder: Path, log: LogDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_words: object) -> None:
        raise MemoryError

    append(log, b"old\n")
    with monkeypatch.context() as patch:
        patch.setattr(LogDirectory, "_insist_on", fail)
        with pytest.raises(MemoryError):
            log.rotate()
    append(log, b"new\n")
    [old] = (folder / "log").glob("@*.s")
    assert (old.read_text(), (folder / "log/current").read_text()) == ("old\n", "new\n")


@pytest.mark.parametrize(
    ("call", "after", "complaint"),
    [
        ("write", 0, "unable to write to log/current"),
        ("fchdir", 0, "unable to switch to log"),
        ("fsync", 0, "unable to write log/current to disk"),
        ("rename", 0, "unable to rename current to previous in directory log"),
        ("open_append", 0, "unable to create log/current"),
        ("chmod", 0, "unable to set mode of log/current"),
        ("chmod", 1, "unable to set mode of log/previous"),
        ("stat", 0, "unable to stat log/previous"),
        ("link", 0, "unable to link to log/@[0-9a-f]{24}[.]s"),
        ("unlink", 0, "unable to remove log/previous"),
        ("listdir", 0, "unable to read log"),
    ],
)
def test_a_call_that_fails_is_reported_and_made_again_after_a_pause(
    folder: Path, log: LogDirectory, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], call: str, after: int, complaint: str,
) -> None:  # fmt: skip
    pauses: list[float] = []
    monkeypatch.setattr(logdir, "pause", pauses.append)
    with monkeypatch.context() as patch:
        fail_once(patch, call, after)
        append(log, b"text\n")
        log.rotate()
    expected = f"multilog: warning: {complaint}, pausing: input/output error\n"
    assert re.fullmatch(expected, capfd.readouterr().err)
    assert pauses == [5]
    files = {file.name[0]: file for file in (folder / "log").iterdir()}
    assert sorted(files) == ["@", "c", "l", "s"]
    assert (files["@"].read_text(), files["@"].stat().st_mode & 0o777) == ("text\n", 0o744)
    assert (files["c"].read_text(), files["c"].stat().st_mode & 0o777) == ("", 0o644)


def test_an_old_file_that_cannot_be_removed_is_reported_and_stays(
    folder: Path, log: LogDirectory, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = [f"@{number:024d}.s" for number in range(11)]
    for name in names:
        (folder / "log" / name).touch()
    with monkeypatch.context() as patch:
        fail_once(patch, "unlink", after=1)
        log.rotate()
    said = f"multilog: warning: unable to remove log/{names[0]}: input/output error\n"
    assert capfd.readouterr().err == said
    left = sorted(file.name for file in (folder / "log").iterdir())
    assert left[:9] == [names[0], *names[3:]]
    assert (log.written, len([name for name in left if name[0] == "@"])) == (0, 10)


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    """To die is to raise SystemExit."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(messages, "_exit", leave)


@pytest.mark.usefixtures("mortal")
@pytest.mark.parametrize(
    ("mode", "call", "after", "complaint"),
    [
        (0o644, "fchdir", 0, "unable to switch to starting directory"),
        (0o644, "open_read", 0, "unable to open directory log"),
        (0o644, "fchdir", 1, "unable to open directory log"),
        (0o644, "open_append", 0, "unable to lock directory log"),
        (0o644, "lock_exnb", 0, "unable to lock directory log"),
        (0o644, "stat", 0, "unable to stat log/current"),
        (0o644, "stat", 1, "unable to stat log/processed"),
        (0o644, "open_trunc", 0, "unable to write to log/state"),
        (0o644, "open_append", 1, "unable to write to log/current"),
        (0o644, "chmod", 0, "unable to set mode of log/current"),
        (0o644, "fstat", 0, "unable to stat log/current"),
        (0o744, "open_append", 1, "unable to append to log/current"),
        (0o744, "chmod", 0, "unable to set mode of log/current"),
        (0o744, "fstat", 0, "unable to stat log/current"),
    ],
)
def test_a_call_that_fails_before_the_first_line_ends_the_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    mode: int, call: str, after: int, complaint: str,
) -> None:  # fmt: skip
    (folder / "log").mkdir()
    (folder / "log/current").touch(mode)
    (folder / "log/current").chmod(mode)
    with monkeypatch.context() as patch:
        fail_once(patch, call, after)
        with pytest.raises(SystemExit) as ended:
            begun(folder)
    assert ended.value.code == 111
    assert capfd.readouterr().err == f"multilog: fatal: {complaint}: input/output error\n"


@pytest.mark.parametrize("most", [7, 3000, 10_000])
@pytest.mark.parametrize(
    "block",
    [
        b"x" * 4095 + b"\n" + b"y\n",
        b"x" * 4096 + b"y\n",
        b"x" * 2094 + b"\n" + b"y" * 3000 + b"\n",
        b"x" * 2095 + b"\n" + b"y" * 3000 + b"\n",
        b"line\n" * 2000,
        b"x" * 9000,
    ],
)
def test_every_byte_is_in_a_file_however_little_the_system_takes(
    folder: Path, log: LogDirectory, monkeypatch: pytest.MonkeyPatch, block: bytes, most: int
) -> None:
    labels = iter(range(100))
    monkeypatch.setattr(logdir, "_fresh_label", lambda: b"@%024d" % next(labels))
    with monkeypatch.context() as patch:
        patch.setattr(posix, "write", lambda fd, piece: os.write(fd, piece[:most]))
        for begin in range(0, len(block), 5000):
            append(log, block[begin : begin + 5000])
    old = sorted((folder / "log").glob("@*"))
    assert b"".join(file.read_bytes() for file in [*old, folder / "log/current"]) == block
    assert all(2096 <= file.stat().st_size <= 4096 for file in old)
    assert log.written == (folder / "log/current").stat().st_size < 4096 or block == b"x" * 9000


def test_a_rotation_leaves_no_descriptor_open(log: LogDirectory) -> None:
    log.rotate()
    lowest = os.dup(log.fd)
    os.close(lowest)
    for _ in range(3):
        append(log, b"text\n")
        log.rotate()
    again = os.dup(log.fd)
    os.close(again)
    assert again == lowest


def test_a_log_that_is_finished_is_continued(folder: Path, log: LogDirectory) -> None:
    append(log, b"first\n")
    log.finish()
    assert (folder / "log/current").stat().st_mode & 0o777 == 0o744
    os.close(log.lock)
    again = begun(folder)
    log.lock = again.lock
    os.close(again.fd)
    assert (folder / "log/current").stat().st_mode & 0o777 == 0o644
    assert again.written == 6
    append(again, b"second\n")
    os.close(again.files["current"])
    assert (folder / "log/current").read_text() == "first\nsecond\n"


# Labels


def test_each_label_is_later_than_the_last() -> None:
    spec = importlib.util.spec_from_file_location("another", logdir.__file__)
    assert spec
    assert spec.loader
    new: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(new)  # a module that has made no label yet
    for now, label in [
        ((-(2**63), 0), b"@000000000000000000000001"),
        ((-(2**62) - 10, 1), b"@000000000000000000000002"),
        ((5, 999_999_998), b"@400000000000000f3b9ac9fe"),
        ((5, 999_999_998), b"@400000000000000f3b9ac9ff"),
        ((4, 7), b"@400000000000001000000000"),
        ((7, 7), b"@400000000000001100000007"),
    ]:
        new.now = lambda now=now: now
        assert new._fresh_label() == label  # noqa: SLF001


# Processors

GOOD, BAD = 77, 78  # process ids


class Pauses:
    """In place of the signals: the pauses, of which the last is cut short."""

    def __init__(self, most: int = 1) -> None:
        self.seen: list[tuple[float, int]] = []
        self.most = most

    def pause(self, seconds: float, until: int) -> bool:
        """Note the pause; has TERM come?"""
        self.seen.append((seconds, until))
        return len(self.seen) == self.most


@pytest.mark.parametrize(
    ("status", "is_good", "warning"),
    [
        (0, True, ""),
        (256, False, ""),
        (9, False, "processor crashed in log, pausing: signal 9"),
        (1, False, "processor crashed in log, pausing: signal 1"),
        (None, False, "wait failed for processor in log, pausing: input/output error"),
    ],
)
def test_what_becomes_of_a_processor(
    log: LogDirectory, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    status: int | None, *, is_good: bool, warning: str,
) -> None:  # fmt: skip
    def wait(*words: int) -> tuple[int, int]:
        assert words == (77, 0)
        if status is None:
            raise OSError(errno.EIO, "")
        return 77, status

    pauses: Any = Pauses()
    log.interrupts = pauses
    monkeypatch.setattr(posix, "waitpid", wait)
    log.child = 77
    assert vars(LogDirectory)["_succeeds"](log) == is_good
    assert log.child == 0
    assert capfd.readouterr().err == (f"multilog: warning: {warning}\n" if warning else "")
    assert pauses.seen == ([(5, signal.SIGTERM)] if warning else [])


@pytest.mark.parametrize(
    ("ends", "is_processed", "warnings", "pauses"),
    [
        (["good"], True, [], 0),
        (["bad", "good"], True, ["processor failed in log, pausing"], 1),
        (["bad", "bad"], False, ["processor failed in log, pausing"] * 2, 2),
        (["no fork", "good"], True, ["unable to fork for processor in log, pausing: "], 1),
        (["no fork"] * 2, False, ["unable to fork for processor in log, pausing: "] * 2, 2),
    ],
)
def test_a_processor_is_started_until_it_succeeds_or_term_comes(
    log: LogDirectory, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    ends: list[str], *, is_processed: bool, warnings: list[str], pauses: int,
) -> None:  # fmt: skip
    left = iter(ends)

    def fork(*_what: object) -> int:
        if (end := next(left)) == "no fork":
            raise OSError(errno.EIO, "")
        return GOOD if end == "good" else BAD

    def succeeds() -> bool:
        pid, log.child = log.child, 0
        return pid == GOOD

    said: Any = Pauses(most=2)
    log.interrupts = said
    monkeypatch.setattr(logdir, "fork", fork)
    monkeypatch.setattr(log, "_succeeds", succeeds)
    assert vars(LogDirectory)["_process"](log, b"true") == is_processed
    lines = [f"multilog: warning: {line}" for line in warnings]
    expected = [f"{line}input/output error" if line[-1] == " " else line for line in lines]
    assert capfd.readouterr().err.splitlines() == expected
    assert said.seen == [(5, signal.SIGTERM)] * pauses


def test_a_new_directory_is_its_owners_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        close_all(begun(folder))
    finally:
        os.umask(before)
    assert (folder / "log").stat().st_mode & 0o7777 == 0o700


def test_a_restart_forgets_what_a_processor_was_writing(folder: Path) -> None:
    found = restarted(folder, dict.fromkeys(["current", "state", "newstate"], 0o644))
    assert found == {"lock": "", "state": "", "current": "", "u": "current\n"}


@pytest.mark.parametrize(
    ("grown", "known"), [(-2, 0), (0, 0), (3, 3), (4, 4), (5, 4)]
)  # bytes of the block "abcdef" after its first two
def test_what_is_in_current_is_not_written_again(log: LogDirectory, grown: int, known: int) -> None:
    os.write(log.files["current"], b"x" * (10 + grown))
    log.block, log.start, log.written = b"abcdef", 2, 10
    log.steps = [("sync", "current", "")]
    log.recover()  # during a rotation nothing is to be found out
    assert (log.start, log.written) == (2, 10)
    log.steps = []
    log.recover()
    assert (log.start, log.written) == (2 + known, 10 + known)


def test_a_line_that_ends_near_the_size_is_the_files_last(folder: Path, log: LogDirectory) -> None:
    append(log, b"x" * 3000)
    assert log.written == 3000
    append(log, b"x\n")
    assert log.written == 0
    assert (folder / "log/current").read_bytes() == b""


@pytest.mark.parametrize(
    ("processor", "is_good", "following"),
    [
        (None, None, rotate.KEEP),
        (b"true", True, rotate.PROCESSED),
        (b"true", False, rotate.GIVE_UP),
    ],
)
def test_the_steps_of_a_rotation_come_one_by_one_in_their_order(
    log: LogDirectory, monkeypatch: pytest.MonkeyPatch,
    processor: bytes | None, is_good: bool | None, following: list[tuple[str, str, str]],
) -> None:  # fmt: skip
    done: list[tuple[str, str, str]] = []
    log.processor = processor
    monkeypatch.setattr(log, "_do", done.append)
    monkeypatch.setattr(log, "_process", lambda _processor: is_good)
    for _ in range(2):
        done.clear()
        log.rotate()
        assert done == [*rotate.FULL, *following]


def test_an_old_file_that_somebody_else_has_removed_is_not_reported(
    folder: Path, log: LogDirectory, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for number in range(11):
        (folder / "log" / f"@{number:024d}.s").touch()
    real = posix.unlink

    def unlink(name: str | bytes) -> None:
        real(name)
        if name == b"@" + b"0" * 24 + b".s":
            raise FileNotFoundError

    monkeypatch.setattr(posix, "unlink", unlink)
    log.rotate()
    assert capfd.readouterr().err == ""
    assert len([*(folder / "log").glob("@*")]) == 9


def test_a_processor_that_cannot_run_says_so(
    log: LogDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []

    def fork(*words: object) -> int:
        said.extend(words)
        return GOOD

    monkeypatch.setattr(logdir, "fork", fork)
    monkeypatch.setattr(log, "_succeeds", lambda: True)
    assert vars(LogDirectory)["_process"](log, b"true")
    complaint = ("multilog: fatal: ", "unable to run ", b"true", ": ")
    assert [said[0], said[-1]] == [complaint, b"true"]


def test_a_processor_gets_its_files_and_its_signals_back(
    log: LogDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []

    class Signals:
        def restore(self) -> None:
            """Note that they are restored."""
            done.append("signals")

    signals: Any = Signals()
    log.interrupts = signals
    monkeypatch.setattr(logdir, "open_read", lambda file: f"read {file}")
    monkeypatch.setattr(logdir, "open_trunc", lambda file: f"write {file}")
    monkeypatch.setattr(logdir, "_move", lambda *words: done.append(words))
    monkeypatch.setattr(posix, "execv", lambda *words: done.append(words))
    vars(LogDirectory)["_become"](log, b"a b")
    files = [("read previous", 0), ("write processed", 1), ("read state", 4), ("write newstate", 5)]
    assert done == ["signals", *files, ("/bin/sh", [b"sh", b"-c", b"a b"])]
