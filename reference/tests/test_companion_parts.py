"""The parts of the command `daemontools`, called in this process on files, without a tree."""

import argparse
import fcntl
import itertools
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from companion import wait_until

from daemontools import companion, services
from daemontools.companion import check, logs, new, status, wait, watch, when, words
from daemontools.companion.status import Seen
from daemontools.logs import Line
from daemontools.services import Log, Status

# words.py, when.py


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "1 minute 1 second"),
        (3599, "59 minutes 59 seconds"),
        (3600, "1 hour"),
        (3659, "1 hour"),
        (3660, "1 hour 1 minute"),
        (86399, "23 hours 59 minutes"),
        (86400, "1 day"),
        (93600, "1 day 2 hours"),
        (172800 + 3599, "2 days"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: int, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"plain", "plain"),
        ("caf\xe9", "caf\xe9"),
        (b"a\nb\tc\x1b\x7f", r"a\nb\tc\x1b\x7f"),
        (b"\xff'", r"\xff'"),
        (Path("/a b"), "/a b"),
    ],
)
def test_nothing_is_shown_that_a_terminal_would_obey(text: Any, shown: str) -> None:
    assert words.printable(text) == shown


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("5s", (1_699_999_995, 0)),
        ("5m ago", (1_699_999_700, 0)),
        ("2h", (1_699_992_800, 0)),
        ("3d ago", (1_699_740_800, 0)),
        ("@4000000037c219bf2ef02e94", (935467445, 787492500)),
        ("1999-08-24 04:04:05.000007+00:00", (935467445, 7000)),
        ("1969-12-31T23:59:59.5+00:00", (-1, 500_000_000)),
    ],
)
def test_a_time_that_a_person_types(
    monkeypatch: pytest.MonkeyPatch, text: str, second: tuple[int, int]
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.7)
    assert when.parse(text) == second


def test_a_time_of_today_is_local() -> None:
    today = time.localtime()
    for text, hour, second in [("9:30", 9, 0), ("09:30:15", 9, 15)]:
        moment = time.mktime((*today[:3], hour, 30, second, 0, 0, -1))
        assert when.parse(text) == (int(moment), 0)


@pytest.mark.parametrize("text", ["", "x", "5x", "@x", "24:00:00x", "5 s", "2026-13-01"])
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^not a time: {text!r}$"):
        when.parse(text)


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("0.5", 0.5), ("1e9", 10**9), ("1e10", 10**9), ("inf", 10**9)]
)
def test_a_number_of_seconds(text: str, number: float) -> None:
    assert when.seconds(text) == number
    for wrong in ("-1", "nan", "x"):
        with pytest.raises(ValueError, match=wrong):
            when.seconds(wrong)


# status.py

UP = Status(Path("/t/web"), 4711, 86, wanted="up")
DOWN = Status(Path("/t/web"), 0, 3, wanted="up")
LOG_UP = Status(Path("/t/web/log"), 4712, 86, wanted="up")
LINE = Log(Path("/t/web/log/main"), b"@4000000037c219bf2ef02e94 tick\x1b", 1)


@pytest.mark.parametrize(
    ("change", "restarts", "text"),
    [
        ({}, 0, "up 1 minute 26 seconds (pid 4711)"),
        ({"is_paused": True}, 0, "up 1 minute 26 seconds (pid 4711), paused"),
        ({"wanted": "down"}, 0, "up 1 minute 26 seconds (pid 4711), wanted down"),
        ({"is_normally_up": False}, 0, "up 1 minute 26 seconds (pid 4711), normally down"),
        ({"pid": 0, "is_paused": True}, 0, "down 1 minute 26 seconds, wanted up, normally up"),
        ({"pid": 0, "wanted": "down"}, 0, "down 1 minute 26 seconds, normally up"),
        ({"pid": 0, "wanted": "down", "is_normally_up": False}, 0, "down 1 minute 26 seconds"),
        ({"pid": 0, "wanted": "once", "is_normally_up": False}, 0, "down 1 minute 26 seconds"),
        ({}, 1, "up 1 minute 26 seconds (pid 4711): starts again and again (1 time while looking)"),
        ({"pid": 0, "wanted": "down", "is_normally_up": False}, 2,
         "down 1 minute 26 seconds: starts again and again (2 times while looking)"),
        ({"problem": "why"}, 1, "why"),
        ({"problem": "x: access denied"}, 0, "x: access denied (only root and its owner may ask)"),
    ],
)  # fmt: skip
def test_a_state_in_words(change: dict[str, Any], restarts: int, text: str) -> None:
    assert status.in_words(UP._replace(**change), restarts) == text
    assert restarts or status.in_words(UP._replace(**change)) == text


@pytest.mark.parametrize(
    ("seen", "is_as_wanted", "line"),
    [
        (Seen(UP, None, None, 0), True, "web  up 1 minute 26 seconds (pid 4711)"),
        (Seen(UP, None, None, 1), False, "web  up 1 minute 26 seconds (pid 4711): starts again"),
        (Seen(UP, LOG_UP, LINE, 0), True, r"(pid 4711)  log 1 second old: tick\x1b"),
        (Seen(UP, LOG_UP, Log(LINE.directory), 0), True, "(pid 4711)  log up, no line yet"),
        (Seen(UP, LOG_UP, LINE._replace(seconds=None), 0), True, "log up, no line yet"),
        (Seen(UP, LOG_UP, None, 0), True, "log up, no line yet"),
        (Seen(UP, LOG_UP, LINE, 0, 1), False, "log up 1 minute 26 seconds (pid 4712): starts"),
        (Seen(UP, LOG_UP._replace(pid=0), LINE, 0), False, "log down 1 minute 26 seconds, wanted"),
        (Seen(UP, LOG_UP._replace(pid=0, wanted="down"), LINE, 0), True, "log down 1 minute"),
        (Seen(UP, LOG_UP._replace(is_paused=True), LINE, 0), False, "(pid 4712), paused"),
        (Seen(DOWN, LOG_UP, LINE, 0), False, "web  down 3 seconds, wanted up, normally up  log 1"),
    ],
)
def test_a_line_for_people(seen: Seen, is_as_wanted: bool, line: str) -> None:
    assert seen.is_as_wanted == is_as_wanted
    (plain,) = status.as_lines([seen], 0, is_coloured=False)
    assert line in plain
    (coloured,) = status.as_lines([seen], 0, is_coloured=True)
    assert coloured == (plain if is_as_wanted else f"\x1b[31m{plain}\x1b[0m")
    assert status.as_lines([seen], 10, is_coloured=False) == [plain[:10]]


