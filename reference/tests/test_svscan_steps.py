"""svscan in a fork of this process: what it says and does if a call fails.

The conformance suite says what svscan does. Here are the errors of the system, of which
the suite can cause only some.
"""

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import REASON, Ended, ended, failing, failing_always, saying

from daemontools.core.scan import Service
from daemontools.programs import svscan
from daemontools.unix import chain, start


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a service `s`."""
    (tmp_path / "s").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_directory_that_cannot_be_entered_is_fatal() -> None:
    said = "svscan: fatal: unable to chdir to nowhere: file does not exist\n"
    assert ended("svscan nowhere") == (111, "", said)


def scanning(scans: int, change: Callable[[], object] = lambda: None) -> Callable[[], None]:
    """A change: svscan ends after so many scans; a new process is only spoken of."""

    def fork(complaint: tuple[Any, ...], child: Callable[..., object], *_words: object) -> int:
        assert complaint[:2] == (svscan.WARNING, "unable to start supervise ")
        saying(child.__name__, complaint[2].decode() + complaint[3])()
        return next(pids)

    pids = itertools.count(77)

    def both() -> None:
        pauses = itertools.count(1)
        vars(svscan).update(
            fork=fork,
            fits=lambda _words: True,
            ended_child=_raising_no_child,
            pause=lambda seconds: os._exit(seconds) if next(pauses) == scans else None,
        )
        change()

    return both


def _raising_no_child() -> int:
    raise ChildProcessError(errno.ECHILD, "")


@pytest.fixture
def tree(folder: Path) -> Path:
    """A folder with a service that has a log; other names in it are no services."""
    (folder / "t/s/log").mkdir(parents=True)
    (folder / "t/.hidden").mkdir()
    (folder / "t/file").touch()
    return folder / "t"


BOTH = "service_child s: \nlog_child s/log: \n"


def test_a_service_may_have_no_log(tree: Path) -> None:
    (tree / "s/log").rmdir()
    assert ended("svscan t", scanning(2)) == (5, "service_child s: \n", "")


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("call", "after", "error", "out", "warning"),
    [
        ("scandir", 0, None, BOTH, "unable to read directory: input/output error"),
        ("scandir", 0, MemoryError(), BOTH, "unable to scan: out of memory"),
        ("scandir", 1, None, BOTH, "unable to read directory: input/output error"),
        ("pipe", 0, None, BOTH, "unable to create pipe for s: input/output error"),
        ("pipe", 0, MemoryError(), BOTH, "unable to scan: out of memory"),
        ("fork", 0, None, BOTH, "unable to fork for s: input/output error"),
        ("fork", 1, None, BOTH, "unable to fork for s/log: input/output error"),
        ("ended_child", 0, None, BOTH, "unable to wait: input/output error"),
        ("ended_child", 0, MemoryError(), BOTH, "unable to scan: out of memory"),
    ],
)
def test_svscan_warns_and_makes_up_for_it(
    call: str, after: int, error: Exception | None, out: str, warning: str
) -> None:
    fail = scanning(3, failing("svscan", call, after=after, error=error))
    assert ended("svscan t", fail) == (5, out, f"svscan: warning: {warning}\n")


@pytest.mark.parametrize("name", ["s", "s/log"])
def test_svscan_tries_a_directory_again_that_it_could_not_look_at(tree: Path, name: str) -> None:
    real: Callable[[bytes], os.stat_result] = vars(svscan)["stat"]
    calls = itertools.count()

    def stat(path: bytes) -> os.stat_result:
        if path == name.encode() and next(calls) == 0:
            raise OSError(errno.EIO, "")
        return real(path)

    change = scanning(2, lambda: vars(svscan).update(stat=stat))
    said = f"svscan: warning: unable to stat {name}: input/output error\n"
    assert (ended("svscan t", change), tree.exists()) == ((5, BOTH, said), True)


def test_svscan_says_that_it_runs_too_many_services(tree: Path) -> None:
    change = scanning(2, lambda: vars(svscan).update(is_full=lambda _table: True))
    said = "svscan: warning: unable to start s: running too many services\n" * 2
    assert (ended("svscan t", change), tree.exists()) == ((5, "", said), True)


@pytest.mark.parametrize("error", [None, OSError(errno.EIO, "")])
def test_svscan_forgets_a_service_that_is_gone_and_has_ended(
    tree: Path, error: OSError | None
) -> None:
    ends = iter([None, 77, 78, None, None])
    closed: list[int] = []

    def end_of_a_child() -> int:
        if pid := next(ends):
            if pid == 78:
                (tree / "s/log").rmdir()
                (tree / "s").rmdir()
            return pid
        raise ChildProcessError(errno.ECHILD, "")

    def close(fd: int) -> None:
        closed.append(fd)
        saying("close")()
        os.close(fd)
        if error:
            raise error

    def change() -> None:
        vars(svscan).update(ended_child=end_of_a_child, close=close, let_go=saying("let go"))

    said = "svscan: warning: unable to close pipe: input/output error\n" * 2 if error else ""
    expected = (5, f"{BOTH}let go 77\nlet go 78\nclose\nclose\n", said)
    assert ended("svscan t", scanning(3, change)) == expected


def test_svscan_forgets_a_service_that_never_started(tree: Path) -> None:
    def pause(seconds: int) -> None:
        if not (tree / "s").exists():
            os._exit(seconds)
        (tree / "s/log").rmdir()
        (tree / "s").rmdir()

    def change() -> None:
        vars(svscan).update(fork=failing_always(errno.EIO), pause=pause, close=saying("close"))

    said = "svscan: warning: unable to fork for s: input/output error\n"
    code, out, err = ended("svscan t", scanning(9, change))
    assert (code, len(out.splitlines()), err) == (5, 2, said)


@pytest.mark.usefixtures("tree")
def test_svscan_forgets_nothing_while_the_directory_cannot_be_read() -> None:
    ends = iter([None, 77, 78, None, None])

    def change() -> None:
        real, calls = vars(svscan)["scandir"], itertools.count()

        def scandir(path: bytes) -> Any:
            if next(calls) == 1:
                raise OSError(errno.EIO, "")
            return real(path)

        vars(svscan).update(
            ended_child=lambda: next(ends) or _raising_no_child(),
            let_go=lambda _pid: None,
            scandir=scandir,
            close=saying("close"),
        )

    said = f"svscan: warning: unable to read directory{REASON}"
    assert ended("svscan t", scanning(3, change)) == (5, 2 * BOTH, said)


@pytest.mark.usefixtures("tree")
def test_svscan_keeps_the_pipe_of_a_service_that_cannot_be_started() -> None:
    def change() -> None:
        vars(svscan).update(fork=failing_always(errno.EIO), close=saying("close"))

    said = f"svscan: warning: unable to fork for s{REASON}"
    assert ended("svscan t", scanning(3, change)) == (5, "", 3 * said)


def test_svscan_notes_first_what_a_supervise_inherits_and_what_it_survives() -> None:
    def change() -> None:
        vars(svscan).update(
            _kept=[],
            kept_by_exec=lambda: [7, 9],
            survive_writing=saying("survive"),
            reap=lambda _table: saying(vars(svscan)["_kept"])(),
        )

    assert ended("svscan", scanning(1, change)) == (5, "survive\n[7, 9]\nservice_child s: \n", "")


@pytest.mark.usefixtures("tree")
def test_svscan_prepares_supervise_once_and_looks_for_it_at_each_start() -> None:
    def change() -> None:
        vars(svscan)["prepared"] = saying("prepared")
        vars(chain)["prepare"] = lambda words, programs: saying(words, programs)()

    name = [b"supervise", bytes(255)]
    said = f"{name[:1]} {tuple(name[:1])}\nprepared {name}\n{BOTH}"
    assert ended("svscan t", scanning(3, change)) == (5, said, "")


def in_a_child(work: Callable[[], object]) -> Ended:
    """What becomes of a process that svscan has forked, which does this."""

    def change() -> None:
        work()
        os._exit(98)

    return ended("svscan", change)


@pytest.mark.parametrize(
    ("child", "call", "complaint"),
    [
        ("service_child", "dup2", "unable to set up descriptors for s"),
        ("log_child", "dup2", "unable to set up descriptors for s/log"),
        ("log_child", "chdir", "unable to switch to s"),
    ],
)
def test_a_child_of_svscan_warns_and_ends(child: str, call: str, complaint: str) -> None:
    def work() -> None:
        failing("svscan", call)()
        vars(svscan)[child](b"s", Service(pipe=os.pipe()))

    assert in_a_child(work) == (111, "", f"svscan: warning: {complaint}{REASON}")


@pytest.mark.parametrize(
    ("child", "pipe", "words", "kept", "called"),
    [
        ("service_child", False, "s", [5], "s"),
        ("service_child", True, "s", [5, 1], "s"),
        ("log_child", True, "log", [5, 0], "s/log"),
    ],
)
@pytest.mark.parametrize("way", ["prepared", "found", "executed", "too long"])
def test_a_child_of_svscan_becomes_supervise(
    folder: Path, child: str, way: str, words: str, kept: list[int], called: str,
    *, pipe: bool,
) -> None:  # fmt: skip
    seen = folder / "seen"

    def note(*words: object) -> None:
        with seen.open("a") as file:
            print(*words, file=file)

    def call(main: str, words: list[bytes]) -> None:
        note("call", main, words, Path.cwd().name == "s")
        os._exit(7)

    def pathexec(words: list[bytes]) -> OSError:
        note("pathexec", words, Path.cwd().name == "s")
        if way == "found":
            main: Any = "theirs"
            raise start.Next(main, words)
        return OSError(errno.EIO, "")

    def work() -> None:
        vars(svscan).update(
            _supervise="ours" if way in ("prepared", "too long") else None, _kept=[5],
            fits=lambda _words: way != "too long", call=call, pathexec=pathexec,
            close_all_but=lambda kept: note("kept", kept),
            die_of_writing=lambda: note("die"), move=lambda *words: note("move", words),
        )  # fmt: skip
        vars(chain)["execute_always"] = lambda: note("execute")
        vars(svscan)[child](b"s", Service(pipe=(8, 9) if pipe else None))

    answer = in_a_child(work)
    end, to = (8, 0) if words == "log" else (9, 1)
    expected = ["die"] + ([f"move {(end, to, called.encode())}"] if pipe else [])
    argv = f"{[b'supervise', words.encode()]} {child == 'log_child'}"  # and is it in `s`?
    expected += {
        "prepared": [f"kept {kept}", f"call ours {argv}"],
        "found": [f"pathexec {argv}", f"kept {kept}", f"call theirs {argv}"],
        "executed": [f"pathexec {argv}"],
        "too long": ["execute", f"pathexec {argv}"],
    }[way]
    assert seen.read_text().splitlines() == expected
    failed = (111, "", f"svscan: warning: unable to start supervise {called}{REASON}")
    assert answer == (failed if way in ("executed", "too long") else (7, "", ""))


@pytest.mark.parametrize("words", [["svscan"], ["svscan", "service"]])
def test_svscan_shows_its_arguments(words: list[str]) -> None:
    def change() -> None:
        def show(shown: list[bytes]) -> None:
            saying(shown)()
            os._exit(0)

        vars(svscan)["set_title"] = show

    assert ended(words, change) == (0, f"{[word.encode() for word in words]}\n", "")
