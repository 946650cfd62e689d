"""`daemontools logs`: one log or many, merged, in a period, followed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from companion import launchers, run

from daemontools import tai64
from daemontools.companion import logs


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin"))


def label(second: int) -> bytes:
    return tai64.format_tai64n(second, 0)


def log(directory: Path, *entries: tuple[int, bytes]) -> Path:
    """A log directory with these lines in `current`; second -1 is a line without a label."""
    directory.mkdir(parents=True)
    lines = [b"%s %s\n" % (label(second), text) if second >= 0 else text + b"\n"
             for second, text in entries]  # fmt: skip
    (directory / "current").write_bytes(b"".join(lines))
    return directory


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two logs whose lines are interleaved."""
    return [
        log(tmp_path / "web", (1000, b"one"), (-1, b"more of one"), (3000, b"three")),
        log(tmp_path / "db", (2000, b"two"), (3000, b"also three")),
    ]


def test_one_log_is_printed_as_it_is(two: list[Path], command: Path) -> None:
    answer = run(command, "logs", two[0])
    assert answer.stdout.encode() == (two[0] / "current").read_bytes()


def test_several_logs_are_merged_by_label(two: list[Path], command: Path) -> None:
    lines = run(command, "logs", "--utc", *two).stdout.splitlines()
    assert lines == [
        "web: 1970-01-01 00:16:40.000000000 one",
        "web: more of one",
        "db: 1970-01-01 00:33:20.000000000 two",
        "web: 1970-01-01 00:50:00.000000000 three",
        "db: 1970-01-01 00:50:00.000000000 also three",
    ]


def test_a_service_means_the_log_of_its_logger(tmp_path: Path, command: Path) -> None:
    log(tmp_path / "web/log/main", (1000, b"one"))
    (tmp_path / "web/log/run").touch()
    for name in ("web", "web/log", "web/log/main"):
        assert run(command, "logs", "--utc", tmp_path / name).stdout.endswith("00 one\n")


def test_a_period_has_its_beginning_and_not_its_end(two: list[Path], command: Path) -> None:
    answer = run(
        command, "logs", "--since", "1970-01-01 00:33:20+00:00",
        "--until", os.fsdecode(label(3000)), *two,
    )  # fmt: skip
    assert answer.stdout == f"db: {os.fsdecode(label(2000))} two\n"


def test_a_line_without_a_label_has_the_time_of_the_line_before(
    two: list[Path], command: Path
) -> None:
    assert (
        "more of one"
        in run(command, "logs", "--until", "@40000000000007d0" + "0" * 8, two[0]).stdout
    )


def test_grep_looks_into_the_text_and_not_into_the_label(two: list[Path], command: Path) -> None:
    assert run(command, "logs", "--grep", "^4", *two).stdout == ""
    assert run(command, "logs", "--grep", "^t", *two).stdout.count("\n") == 2


def test_grep_takes_a_letter_of_utf_8_for_its_bytes(tmp_path: Path, command: Path) -> None:
    directory = log(tmp_path / "web", *((1, letter.encode()) for letter in "äöü"))
    for expression, found in {"(ö|ü)": "öü", "[öü]": "äöü", "^.$": ""}.items():
        lines = run(command, "logs", "--grep", expression, directory).stdout.splitlines()
        assert "".join(line[-1] for line in lines) == found


def test_an_old_file_with_another_name_is_left_out_in_silence(
    two: list[Path], command: Path
) -> None:
    name = label(500).decode()
    for other in (f"{name}.s.gz", f"{name}.s.xz", name):
        (two[0] / other).write_bytes(b"earlier\n")
    answer = run(command, "logs", two[0])
    assert answer.stdout.encode() == (two[0] / "current").read_bytes()
    assert (answer.returncode, answer.stderr) == (0, "")


def test_all_bytes_are_kept(tmp_path: Path, command: Path) -> None:
    odd = bytes(b for b in range(256) if b != 10)
    directory = log(tmp_path / "odd", (1000, odd))
    shown = subprocess.run([command, "logs", directory], capture_output=True, check=True).stdout
    assert shown == (directory / "current").read_bytes()


