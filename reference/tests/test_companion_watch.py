"""`daemontools watch`: on a terminal, with keys."""

import argparse
import site
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from companion import is_up, launchers, run, service, supervised, wait_until

from daemontools import services
from daemontools.companion import watch

pytest.importorskip("blessed")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def tree(tmp_path: Path, command: Path) -> Iterator[Path]:
    for name in ("a", "b"):
        service(tmp_path / "tree" / name, f"echo I am {name}\nexec sleep 1000")
    with supervised(tmp_path / "tree", command.parent) as tree:
        wait_until(lambda: is_up(tree / "b"), "b is up")
        wait_until(lambda: services.newest(tree / "b/log/main").line is not None, "a line of b")
        yield tree


def test_a_letter_goes_to_the_service_that_is_chosen(tree: Path, command: Path) -> None:
    screen = pexpect.spawn(
        str(command), ["watch", str(tree)], dimensions=(20, 100), env={"TERM": "xterm"}, timeout=60
    )
    screen.expect("q quit")
    screen.send("\x1b[B")
    screen.expect("I am b")
    screen.send("d")
    screen.expect("b: d sent")
    wait_until(lambda: not is_up(tree / "b"), "b is down")
    assert is_up(tree / "a")
    screen.send("q")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0


def test_without_a_terminal_it_says_what_to_do(tree: Path, command: Path) -> None:
    answer = run(command, "watch", tree)
    assert answer.returncode == 100
    assert "daemontools status" in answer.stderr


def test_a_letter_that_cannot_be_sent_is_said(tmp_path: Path) -> None:
    assert watch.send(tmp_path, "t").endswith("unable to send t: No such file or directory")


def test_without_the_library_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "blessed", None)
    monkeypatch.setattr(site, "main", lambda: None)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert watch.main(argparse.Namespace()) == 111
    assert "library blessed" in capsys.readouterr().err