def test_lines_are_columns() -> None:
    longer = Status(Path("/t/a-long-name"), problem="why")
    lines = status.as_lines(
        [Seen(UP, LOG_UP, LINE, 0), Seen(longer, None, None, 0)], 0, is_coloured=False
    )
    assert lines == [
        r"web          up 1 minute 26 seconds (pid 4711)  log 1 second old: tick\x1b",
        "a-long-name  why",
    ]
    assert status.as_lines([], 0, is_coloured=True) == []


@pytest.mark.parametrize(
    ("pids", "restarts"),
    [([5], 0), ([0], 0), ([5, 0], 0), ([5, 0, 6], 1), ([0, 5, 0], 1), ([5, 6, 7], 2), ([], 0)],
)
def test_restarts_are_counted_by_ups_or_downs(pids: list[int], restarts: int) -> None:
    changes = [UP._replace(pid=pid) for pid in pids]
    count = vars(status)["_restarts"]
    assert count(changes) == restarts
    assert count([*changes, UP._replace(pid=0, problem="gone")]) == restarts


@pytest.mark.parametrize(
    ("change", "is_young"),
    [
        ({"seconds": 1}, True),
        ({"seconds": 2}, False),
        ({"seconds": 1, "wanted": "down"}, False),
        ({"seconds": 1, "wanted": "once"}, True),
        ({"seconds": 1, "problem": "x"}, False),
    ],
)
def test_what_has_just_changed_is_young(change: dict[str, Any], *, is_young: bool) -> None:
    assert vars(status)["_is_young"](UP._replace(**change)) == is_young


