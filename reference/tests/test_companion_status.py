"""`daemontools status`: what it says of services in all states, and of what is not a service."""

import doctest
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from access import is_closed_to_others
from companion import is_up, launchers, run, service, supervised, wait_until

from daemontools import services
from daemontools.companion import status, wait, when, words


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, command: Path) -> Iterator[Path]:
    """Three services: one is up, one ends at once, one is normally down."""
    folder = tmp_path_factory.mktemp("tree")
    service(folder / "clock", "echo tick\nexec sleep 1000")
    service(folder / "loop", "echo oops\nexit 1")
    service(folder / "spare", "exec sleep 1000", log=False, down=True)
    with supervised(folder, command.parent):
        wait_until(lambda: is_up(folder / "clock") and is_up(folder / "clock/log"), "clock is up")
        wait_until(lambda: services.newest(folder / "clock/log/main").line is not None, "tick")
        wait_until(lambda: not services.status(folder / "spare").problem, "spare is supervised")
        wait_until(lambda: services.status(folder / "clock").seconds > 2, "clock is not young")
        yield folder


@pytest.mark.parametrize("module", [status, wait, when, words])
def test_the_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_without_a_subcommand_the_help_is_printed(command: Path) -> None:
    answer = run(command)
    assert answer.returncode == 0
    assert answer.stdout.startswith("usage: daemontools ")


def test_each_service_has_a_line(tree: Path, command: Path) -> None:
    answer = run(command, "status", tree)
    clock, loop, spare = answer.stdout.splitlines()
    assert re.fullmatch(r"clock  up \d+ seconds \(pid \d+\) +log \d+ seconds? old: tick", clock)
    assert re.match(r"loop   .*starts again and again \(\d times? while looking\)", loop)
    assert re.fullmatch(r"spare  down \d+ seconds", spare)
    assert (answer.returncode, answer.stderr) == (1, "")


def test_the_exit_code_is_0_if_all_is_as_wanted(tree: Path, command: Path) -> None:
    assert run(command, "status", tree / "clock", tree / "spare").returncode == 0


def test_json_has_the_same_values(tree: Path, command: Path) -> None:
    [clock] = json.loads(run(command, "status", "--json", tree / "clock").stdout)
    assert clock["pid"] == services.status(tree / "clock").pid
    assert clock["logger"]["pid"] == services.status(tree / "clock/log").pid
    assert clock["log"]["line"].endswith(" tick")
    shown = (clock["name"], clock["up"], clock["wanted"], clock["as_wanted"], clock["restarts"])
    assert shown == ("clock", True, "up", True, 0)


def test_metrics_are_prometheus_text(tree: Path, command: Path) -> None:
    text = run(command, "status", "--prometheus", tree / "clock", tree / "spare").stdout
    assert f'daemontools_up{{service="{tree}/clock"}} 1\n' in text
    assert f'daemontools_up{{service="{tree}/spare"}} 0\n' in text
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'daemontools_\w+\{service="[^"]*"\} \d+', line) for line in samples)
    described = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {line.split("{")[0] for line in samples} <= described


def test_what_is_not_a_service_gets_the_reason(command: Path, tmp_path: Path) -> None:
    service(tmp_path / "idle", "exit", log=False)
    (tmp_path / "file").touch()
    answer = run(command, "status", tmp_path / "idle", tmp_path / "file", tmp_path / "missing")
    assert [line.split("  ")[-1].strip() for line in answer.stdout.splitlines()] == [
        "unable to open supervise/ok: file does not exist",
        "unable to chdir: not a directory",
        "unable to chdir: file does not exist",
    ]
    assert (answer.returncode, answer.stderr) == (111, "")
    assert run(command, "status", tmp_path / "idle").returncode == 1


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_an_open_interpreter = pytest.mark.skipif(
    is_closed_to_others(Path(os.path.realpath(sys.executable)))
    or is_closed_to_others(Path(services.__file__).parent),
    reason="nobody may run this interpreter",
)


def run_as_nobody(*words: str) -> "subprocess.CompletedProcess[str]":
    library = Path(services.__file__).parents[1]
    command_line = [b"daemontools", *map(os.fsencode, words)]
    code = (
        f"import os, sys; sys.path.insert(0, {str(library)!r}); os.setuid(65534); "
        f"from daemontools.companion import main; sys.exit(main({command_line}))"
    )
    return run(Path(sys.executable), "-c", code)


