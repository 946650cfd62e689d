"""A log directory in this process: every combination of modes, and rare file systems."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from daemontools.unix import logdir
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
    """A folder; afterwards the working directory is what it was before."""
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