class Clock:
    """A time that passes only while somebody sleeps."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 1000.0, list[float]()
        patch.setattr(time, "monotonic", lambda: self.now)
        patch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(round(seconds, 6))
        self.now = round(self.now + seconds, 9)


@pytest.mark.parametrize(
    ("age", "seconds", "sleeps"),
    [(86, None, 0), (1, None, 44), (86, 0.5, 10), (86, 0, 0), (1, 0, 0)],
)
def test_young_services_are_looked_at_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, age: int, seconds: float | None, sleeps: int
) -> None:
    clock, asked = Clock(monkeypatch), list[Path]()

    def ask(path: Path) -> Status:
        asked.append(path)
        pid = 7 + len(asked) // 3
        return UP._replace(directory=path, pid=pid, seconds=age, change=b"%d" % pid)

    monkeypatch.setattr(services, "logger", lambda path: path / "log" if path.name == "a" else None)
    monkeypatch.setattr(services, "status", ask)
    monkeypatch.setattr(services, "logs_of", lambda _logger: [Path("x"), Path("y"), Path("z")])
    ages = {"x": 5, "y": 3, "z": None}
    monkeypatch.setattr(services, "newest", lambda log: Log(log, b"", ages[log.name]))
    one, two = status.look([Path("a"), Path("b")], seconds)
    assert clock.slept == [0.05] * sleeps
    assert (one.service.directory, one.logger and one.logger.directory) == (
        Path("a"),
        Path("a/log"),
    )
    assert one.log == Log(Path("y"), b"", 3)
    assert (two.service.directory, two.logger, two.log) == (Path("b"), None, None)
    assert (one.restarts > 0) == (one.logger_restarts > 0) == (sleeps > 0)


def test_data_for_programs() -> None:
    log = {
        "directory": "/t/web/log/main",
        "seconds": 1,
        "line": "@4000000037c219bf2ef02e94 tick\x1b",
        "problem": None,
    }
    up = {
        "directory": "/t/web", "problem": None, "up": True, "pid": 4711, "seconds": 86,
        "paused": False, "wanted": "up", "normally_up": True,
    }  # fmt: skip
    logger = {**up, "directory": "/t/web/log", "pid": 4712, "restarts": 3}
    data = status.as_data(Seen(UP, LOG_UP, LINE, 2, 3))
    assert data == {"name": "web", **up, "as_wanted": False, "restarts": 2, "logger": logger,
                    "log": log}  # fmt: skip
    down = {**up, "up": False, "pid": None, "seconds": 3}
    data = status.as_data(Seen(DOWN, None, None, 0))
    assert data == {"name": "web", **down, "as_wanted": False, "restarts": 0, "logger": None,
                    "log": None}  # fmt: skip
    gone = Seen(UP._replace(problem="why"), LOG_UP._replace(problem="why too"), Log(Path("l")), 0)
    assert status.as_data(gone) == {
        "name": "web", "directory": "/t/web", "problem": "why", "as_wanted": False, "restarts": 0,
        "logger": {"directory": "/t/web/log", "problem": "why too", "restarts": 0},
        "log": {"directory": "l", "seconds": None, "line": None, "problem": None},
    }  # fmt: skip


def test_metrics() -> None:
    odd = UP._replace(directory=Path('/t/a"b\\c\nd'), is_paused=True)
    seen = [
        Seen(UP, LOG_UP, LINE, 2, 3),
        Seen(odd, LOG_UP._replace(pid=0), Log(Path("l")), 0),
        Seen(DOWN._replace(problem="why"), None, None, 0),
    ]
    text = status.as_metrics(seen)
    names = {"/t/web": "web", r"/t/a\"b\\c\nd": "odd"}
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line[0] != "#":
            metric, _, rest = line.removeprefix("daemontools_").partition('{service="')
            service, _, value = rest.rpartition('"} ')
            values.setdefault(metric, []).append(f"{names[service]} {value}")
    assert values == {
        "supervised": ["web 1", "odd 1", "web 0"],
        "up": ["web 1", "odd 1", "web 0"],
        "as_wanted": ["web 0", "odd 0", "web 0"],
        "paused": ["web 0", "odd 1"],
        "state_seconds": ["web 86", "odd 86"],
        "restarts": ["web 2", "odd 0", "web 0"],
        "logger_up": ["web 1", "odd 0"],
        "logger_restarts": ["web 3", "odd 0"],
        "log_readable": ["web 1", "odd 1"],
        "log_age_seconds": ["web 1"],
    }
    helps = [line for line in text.splitlines() if line[0] == "#"]
    expected = []
    for metric, meaning in status.METRICS.items():
        expected += [f"# HELP daemontools_{metric} {meaning}", f"# TYPE daemontools_{metric} gauge"]
    assert helps == expected
    assert all(meaning.endswith(".") for meaning in status.METRICS.values())


def test_a_tree_is_its_services_and_a_service_itself(tmp_path: Path) -> None:
    for name in ("b/supervise", "a", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    assert status.expand(str(tmp_path)) == [tmp_path / "a", tmp_path / "b"]
    assert status.expand(str(tmp_path / "b")) == [tmp_path / "b"]
    assert status.expand(str(tmp_path / "nowhere")) == [tmp_path / "nowhere"]


def parsed(module: Any, *given: str) -> argparse.Namespace:
    """The options of a subcommand."""
    parser = argparse.ArgumentParser()
    module.add_options(parser)
    return parser.parse_args(given)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ([], 0),
        ([Seen(UP, None, None, 0)], 0),
        ([Seen(UP, LOG_UP, LINE, 0), Seen(DOWN, None, None, 0)], 1),
        ([Seen(DOWN, None, None, 0), Seen(UP._replace(problem="x"), None, None, 0)], 111),
        ([Seen(UP, LOG_UP._replace(problem="x"), None, 0)], 111),
        ([Seen(UP._replace(problem=services.NOT_RUNNING), None, None, 0)], 1),
    ],
)
def test_status_prints_in_three_forms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seen: list[Seen], code: int
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(status, "expand", lambda name: [Path(name), Path("x")])

    def look(*given: object) -> list[Seen]:
        asked.append(given)
        return seen

    monkeypatch.setattr(status, "look", look)
    assert status.main(parsed(status)) == code
    assert capsys.readouterr().out.splitlines() == status.as_lines(seen, 0, is_coloured=False)
    assert status.main(parsed(status, "--json", "--look", "5", "a", "b")) == code
    assert json.loads(capsys.readouterr().out) == [status.as_data(one) for one in seen]
    assert status.main(parsed(status, "--prometheus", "a")) == code
    assert capsys.readouterr().out == status.as_metrics(seen)
    assert asked == [
        ([Path("/service"), Path("x")], None),
        ([Path("a"), Path("x"), Path("b"), Path("x")], 5),
        ([Path("a"), Path("x")], None),
    ]


# wait.py


@pytest.mark.parametrize(
    ("change", "up", "down", "steady", "gone"),
    [
        ({}, 0, 0.05, 0, 0.05),
        ({"seconds": 1}, 0, 0.05, 2, 0.05),
        ({"pid": 0}, 0.05, 0.05, 0.05, 0.05),
        ({"pid": 0, "wanted": "down"}, 0.05, 0, 0.05, 0.05),
        ({"pid": 0, "wanted": "once"}, 0.05, 0, 0.05, 0.05),
        ({"problem": services.NOT_RUNNING}, 0.05, 0.05, 0.05, 0),
        ({"problem": services.NEVER_RUN}, 0.05, 0.05, 0.05, 0),
        ({"problem": "unable to chdir: file does not exist"}, 0.05, 0.05, 0.05, 0),
        ({"problem": "other", "pid": 0}, 0.05, 0.05, 0.05, 0.05),
    ],
)
def test_how_long_a_state_cannot_come(
    change: dict[str, Any], up: float, down: float, steady: float, gone: float
) -> None:
    one = UP._replace(**change)
    states = ("up", "down", "steady", "gone")
    pauses = [wait.pause_before(one, state, 3, one.age) for state in states]
    assert pauses == [up, down, steady, gone]


MISSING = UP._replace(problem="unable to chdir: file does not exist")


@pytest.mark.parametrize(
    ("given", "answers", "code", "slept", "said"),
    [
        ("up /t/web", [UP], 0, [], ""),
        ("up /t/web", [DOWN, DOWN, UP], 0, [0.05, 0.05], ""),
        ("-t 0.07 up /t/web", [DOWN], 1, [0.05, 0.02], "/t/web: down 3 seconds, wanted up, norm"),
        ("-t 0 up /t/web", [DOWN], 1, [], "/t/web: down 3 seconds"),
        ("steady /t/web", [UP._replace(seconds=1), UP], 0, [2], ""),
        ("-s 100 -t 5 steady /t/web", [UP], 1, [5], "/t/web: up 1 minute"),
        ("up /t/web", [MISSING], 111, [], "/t/web: unable to chdir: file does not exist"),
        ("gone /t/web", [MISSING], 111, [], "/t/web: unable to chdir: file does not exist"),
        ("gone /t/web", [UP, MISSING], 0, [0.05], ""),
        ("up /t/web", [DOWN, UP._replace(problem="odd")], 111, [0.05], "/t/web: odd"),
        ("-t 0.06 up /t/web", [UP._replace(problem=services.NOT_RUNNING)], 1, [0.05, 0.01],
         "/t/web: supervise not running"),
    ],
)  # fmt: skip
def test_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str,
    answers: list[Status], code: int, slept: list[float], said: str,
) -> None:  # fmt: skip
    clock, left = Clock(monkeypatch), list(answers)
    monkeypatch.setattr(wait, "process_age", lambda _pid: 86)
    monkeypatch.setattr(services, "logger", lambda _path: None)
    monkeypatch.setattr(services, "status", lambda _path: left.pop(0) if left[1:] else left[0])
    assert wait.main(parsed(wait, *given.split())) == code
    assert clock.slept == slept
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1 if said else 0)
    assert err.startswith(f"daemontools wait: {said}" if said else "")


def test_a_process_that_proc_does_not_show_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(wait, "process_age", lambda _pid: 0)
    monkeypatch.setattr(services, "logger", lambda _path: None)
    monkeypatch.setattr(services, "status", lambda _path: UP)
    assert wait.main(parsed(wait, "steady", "/t/web")) == 0
    assert clock.slept == [3]


def test_how_old_a_process_is() -> None:
    begun = time.monotonic()
    with subprocess.Popen(["sleep", "1000"]) as sleep:
        wait_until(lambda: wait.process_age(sleep.pid) > 0.1, "the process is a tenth old")
        age = wait.process_age(sleep.pid)
        sleep.kill()
    assert 0.1 < age < time.monotonic() - begun + 0.1
    assert wait.process_age(sleep.pid) == wait.process_age(0) == 0


def test_up_and_steady_mean_loggers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "logger", lambda path: path / "log" if path.name == "a" else None)
    named = [Path("a"), Path("b"), Path("a/log")]
    for state in ("up", "steady"):
        assert wait.directories(named, state) == named
        assert wait.directories(named[:2], state) == [Path("a"), Path("b"), Path("a/log")]
    for state in ("down", "gone"):
        assert wait.directories(named[:2], state) == named[:2]


# new.py


@pytest.mark.parametrize(
    ("users", "run", "log_run"),
    [
        ([], "", ""),
        (["--user", "root"], "setuidgid root ", "setuidgid root "),
        (["--log-user", "root"], "", "setuidgid root "),
        (["--user", "root", "--log-user", "daemon"], "setuidgid root ", "setuidgid daemon "),
    ],
)
def test_a_new_service_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, users: list[str], run: str, log_run: str
) -> None:
    owned: list[object] = []
    monkeypatch.setattr(os, "chown", lambda *words: owned.append(words))
    before = os.umask(0o077)
    code = new.main(parsed(new, str(tmp_path / "web"), *users, "--", "echo", "a b"))
    os.umask(before)
    assert code == 0
    web = tmp_path / "web"
    modes = {str(p.relative_to(web)): stat.S_IMODE(p.stat().st_mode) for p in web.rglob("*")}
    assert stat.S_IMODE(web.stat().st_mode) == 0o755
    folders = {"env": 0o700, "log": 0o755, "log/main": 0o750}
    assert modes == {**folders, "run": 0o755, "log/run": 0o755}
    text = f"#!/bin/sh\nexec 2>&1\nexec envdir ./env {run}echo 'a b'\n"
    assert (web / "run").read_text() == text
    assert (web / "log/run").read_text() == f"#!/bin/sh\nexec {log_run}multilog t ./main\n"
    who = {"setuidgid root ": 0, "setuidgid daemon ": 1}
    made = tmp_path / ".web.new/log/main"
    assert owned == ([(made, who[log_run], who[log_run])] if log_run else [])
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


@pytest.mark.parametrize(
    ("name", "users", "code", "said"),
    [
        ("old", [], 1, "exists already: {}/old"),
        ("none/web", [], 111, "unable to create {}/none/web: no folder {}/none"),
        ("web", ["--user", "no\x1bsuch"], 1, r"unknown account: no\x1bsuch"),
        ("web", ["--log-user", "nosuch"], 1, "unknown account: nosuch"),
    ],
)
def test_a_new_service_that_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, users: list[str], code: int,
    said: str,
) -> None:  # fmt: skip
    (tmp_path / "old").symlink_to("nowhere")
    assert new.main(parsed(new, str(tmp_path / name), *users, "--", "x")) == code
    said = said.format(tmp_path, tmp_path)
    assert capsys.readouterr() == ("", f"daemontools new: {said}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_half_a_service_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_words: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(PermissionError):
        new.main(parsed(new, str(tmp_path / "web"), "--user", "root", "--", "x"))
    assert list(tmp_path.iterdir()) == []


# check.py


def findings(found: Any) -> list[str]:
    """The kinds, and the details."""
    return [f"{one.kind} {one.detail}".rstrip() for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#!/bin/sh\nexec 2>&1\nexec x\n", []),
        ("#!/bin/sh\n# exec\nexec 2>&1\n\nx \\\n  -y\n", ["no-exec x  -y"]),
        ("#!/bin/sh\n", ["no-exec", "no-stderr"]),
        ("#!/bin/sh\nexec x\n", ["no-stderr"]),
        ("#!/bin/sh\nexec x >&2 2>>err\n", ["unbounded exec x >&2 2>>err"]),
        ("#!/bin/sh\nexec x 2>err\n", []),
        ("#!/bin/sh\nexec x &> err\n", []),
        ("#!/bin/sh\nexec 2>&1\nif a; then exec x; fi\n", []),
        ("#!/bin/sh\nexec 2>&1\nexec x &\n", ["background exec x &"]),
        ("#!/bin/sh\nexec 2>&1\nexec x --daemon\n", ["background exec x --daemon"]),
        ("#!/bin/sh\nexec 2>&1\nexec x --daemonize no\n", []),
        ("#!/bin/sh\nexec 2>&1\nexec nohup x\n", []),
        ("#!/bin/sh\nexec 2>&1\na >> file\nexec x\n", ["unbounded a >> file"]),
        ("#!/bin/sh\nexec 2>&1\nexec chpst x\n", ["runit chpst"]),
        ("#!/bin/sh\nexec 2>&1\nexec setuidgid nosuch x\n", ["account nosuch"]),
        ("#!/bin/sh\nexec 2>&1\nexec envuidgid root x\n", []),
        ("#!/bin/sh\nexec 2>&1\nexec softlimit -m 1000 x\n", ["memory-limit -m 1000"]),
        ("#!/bin/sh\nexec 2>&1\nexec softlimit -a 1000000000 x\n", []),
        ('#!/bin/sh\nexec 2>&1\nexec softlimit -o "$N" -d99 x\n', ["memory-limit -d 99"]),
        ("#!/bin/sh\nexec 2>&1\nexec softlimit -c 0 x -d 99\n", []),
        ("exec 2>&1\nexec x\n", ["no-interpreter no #!"]),
        ("#!/nowhere -x\n", ["no-interpreter /nowhere"]),
        ("#!\n", ["no-interpreter no #!"]),
        ("#!\r", ["no-interpreter no #!"]),
        ("#!/\0", ["no-interpreter /\0"]),
        ("#!/bin/sh\r\nexec 2>&1\r\nexec x\r\n", ["crlf"]),
        ("#!/usr/bin/env python3\nx\n", []),
        ("\x7fELF", []),
    ],
)
def test_what_is_wrong_with_a_script(tmp_path: Path, text: str, expected: list[str]) -> None:
    run = tmp_path / "run"
    run.write_bytes(text.encode())
    run.chmod(0o755)
    assert findings(check.of_script(run, has_log=True)) == expected
    without = [one for one in expected if one != "no-stderr"]
    assert findings(check.of_script(run, has_log=False)) == without


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o644, ["not-executable"]), (0o744, []), (0o654, []), (0o645, [])],
)
def test_a_script_must_be_executable(tmp_path: Path, mode: int, expected: list[str]) -> None:
    run = tmp_path / "run"
    run.write_text("#!/bin/sh\nexec x\n")
    run.chmod(mode)
    assert findings(check.of_script(run, has_log=False)) == expected
    assert findings(check.of_script(tmp_path, has_log=False)) == ["not-executable not a file"]
    assert findings(check.of_script(tmp_path / "none", has_log=False)) == ["no-run"]
    assert findings(check.of_script(run / "x", has_log=False)) == ["no-run not a directory"]


@pytest.mark.parametrize(
    ("mode", "owner", "group", "user", "may_write"),
    [
        (0o700, 0, 0, "root", True),
        (0o000, 5, 5, "root", True),
        (0o700, 1, 5, "daemon", True),
        (0o500, 1, 5, "daemon", False),
        (0o200, 1, 5, "daemon", False),
        (0o077, 1, 5, "daemon", False),
        (0o030, 5, 1, "daemon", True),
        (0o020, 5, 1, "daemon", False),
        (0o707, 5, 1, "daemon", False),
        (0o003, 5, 5, "daemon", True),
        (0o001, 5, 5, "daemon", False),
        (0o770, 5, 5, "daemon", False),
    ],
)
def test_who_may_write_to_a_folder(
    mode: int, owner: int, group: int, user: str, *, may_write: bool
) -> None:
    about = SimpleNamespace(st_mode=mode, st_uid=owner, st_gid=group)
    place = SimpleNamespace(stat=lambda: about)
    assert vars(check)["_has"](pwd.getpwnam(user), place, 0o3) == may_write


def test_what_is_wrong_with_a_service_and_its_logger(tmp_path: Path) -> None:
    web = tmp_path / "web"
    (web / "log").mkdir(parents=True)
    for run, text in {"run": "exec 2>&1\nexec x", "log/run": "exec multilog t main ./a"}.items():
        (web / run).write_text(f"#!/bin/sh\n{text}\n")
        (web / run).chmod(0o755)
    for leftover in ("finish", "log/finish", "down"):
        (web / leftover).touch()
    found = [str(one) for one in check.of_service(web)]
    why = check.WHY
    assert found == [
        f"{web}/finish: runit: {why['runit']}",
        f"{web}/log/finish: runit: {why['runit']}",
        f"{web}/down: down: {why['down']}",
        f"{web}/log/run: log-name (main): {why['log-name']}",
    ]
    (web / "log/run").write_text(
        "#!/bin/sh\nexec setuidgid nosuch multilog ./a /nowhere/b t e s1\n"
    )
    shown = findings(check.of_service(web))[3:]
    assert shown == [
        "account nosuch",
        "log-size s1",
        "log-label",
        "log-directory nosuch, ./a",
        "log-directory nosuch, /nowhere/b",
    ]
    assert {one.path for one in list(check.of_service(web))[3:]} == {web / "log/run"}
    assert findings(check.of_service(tmp_path / "none")) == ["dangling"]
    assert "no-log" not in findings(check.of_service(web / "log"))
    (web / "run").unlink()
    assert findings(check.of_service(web / "log"))[-1] == "no-log"
    assert all(words and not words.endswith(".") for words in why.values())


def test_what_is_wrong_with_a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/log", "b", ".dot/supervise", ".git"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "same").symlink_to("a")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / ".gone").symlink_to("nowhere")
    paths = services.find(tmp_path)
    expected = ["dot", "dangling", f"same-directory {tmp_path}/a"]
    for limit, more in [(20, []), (19, ["descriptors limit 19, needed 20"]), (-1, [])]:
        monkeypatch.setattr("resource.getrlimit", lambda _which, limit=limit: (limit, -1))
        assert findings(check.of_tree(tmp_path, paths)) == expected + more
    monkeypatch.setattr(check, "LIMIT", 3)
    assert findings(check.of_tree(tmp_path, paths)) == expected
    monkeypatch.setattr(check, "LIMIT", 2)
    assert findings(check.of_tree(tmp_path, paths)) == [*expected, "too-many 3"]


def test_check_prints_its_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t/a").mkdir(parents=True)
    (tmp_path / "t/.b/run").mkdir(parents=True)
    assert check.main(parsed(check, str(tmp_path / "t"))) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{tmp_path}/t/.b", "dot"],
        [f"{tmp_path}/t/a/run", "no-run"],
        [f"{tmp_path}/t/a", "no-log"],
    ]
    assert check.main(parsed(check, "--json", str(tmp_path / "t"))) == 1
    first = json.loads(capsys.readouterr().out)[0]
    expected = {"path": f"{tmp_path}/t/.b", "kind": "dot", "detail": "", "why": check.WHY["dot"]}
    assert first == expected
    (tmp_path / "empty").mkdir()
    assert check.main(parsed(check, str(tmp_path / "empty"))) == 0
    with pytest.raises(FileNotFoundError):
        check.main(parsed(check, str(tmp_path / "nowhere")))


# watch.py, and the command as a whole


def test_a_letter_is_sent(tmp_path: Path) -> None:
    (tmp_path / "web/supervise").mkdir(parents=True)
    assert watch.send(tmp_path / "web", "u") == "web: unable to send u: No such file or directory"
    os.mkfifo(tmp_path / "web/supervise/control")
    reader = os.open(tmp_path / "web/supervise/control", os.O_RDONLY | os.O_NONBLOCK)
    assert watch.send(tmp_path / "web", "u") == "web: u sent"
    assert os.read(reader, 9) == b"u"
    writer = os.open(tmp_path / "web/supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
    assert watch.send(tmp_path / "web", "t").startswith("web: unable to send t: Resource temp")
    os.close(writer)
    os.close(reader)
    assert watch.send(tmp_path / "web", "d").startswith("web: unable to send d: No such device")


def run(*given: str) -> int:
    """Run a subcommand in this process."""
    return companion.main([b"daemontools", *map(os.fsencode, given)])


def test_the_command_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: daemontools [-h] {status,wait,logs,check,new,watch}")
    assert "See, wait for, read and check services under svscan or supervise." in shown
    for name in companion.SUBCOMMANDS:
        assert run(name, "--help") == 0
        assert capsys.readouterr().out.startswith(f"usage: daemontools {name} ")
        assert run(name, "--nonsense") == 100
        assert f"daemontools {name}: error: " in capsys.readouterr().err
    assert run("nonsense") == 100
    assert run("new", "x") == 100


def test_what_cannot_be_read_or_made_is_fatal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("check", f"{tmp_path}/nowhere") == 111
    said = f"daemontools check: fatal: unable to read {tmp_path}/nowhere: file does not exist\n"
    assert capsys.readouterr() == ("", said)

    def refuse(_path: Path) -> None:
        raise PermissionError(13, "", "/some\x1bwhere")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        assert run("new", f"{tmp_path}/web", "--", "x") == 111
    said = r"daemontools new: fatal: unable to create /some\x1bwhere: access denied" + "\n"
    assert capsys.readouterr() == ("", said)
    for error, code, said in [
        (OSError(5, ""), 111, "daemontools status: fatal: input/output error\n"),
        (BrokenPipeError(), 111, ""),
        (SystemExit(2), 100, ""),
        (SystemExit(0), 0, ""),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(status, "main", lambda _options, error=error: raised(error))
            assert run("status") == code
        assert capsys.readouterr() == ("", said)
    with monkeypatch.context() as patch:
        patch.setattr(status, "main", lambda _options: 7)
        assert run("status") == 7


def raised(error: BaseException) -> None:
    """Raise it."""
    raise error


class Screen:
    """In place of blessed's terminal: what it shows is plain, and keys come from a list."""

    def __init__(self, height: int, width: int, *keys: tuple[str, str]) -> None:
        self.height, self.width, self.keys = height, width, list(keys)
        self.home, self.clear_eol = "<home>", "|"
        self.waits: list[float] = []

    def ljust(self, text: str) -> str:
        """Fill the row."""
        return text.ljust(self.width, "_")

    def red(self, text: str) -> str:
        """Show that it is red."""
        return f"<red>{text}"

    def reverse(self, text: str) -> str:
        """Show that it is chosen."""
        return f"<chosen>{text}"

    def bold(self, text: str) -> str:
        """Show that it is bold."""
        return f"<bold>{text}"

    def fullscreen(self) -> nullcontext[None]:
        """As if."""
        return nullcontext()

    cbreak = hidden_cursor = fullscreen

    def inkey(self, timeout: float) -> Any:
        """The next key."""
        self.waits.append(timeout)
        text, name = self.keys.pop(0)
        key: Any = type("Key", (str,), {"name": name})(text)
        return key