def test_follow_shows_the_lines_of_all_logs_as_they_come(two: list[Path], command: Path) -> None:
    shown = two[0].parent / "shown"
    with shown.open("wb") as output:
        following = subprocess.Popen([command, "logs", "--follow", "--new", *two], stdout=output)
    try:
        number = 0
        # What is written before it looks is not new.
        while not all(name in shown.read_bytes() for name in (b"web: ", b"db: ")):
            for directory in two:
                with (directory / "current").open("ab") as current:
                    current.write(b"%s late %d\n" % (label(4000 + number), number))
            number += 1
            time.sleep(0.01)
        lines = shown.read_bytes().splitlines()
    finally:
        following.send_signal(signal.SIGINT)
    assert following.wait(60) == -signal.SIGINT
    assert {line.split(b":")[0] for line in lines} == {b"web", b"db"}
    assert not [line for line in lines if b"late" not in line]


def test_follow_begins_before_the_directory_exists(tmp_path: Path) -> None:
    entries = logs.follow([tmp_path / "later"], new=False, complain=pytest.fail)
    log(tmp_path / "later", (1000, b"first"))
    assert next(entries).line.text == b"first"


def test_what_is_not_a_log_is_named(tmp_path: Path, command: Path) -> None:
    answer = run(command, "logs", tmp_path / "missing")
    assert (answer.returncode, answer.stdout) == (111, "")
    said = f"daemontools logs: fatal: unable to read {tmp_path}/missing: file does not exist\n"
    assert answer.stderr == said


@pytest.mark.parametrize("options", [[], ["--follow"]])
def test_a_folder_that_is_no_log_is_said(
    options: list[str], two: list[Path], command: Path
) -> None:
    answer = run(command, "logs", *options, two[0].parent)
    assert (answer.returncode, answer.stdout) == (111, "")
    assert answer.stderr == f"daemontools logs: fatal: {two[0].parent}: {logs.NO_LOG}\n"


def test_follow_waits_for_what_is_empty_or_missing(tmp_path: Path, command: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        assert logs.directories(str(tmp_path / name), follow=True) == [tmp_path / name]
        assert run(command, "logs", tmp_path / name).returncode == 111


def test_a_service_without_a_log_is_said(tmp_path: Path, command: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/run").touch()
    answer = run(command, "logs", tmp_path / "web")
    assert answer.returncode == 111
    assert "not a service with a log" in answer.stderr


def test_follow_waits_for_the_log_of_a_new_service(tmp_path: Path) -> None:
    (tmp_path / "web/log").mkdir(parents=True)
    (tmp_path / "web/log/run").touch()
    assert logs.directories(str(tmp_path / "web"), follow=True) == [tmp_path / "web/log/main"]


def test_a_complaint_that_nobody_gets_is_not_printed_among_the_lines(
    tmp_path: Path, command: Path
) -> None:
    os.mkfifo(log(tmp_path / "x", (1, b"line")) / f"{label(0).decode()}.s")
    answer = run(Path("/bin/sh"), "-c", f"{command} logs {tmp_path / 'x'} 2>&-")
    assert (answer.returncode, answer.stdout) == (1, f"{label(1).decode()} line\n")


@pytest.mark.parametrize("dates", ["--local", "--utc"])
def test_a_label_without_a_date_stays(tmp_path: Path, command: Path, dates: str) -> None:
    log(tmp_path / "x", (2**61, b"far"), (0, b"near"))
    answer = run(command, "logs", dates, tmp_path / "x")
    assert answer.returncode == 0
    assert f"{label(2**61).decode()} far\n" in answer.stdout
    assert "near\n" in answer.stdout


@pytest.mark.parametrize("words", [["--since", "soon"], ["--grep", "("], ["--local", "--utc"]])
def test_wrong_words_are_a_usage_error(command: Path, words: list[str], tmp_path: Path) -> None:
    answer = run(command, "logs", *words, tmp_path)
    assert answer.returncode == 100
    assert "Traceback" not in answer.stderr