@needs_root
@needs_an_open_interpreter
@pytest.mark.parametrize("words", [["status"], ["wait", "up"], ["wait", "gone"]])
def test_who_may_not_ask_gets_111(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "supervise").mkdir(mode=0o700)
        Path(folder).chmod(0o755)
        answer = run_as_nobody(*words, folder)
    assert answer.returncode == 111
    assert "access denied (only root and its owner may ask)" in answer.stdout + answer.stderr


@needs_root
@needs_an_open_interpreter
@pytest.mark.parametrize(
    ("subcommand", "said"), [("status", "unable to chdir: access denied"), ("check", "unreadable")]
)
def test_a_service_that_may_not_be_entered_hides_no_other(subcommand: str, said: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        service(Path(folder, "closed"), "exec sleep 1000").chmod(0o700)
        service(Path(folder, "open"), "exec sleep 1000", down=True).chmod(0o755)
        answer = run_as_nobody(subcommand, folder)
    closed, *others = answer.stdout.splitlines()
    assert said in closed
    assert others
    assert all("open" in line for line in others)


@needs_root
@needs_an_open_interpreter
@pytest.mark.parametrize(
    ("subcommand", "said"), [("status", "unable to chdir: access denied"), ("check", "unreadable")]
)
def test_a_link_into_a_closed_folder_is_a_service(subcommand: str, said: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "closed").mkdir(mode=0o700)
        service(Path(folder, "closed/web"), "exec sleep 1000")
        (Path(folder) / "tree").mkdir(mode=0o755)
        (Path(folder) / "tree/web").symlink_to("../closed/web")
        answer = run_as_nobody(subcommand, f"{folder}/tree")
    assert said in answer.stdout
    assert "dangling" not in answer.stdout


@needs_root
@needs_an_open_interpreter
@pytest.mark.parametrize("closed", [".", "log", "log/lines"])
@pytest.mark.parametrize("given", ["", "/log"])
def test_a_log_that_may_not_be_looked_at_is_not_denied(closed: str, given: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        web = service(Path(folder, "web"), "exec sleep 1000")
        (web / "log/lines").mkdir(parents=True, exist_ok=True)
        (web / "log/lines/current").touch()
        for directory in (web, web / "log", web / "log/lines"):
            directory.chmod(0o755)
        (web / closed).chmod(0o700)
        answer = run_as_nobody("logs", f"{web}{given}")
    assert answer.returncode == 111
    assert answer.stderr.startswith("daemontools logs: fatal: unable to read ")
    assert answer.stderr.endswith(": access denied\n")


@needs_root
@needs_an_open_interpreter
@pytest.mark.parametrize("below", ["main", "elsewhere"])
def test_a_log_that_may_not_be_read_is_not_called_empty(below: str, command: Path) -> None:
    """What a group sees after docs/howto/status-without-root.md."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        web = service(Path(folder, "tree/web"), "echo secret\nexec sleep 1000")
        directory = web / "log/main" if below == "main" else Path(folder, below)
        (web / "log/run").write_text(f"#!/bin/sh\nexec multilog t {directory}\n")
        with supervised(web.parent, command.parent):
            wait_until(lambda: services.newest(directory).line is not None, "a line")
            directory.chmod(0o700)
            for part in (web, web / "log"):
                part.chmod(0o755)
                (part / "supervise").chmod(0o711)
                (part / "supervise/ok").chmod(0o622)
            answer = run_as_nobody("status", str(web))
            [data] = json.loads(run_as_nobody("status", "--json", str(web)).stdout)
            metrics = run_as_nobody("status", "--prometheus", str(web)).stdout
            readable = run(command, "status", "--prometheus", web).stdout
    assert answer.stdout.endswith("  log up, cannot be read: access denied\n")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert data["log"] == {
        "directory": str(directory), "seconds": None, "line": None, "problem": "access denied"
    }  # fmt: skip
    assert f'daemontools_log_readable{{service="{web}"}} 0\n' in metrics
    assert "daemontools_log_age_seconds{" not in metrics
    assert f'daemontools_log_readable{{service="{web}"}} 1\n' in readable


def test_a_link_in_place_of_a_log_shows_no_line_of_its_target(
    command: Path, tmp_path: Path
) -> None:
    service(tmp_path / "tree/web", "exec sleep 1000")
    main = tmp_path / "tree/web/log/main"
    (tmp_path / "secret").write_text("root:SECRET\n")
    with supervised(tmp_path / "tree", command.parent):
        wait_until(lambda: (main / "current").exists() and is_up(main.parent), "its logger is up")
        (main / "current").unlink()
        (main / "current").symlink_to(tmp_path / "secret")
        said = run(command, "status", tmp_path / "tree").stdout
        data = run(command, "status", "--json", tmp_path / "tree").stdout
        logs = run(command, "logs", tmp_path / "tree/web")
    assert said.endswith("  log up, cannot be read: a symbolic link\n")
    assert "SECRET" not in data + logs.stdout
    assert "SECRET" in run(Path("/usr/bin/tail"), main / "current").stdout
    assert (logs.returncode, logs.stderr) == (
        1, f"daemontools logs: {main}/current: a symbolic link\n"
    )  # fmt: skip


def test_a_logger_that_ends_at_once_is_seen(command: Path, tmp_path: Path) -> None:
    quiet = service(tmp_path / "tree/quiet", "exec sleep 1000")
    (quiet / "log/run").write_text("#!/bin/sh\nexit 1\n")
    with supervised(quiet.parent, command.parent):
        wait_until(lambda: is_up(quiet), "it is up")
        answer = run(command, "status", "--look", "3", quiet)
        [data] = json.loads(run(command, "status", "--look", "3", "--json", quiet).stdout)
        metrics = run(command, "status", "--look", "3", "--prometheus", quiet).stdout
    assert answer.returncode == 1
    assert re.search(r"\) +log .*starts again and again \(\d times? while looking\)", answer.stdout)
    assert (data["restarts"], data["as_wanted"]) == (0, False)
    assert data["logger"]["restarts"] > 0
    assert f'daemontools_as_wanted{{service="{quiet}"}} 0' in metrics
    assert not metrics.endswith(f'daemontools_logger_restarts{{service="{quiet}"}} 0\n')


def test_the_page_names_every_key_and_every_metric(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/man/daemontools.md").read_text()
    up = services.Status(tmp_path, 1)
    data = status.as_data(status.Seen(up, up, services.Log(tmp_path), 0))
    assert isinstance(data["logger"], dict)
    assert isinstance(data["log"], dict)
    keys = [*data, *data["logger"], *data["log"]]
    metrics = [f"daemontools_{metric}" for metric in status.METRICS]
    assert [word for word in (*keys, *metrics) if f"`{word}`" not in page] == []


def test_an_empty_tree_is_as_wanted(command: Path, tmp_path: Path) -> None:
    answer = run(command, "status", tmp_path)
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize("content", [b"", b"x" * 17])
def test_half_a_status_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "supervise").mkdir()
    os.mkfifo(tmp_path / "supervise/ok")
    (tmp_path / "supervise/status").write_bytes(content)
    reader = os.open(tmp_path / "supervise/ok", os.O_RDONLY | os.O_NONBLOCK)
    problem = services.status(tmp_path).problem
    os.close(reader)
    assert problem == "unable to read supervise/status: bad format"


def test_any_bytes_in_a_status_file_are_a_status(tmp_path: Path) -> None:
    (tmp_path / "supervise").mkdir()
    os.mkfifo(tmp_path / "supervise/ok")
    (tmp_path / "supervise/status").write_bytes(b"\xff" * 18)
    reader = os.open(tmp_path / "supervise/ok", os.O_RDONLY | os.O_NONBLOCK)
    seen = services.status(tmp_path)
    os.close(reader)
    assert (seen.pid, seen.seconds, seen.is_paused, seen.wanted) == (2**32 - 1, 0, True, "once")
    assert seen.age == 0


def test_a_name_cannot_command_the_terminal(command: Path, tmp_path: Path) -> None:
    name = b"\x1b[31m\nred\xff"
    os.mkdir(os.fsencode(tmp_path) + b"/" + name)
    answer = run(command, "status", tmp_path)
    assert answer.stdout.startswith(r"\x1b[31m\nred\xff  unable to")


def test_a_name_may_hold_what_metrics_escape(tmp_path: Path) -> None:
    odd = tmp_path / 'a"b\\c\nd'
    seen = status.Seen(services.Status(odd, 1, wanted="up"), None, None, 0)
    assert f'{{service="{tmp_path}/a\\"b\\\\c\\nd"}} 1' in status.as_metrics([seen])


def test_a_word_without_a_name_has_that_of_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "web/log").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "web")
    for word, name in ((".", "web"), ("log", "web/log"), ("..", tmp_path.name)):
        assert services.Status(Path(word)).name == name


def test_who_may_not_ask_is_told_who_may() -> None:
    seen = services.Status(Path("x"), problem="unable to open supervise/ok: access denied")
    assert status.in_words(seen).endswith("access denied (only root and its owner may ask)")


@pytest.mark.parametrize(
    ("pid", "wanted", "paused", "as_wanted"),
    [
        (1, "up", False, True),
        (1, "up", True, False),
        (1, "down", False, False),
        (1, "once", False, True),
        (0, "up", False, False),
        (0, "down", False, True),
        (0, "once", False, True),
    ],
)
def test_what_is_as_wanted(pid: int, wanted: str, paused: bool, as_wanted: bool) -> None:
    seen = services.Status(Path("x"), pid, is_paused=paused, wanted=wanted)
    assert seen.is_as_wanted == as_wanted


def test_the_log_is_found_where_multilog_was_told_to_write(tmp_path: Path, command: Path) -> None:
    service(tmp_path / "tree/far", "echo away\nexec sleep 1000")
    (tmp_path / "tree/far/log/run").write_text(f"#!/bin/sh\nexec multilog t {tmp_path}/elsewhere\n")
    with supervised(tmp_path / "tree", command.parent):
        wait_until(lambda: services.newest(tmp_path / "elsewhere").line is not None, "a line")
        assert services.logs_of(tmp_path / "tree/far/log") == [tmp_path / "elsewhere"]


def test_after_a_rotation_the_newest_line_is_in_an_old_file(tmp_path: Path) -> None:
    (tmp_path / "current").touch()
    (tmp_path / "@400000006500000000000000.s").write_bytes(b"first\nlast\n")
    assert services.newest(tmp_path).line == b"last"
    assert services.last_lines(tmp_path, 5) == [b"first", b"last"]


def test_the_newest_line_may_be_in_a_file_that_gzip_has_made(tmp_path: Path) -> None:
    (tmp_path / "current").touch()
    text = b"".join(b"%d\n" % number for number in range(100_000))
    (tmp_path / "@400000006500000000000000.s").write_bytes(gzip.compress(text))
    assert services.newest(tmp_path).line == b"99999"
    assert services.last_lines(tmp_path, 2) == [b"99998", b"99999"]


def test_a_damaged_file_of_gzip_hides_no_older_line(tmp_path: Path) -> None:
    (tmp_path / "@400000006500000000000000.s").write_bytes(b"older\n")
    (tmp_path / "@400000006500000000000001.s").write_bytes(gzip.compress(b"newer\n")[:-9])
    (tmp_path / "@400000006500000000000002.s").write_bytes(gzip.compress(b"newer\n")[:10] + b"?")
    assert services.newest(tmp_path).line == b"older"


def test_while_a_processor_works_the_newest_line_is_in_previous(tmp_path: Path) -> None:
    (tmp_path / "current").touch()
    (tmp_path / "previous").write_bytes(b"last\n")
    (tmp_path / "@400000006500000000000000.s").write_bytes(b"first\n")
    assert services.newest(tmp_path).line == b"last"
    assert services.last_lines(tmp_path, 5) == [b"first", b"last"]


def test_a_file_with_two_names_is_shown_once(tmp_path: Path) -> None:
    (tmp_path / "previous").write_bytes(b"line\n")
    os.link(tmp_path / "previous", tmp_path / "@400000006500000000000000.s")
    assert services.last_lines(tmp_path, 5) == [b"line"]


def test_right_after_a_rotation_with_gzip_the_log_has_a_line_and_an_age(
    tmp_path: Path, command: Path
) -> None:
    service(tmp_path / "tree/zipped", "echo zipped\nexec sleep 1000")
    log = tmp_path / "tree/zipped/log"
    (log / "run").write_text("#!/bin/sh\nexec multilog t '!gzip' ./main\n")
    with supervised(tmp_path / "tree", command.parent):
        wait_until(lambda: services.newest(log / "main").line is not None, "a line")
        run(command.parent / "svc", "-a", log)
        wait_until(lambda: any((log / "main").glob("@*.s")), "a rotation")
        assert "old: zipped" in run(command, "status", tmp_path / "tree").stdout
        metrics = run(command, "status", "--prometheus", tmp_path / "tree").stdout
        assert "daemontools_log_age_seconds{" in metrics