def of(name: str, pid: int = 5) -> Seen:
    """A service of this name, which is wanted up."""
    return Seen(UP._replace(directory=Path("/t", name), pid=pid), None, None, 0)


@pytest.mark.parametrize(
    ("height", "chosen", "shown"),
    [
        (20, 0, "a b c d e    "),
        (16, 0, "a b c d e"),
        (14, 0, "a b c"),
        (14, 1, "a b c"),
        (14, 2, "b c d"),
        (14, 4, "c d e"),
        (12, 3, "d"),
        (5, 3, "d"),
    ],
)
def test_the_screen_shows_the_services_around_the_chosen_one(
    height: int, chosen: int, shown: str
) -> None:
    terminal: Any = Screen(height, 60)
    seen = [of(name, pid=0 if name == "b" else 5) for name in "abcde"]
    text = vars(watch)["_picture"](terminal, seen, chosen, "said")
    *rows, title, end = text.partition("<bold>")
    assert title == "<bold>"
    rows = rows[0].split("|\r\n")[:-1]
    assert [row[-60:][:1] for row in rows] == [name or "" for name in shown.split(" ")]
    for row, name in zip(rows, shown.split(" "), strict=True):
        marks = "<chosen>" * (name == "abcde"[chosen]) + "<red>" * (name == "b")
        assert row.startswith(marks + name)
    title, *log, said, keys = end.split("\r\n")
    assert title == f"{'abcde'[chosen]} - 5 services, 1 not as wanted".ljust(60, "_") + "|"
    assert log == ["|"] * watch.LOG_LINES
    assert said == "said".ljust(60, "_") + "|"
    assert keys == "up/down choose, u d o x p c h a i t k as in svc, q quit"[:60] + "|"


