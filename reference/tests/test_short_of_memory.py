"""What must not be lost when there is no memory, even for a warning."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from daemontools.programs import multilog as multilog_program
from daemontools.programs import supervise as supervise_program
from daemontools.programs import svscan as svscan_program
from daemontools.unix import logdir, start


def test_a_command_is_obeyed_again_if_memory_ran_out(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def take(actions: tuple[str, ...]) -> None:
        taken.append(actions)
        if len(taken) == 1:
            raise MemoryError

    monkeypatch.setattr(supervise_program, "_take", take)
    monkeypatch.setattr(supervise_program, "_state", (True, b"u", False, False))
    take_command = vars(supervise_program)["_take_command"]
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, b"at")
    with pytest.raises(MemoryError):
        take_command(reader)
    assert [take_command(reader) for _ in range(3)] == [True, True, False]
    assert taken == [("ALRM",), ("ALRM",), ("TERM",), ()]
    os.close(reader)
    os.close(writer)


class Enough(BaseException):
    """The loop has run often enough."""


@pytest.mark.parametrize("times", [1, 2, 3, 10])
def test_the_loops_that_must_not_end_do_not_end_for_want_of_memory(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    calls: list[None] = []

    def fail(*_arguments: object) -> None:
        calls.append(None)
        if len(calls) > times:
            raise Enough
        raise MemoryError

    for module in (svscan_program, logdir):
        for name in ("reap", "scan", "warn", "pause"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, fail)
    for name in ("set_title", "survive_writing"):
        monkeypatch.setattr(svscan_program, name, lambda *_words: None)
    loops: list[Callable[[], object]] = [
        lambda: svscan_program.main([b"svscan"]),
        lambda: logdir.insist(fail, "unable"),
    ]
    for loop in loops:
        calls.clear()
        with pytest.raises(Enough):
            loop()
        assert len(calls) == times + 1


TEXT = b"".join(b"%d %s\n" % (number, b"a" * (number % 70)) for number in range(140)) + b"end"
SCRIPTS = {
    "plain": [b"s4096", b"n99", b"./log"],
    "processor": [b"s4096", b"n99", b"!cat", b"./log"],
    "all": [b"s4096", b"n99", b"./log", b"-x*", b"e", b"=status", b"s4096", b"n99", b"./log2"],
}


def multilog_without_memory(script: list[bytes], place: int) -> tuple[int, bool]:
    """Run multilog; from its first read on, its call number `place` raises MemoryError.

    Return its exit code, and whether it made so many calls.
    """
    calls = 0
    failed = Path.cwd() / "failed"

    def fail(frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls
        if "/daemontools/" in frame.f_code.co_filename:
            calls += 1
            if calls == place:
                sys.settrace(None)
                failed.touch()
                raise MemoryError

    def read_block(*arguments: object) -> bytes:
        sys.settrace(fail if not calls else sys.gettrace())
        return actual_read_block(*arguments)

    pid = os.fork()
    if pid == 0:
        try:
            actual_read_block: Callable[..., bytes] = vars(multilog_program)["read_block"]
            vars(multilog_program)["read_block"] = read_block
            for module in (multilog_program, logdir):
                vars(module)["pause"] = lambda _seconds: None
            vars(logdir)["PAUSE_SECONDS"] = 0
            reader, writer = os.pipe()
            os.write(writer, TEXT)
            os.close(writer)
            os.dup2(reader, 0)
            os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT), 2)
            os._exit(multilog_program.main([b"multilog", *script]))
        finally:
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, failed.exists()


@pytest.mark.once
@pytest.mark.parametrize("name", SCRIPTS)
def test_whatever_call_of_multilog_finds_no_memory_no_line_is_lost(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, has_failed = 0, True
    while has_failed:
        place += 1
        folder = tmp_path / str(place)
        folder.mkdir()
        monkeypatch.chdir(folder)
        code, has_failed = multilog_without_memory(SCRIPTS[name], place)
        assert code == 0, place
        for log in folder.glob("log*"):
            files = [*sorted(log.glob("@*")), log / "current"]
            assert b"".join(file.read_bytes() for file in files) == TEXT + b"\n", (place, log)
            assert {file.stat().st_mode & 0o777 for file in files} == {0o744}
        shutil.rmtree(folder)
    assert place > 50


def test_want_of_memory_before_the_first_line_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise MemoryError

    monkeypatch.setattr(start, "_restore_launcher_variable", fail)
    monkeypatch.setattr("sys.argv", ["/command/svok", "dir"])
    if (pid := os.fork()) == 0:
        start.run(lambda _argv: 0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 111
    assert capfd.readouterr().err == "svok: fatal: out of memory\n"