def test_the_screen_shows_the_end_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def last_lines(*words: object) -> list[bytes]:
        asked.append(words)
        return [b"one\x1b", b"t" * 90]

    monkeypatch.setattr(services, "last_lines", last_lines)
    terminal: Any = Screen(20, 50)
    picture = vars(watch)["_picture"]
    rows = picture(terminal, [Seen(UP, LOG_UP, LINE, 0)], 0, "").split("|\r\n")
    assert rows[-10:-2] == [r"one\x1b", "t" * 50, *[""] * 6]
    assert asked == [(LINE.directory, 8)]
    nothing = picture(terminal, [], 0, "").split("|\r\n")
    assert len(nothing) == 20
    assert nothing[9] == "<bold>" + "no services - 0 services, 0 not as wanted".ljust(50, "_")


def test_starts_are_counted_from_the_beginning_of_the_watch() -> None:
    history: dict[Path, list[bytes]] = {}
    counted = vars(watch)["_counted"]
    for pid, change, log_change, expected in [
        (5, b"1", b"1", (0, 0)),
        (5, b"1", b"1", (0, 0)),
        (0, b"2", b"2", (0, 1)),
        (6, b"3", b"3", (1, 2)),
        (7, b"4", b"3", (2, 2)),
    ]:
        one = Seen(UP._replace(pid=pid, change=change), LOG_UP._replace(change=log_change), None, 9)
        seen = counted(one, history)
        assert (seen.restarts, seen.logger_restarts) == expected
    assert counted(of("other"), history).restarts == 0


def test_keys_choose_and_send(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[object] = []
    keys = [
        ("", ""), ("", "KEY_DOWN"), ("d", ""), ("", "KEY_DOWN"), ("", "KEY_DOWN"), ("u", ""),
        ("", "KEY_UP"), ("k", ""), ("z", ""), ("x\x1b", ""), ("q", ""),
    ]  # fmt: skip
    screen: Any = Screen(20, 60, *keys)
    shown = [[of("a"), of("b"), of("c")]] * 9 + [[of("a")], []]
    looks = iter(shown)

    def send(directory: Path, letter: str) -> str:
        sent.append((directory.name, letter))
        return f"sent {letter}"

    def look(paths: list[Path], seconds: float) -> list[Seen]:
        assert (paths, seconds) == ([Path("/nowhere/x"), Path("/nowhere/y")], 0)
        return next(looks)

    monkeypatch.setattr(watch, "look", look)
    monkeypatch.setattr(watch, "send", send)
    monkeypatch.setattr(watch, "_terminal", lambda: screen)
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    assert watch.main(parsed(watch, "--every", "0.5", "/nowhere/x", "/nowhere/y")) == 0
    assert sent == [("b", "d"), ("a", "u"), ("c", "k")]
    assert screen.waits == [0.5] * 11
    out = capsys.readouterr().out
    assert out.count("<home>") == 11
    assert [out.count(f"sent {letter}") for letter in "duk"] == [3, 2, 3]
    assert parsed(watch).every == 1


@pytest.mark.parametrize("missing", ["stdin", "stdout"])
def test_watch_needs_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda stream=stream: stream != missing)
    assert watch.main(parsed(watch)) == 100
    said = "daemontools watch: needs a terminal; try daemontools status\n"
    assert capsys.readouterr() == ("", said)


# logs.py


def log_of(folder: Path, text: str) -> Path:
    """A log directory with this text in `current`."""
    folder.mkdir(parents=True)
    (folder / "current").write_text(text)
    return folder


LABELS = [f"@40000000{0x37C219BF + second:08x}2ef02e94" for second in range(4)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "a: {0} one\nb: {1} two\na: {2} three\na:  more\nb: {3} four\n"),
        ("--utc", "a: {4}5{5} one\nb: {4}6{5} two\na: {4}7{5} three\na:  more\nb: {4}8{5} four\n"),
        ("--since {1}", "b: {1} two\na: {2} three\na:  more\nb: {3} four\n"),
        ("--until {2}", "a: {0} one\nb: {1} two\n"),
        ("--since {1} --until {2}", "b: {1} two\n"),
        ("--grep o", "a: {0} one\nb: {1} two\na:  more\nb: {3} four\n"),
        ("--grep ^m", ""),
        ("--new", ""),
    ],
)  # fmt: skip
def test_logs_are_merged_and_chosen(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], given: str, expected: str
) -> None:
    one = log_of(tmp_path / "a", "{0} one\n{2} three\n more\n".format(*LABELS))
    two = log_of(tmp_path / "b", "{1} two\n{3} four\n".format(*LABELS))
    options = parsed(logs, *given.format(*LABELS).split(), str(one), str(two))
    handlers = [signal.getsignal(number) for number in (signal.SIGPIPE, signal.SIGINT)]
    code = logs.main(options)
    sys.stdout.flush()
    for number, handler in zip((signal.SIGPIPE, signal.SIGINT), handlers, strict=True):
        assert signal.signal(number, handler) == signal.SIG_DFL
    assert code == 0
    date = ("1999-08-24 04:04:0", ".787492500")  # without the last digit of the second
    assert capfdbinary.readouterr() == (expected.format(*LABELS, *date).encode(), b"")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["/s/a", "/s/b"], ["a", "b"]),
        (["/s/a/", "/t/a"], ["/s/a/", "/t/a"]),
        (["/s/a", "/s/a"], ["a", "a"]),
        ([], []),
    ],
)
def test_names_of_logs_are_as_short_as_they_can_be(names: list[str], short: list[str]) -> None:
    assert vars(logs)["_short"](names) == short


def test_what_a_word_means_as_a_log(tmp_path: Path) -> None:
    main = log_of(tmp_path / "web/log/main", "")
    (tmp_path / "web/run").touch()
    (tmp_path / "web/log/run").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    (tmp_path / "old").mkdir()
    (tmp_path / f"old/{LABELS[0]}.s").touch()
    (tmp_path / "young/log").mkdir(parents=True)
    (tmp_path / "young/log/run").touch()
    for follow in (False, True):

        def found(name: str, *, follow: bool = follow) -> list[Path]:
            return logs.directories(str(tmp_path / name), follow=follow)

        assert found("web") == found("web/log") == found("web/log/main") == [main]
        assert found("old") == [tmp_path / "old"]
        assert found("other") == []
        assert found("empty") == ([tmp_path / "empty"] if follow else [])
        assert found("young") == ([tmp_path / "young/log/main"] if follow else [])
        for name in ("current", "previous", "lock", "state"):
            (tmp_path / "kind" / name).mkdir(parents=True)
            assert found("kind") == [tmp_path / "kind"]
            (tmp_path / "kind" / name).rmdir()
    with pytest.raises(FileNotFoundError):
        logs.directories(str(tmp_path / "nowhere"), follow=False)
    assert logs.directories(str(tmp_path / "nowhere"), follow=True) == [tmp_path / "nowhere"]


def test_what_is_no_log_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty\x1b").mkdir()
    log_of(tmp_path / "a", "text\n")
    handlers = [signal.getsignal(number) for number in (signal.SIGPIPE, signal.SIGINT)]
    code = logs.main(parsed(logs, str(tmp_path / "a"), str(tmp_path / "empty\x1b")))
    for number, handler in zip((signal.SIGPIPE, signal.SIGINT), handlers, strict=True):
        signal.signal(number, handler)
    said = rf"daemontools logs: fatal: {tmp_path}/empty\x1b: {logs.NO_LOG}" + "\n"
    assert (code, capfd.readouterr()) == (111, ("", said))


def test_lines_that_come_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = {
        name: Line(f"{label} {name}".encode()) for name, label in zip("abcd", LABELS, strict=True)
    }
    bare = Line(b"bare")
    looks = {
        Path("x"): iter([[line["b"], bare], [], [bare], [line["d"]]]),
        Path("y"): iter([[line["a"]], [], [], [line["c"]]]),
    }
    asked: list[object] = []

    def look(path: Path, **named: object) -> Any:
        asked.append(named)
        return looks[path]

    monkeypatch.setattr("daemontools.logs.looks", look)
    entries = logs.follow([Path("x"), Path("y")], new=True, complain=print)
    shown = [(entry.log, entry.line.raw[-4:]) for entry in itertools.islice(entries, 6)]
    assert shown == [
        (1, b"94 a"),
        (0, b"94 b"),
        (0, b"bare"),
        (0, b"bare"),
        (1, b"94 c"),
        (0, b"94 d"),
    ]
    assert len(clock.slept) == 1
    assert asked == [{"new": True, "complain": print}] * 2


def test_a_line_without_a_label_follows_the_last_line_of_its_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = (Line(label.encode()) for label in LABELS[:3])
    looks = {"x": iter([[first, third], [Line(b"bare")]]), "y": iter([[], [second]])}
    monkeypatch.setattr("daemontools.logs.looks", lambda path, **_named: looks[path.name])
    entries = logs.follow([Path("x"), Path("y")], new=False, complain=print)
    shown = [entry.line.raw for entry in itertools.islice(entries, 4)]
    assert shown == [first.raw, third.raw, second.raw, b"bare"]


def test_dates_are_local_or_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "local_time", lambda _second: (1, 2, 3, 4, 5, 6))
    line = Line(f"{LABELS[0]} x".encode())
    shown = {"--local": b"1-02-03 04:05:06", "--utc": b"1999-08-24 04:04:05"}
    for option, date in shown.items():
        show = vars(logs)["_date"](parsed(logs, option, "x"))
        assert show(line) == date + b".787492500 x"
    assert vars(logs)["_date"](parsed(logs, "x"))(line) == line.raw


def test_standard_files_that_are_missing_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    before = object()
    for there in (before, None):
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, there)
        vars(companion)["_open_what_is_closed"]()
        found = [sys.stdin, sys.stdout, sys.stderr]
        monkeypatch.undo()
        assert there is None or found == [before] * 3
        assert there is before or [file.fileno() for file in found] == [0, 1, 2]


def test_every_option_is_explained() -> None:
    for module in (check, logs, new, status, wait, watch):
        parser = argparse.ArgumentParser()
        module.add_options(parser)
        assert all(action.help for action in vars(parser)["_actions"])
        assert module.DESCRIPTION


def test_a_pattern_is_one_of_bytes() -> None:
    assert logs.pattern("\udcff").search(b"x\xff")
    with pytest.raises(argparse.ArgumentTypeError, match="not a regular expression: "):
        logs.pattern("(")


def test_of_a_line_of_64_kilobytes_the_newest_is_its_end(tmp_path: Path) -> None:
    for size, shown in ((65535, 65535), (65536, 65535)):
        (tmp_path / "current").write_bytes(b"a" + b"y" * (size - 1) + b"\n")
        line = services.newest(tmp_path).line
        assert line is not None
        assert (len(line), line[:1]) == (shown, b"a" if size == shown else b"y")
    (tmp_path / "current").write_bytes(b"a\n" + b"y" * 65536)
    assert services.newest(tmp_path).line is None
