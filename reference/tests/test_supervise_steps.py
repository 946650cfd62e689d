"""supervise in a fork of this process: what it says and does if a call fails.

The conformance suite says what supervise does. Here are the errors of the system, of which
the suite can cause only some.
"""

import errno
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import REASON, Ended, ended, failing, failing_always, saying

from daemontools.programs import supervise


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a service `s`, which is normally down."""
    (tmp_path / "s/supervise").mkdir(parents=True)
    (tmp_path / "s/supervise/status").write_bytes(bytes(18))
    (tmp_path / "s/down").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", ["", "a b"])
def test_supervise_has_one_argument(words: str) -> None:
    assert ended(f"supervise {words}") == (100, "", "supervise: usage: supervise dir\n")


@pytest.mark.parametrize(
    ("call", "after", "complaint"),
    [
        ("open_selfpipe", 0, "unable to create pipe for s"),
        ("chdir", 0, "unable to chdir to s"),
        ("stat", 0, "unable to stat s/down"),
        ("open_append", 0, "unable to acquire s/supervise/lock"),
        ("lock_exnb", 0, "unable to acquire s/supervise/lock"),
        ("open_read", 0, "unable to read s/supervise/control"),
        ("open_write", 0, "unable to write s/supervise/control"),
        ("open_read", 1, "unable to read s/supervise/ok"),
    ],
)
def test_a_call_that_fails_at_the_start_is_fatal(call: str, after: int, complaint: str) -> None:
    answer = ended("supervise s", without_rounds(failing("supervise", call, after=after)))
    assert answer == (111, "", f"supervise: fatal: {complaint}{REASON}")


def without_rounds(change: Callable[[], object] = lambda: None) -> Callable[[], None]:
    """A change: supervise ends after it has begun, and no pause takes time."""

    def both() -> None:
        vars(supervise).update(is_over=lambda _state: True, pause=saying("pause"))
        change()

    return both


@pytest.mark.parametrize(
    ("call", "error", "warning"),
    [
        ("open_trunc", None, "unable to open s/supervise/status.new: input/output error"),
        ("write", None, "unable to write s/supervise/status.new: input/output error"),
        ("close", None, "unable to write s/supervise/status.new: input/output error"),
        ("rename", None, "unable to rename s/supervise/status.new to status: input/output error"),
        ("open_trunc", MemoryError(), "unable to open s/supervise/status.new: out of memory"),
        ("now", None, "unable to read the clock for s: input/output error"),
        ("start_is_due", None, "unable to start for s: input/output error"),
    ],
)
def test_supervise_goes_on_without_a_call_that_fails(
    folder: Path, call: str, error: Exception | None, warning: str
) -> None:
    answer = ended("supervise s", without_rounds(failing("supervise", call, error=error)))
    assert answer == (0, "", f"supervise: warning: {warning}\n")
    assert (folder / "s/supervise/status").stat().st_size == 18
    assert (folder / "s/supervise/status").read_bytes()[12:] == b"\0\0\0\0\0d"


def test_supervise_keeps_the_old_status_if_the_disk_is_full(folder: Path) -> None:
    def change() -> None:
        vars(supervise)["write"] = lambda _fd, content: len(content) - 1

    said = "supervise: warning: unable to write s/supervise/status.new: partial write\n"
    assert ended("supervise s", without_rounds(change)) == (0, "", said * 3)
    assert (folder / "s/supervise/status").read_bytes() == bytes(18)


def test_supervise_waits_a_minute_if_it_cannot_fork(folder: Path) -> None:
    (folder / "s/down").unlink()
    said = "supervise: warning: unable to fork for s, sleeping 60 seconds: input/output error\n"
    change = without_rounds(failing("supervise", "fork"))
    assert ended("supervise s", change) == (0, "pause 60\n", said)


def test_supervise_pauses_a_second_after_a_start(folder: Path) -> None:
    (folder / "s/down").unlink()
    change = without_rounds(lambda: vars(supervise).update(fork=lambda *_: 77))
    assert ended("supervise s", change) == (0, "pause 1\n", "")
    status = (folder / "s/supervise/status").read_bytes()
    assert (status[12:16], status[17:]) == (b"\x4d\0\0\0", b"u")


def test_supervise_says_that_it_cannot_run_run(folder: Path) -> None:
    (folder / "s/down").unlink()
    real: Callable[..., int] = vars(supervise)["fork"]

    def fork(*words: Any) -> int:
        pid = real(*words)
        os.waitpid(pid, 0)
        return pid

    change = without_rounds(lambda: vars(supervise).update(fork=fork))
    said = "supervise: fatal: unable to start s/run: file does not exist\n"
    assert ended("supervise s", change) == (0, "pause 1\n", said)


class Poller:
    """In place of select.poll: it notes how long it is to wait, and there is no news."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.watched = iter(answers), set[int]()

    def register(self, fd: int, events: int) -> None:
        """Look at reading only."""
        assert events == 1
        self.watched.add(fd)

    def poll(self, wait: int) -> object:
        """The next answer."""
        assert len(self.watched) == 2
        saying("wait", wait)()
        answer: object = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


NEWS = [(3, 1)]


@pytest.mark.parametrize(
    ("answers", "out", "warnings"),
    [
        ([[], []], "wait 1000000\nwait 1000000\n", []),
        ([NEWS, []], "wait 1000000\npause 1\nwait 1000000\n", []),
        (
            [OSError(errno.EIO, ""), []],
            "wait 1000000\npause 1\nwait 1000\n",
            ["unable to poll for s: input/output error"],
        ),
    ],
)
def test_supervise_waits_for_news(answers: list[object], out: str, warnings: list[str]) -> None:
    def change() -> None:
        vars(supervise).update(poll=lambda: Poller(*answers), pause=saying("pause"))
        vars(supervise)["is_over"] = _after_rounds(len(answers))

    code, said, err = ended("supervise s", change)
    assert (code, said) == (0, out)
    assert err.splitlines() == [f"supervise: warning: {warning}" for warning in warnings]


def _after_rounds(rounds: int) -> Callable[[object], bool]:
    """In place of is_over, which the loop asks once a round and _take_command once more."""
    asked = itertools.count()
    return lambda _state: next(asked) >= 2 * rounds


STEPS = [
    ("drain", 0, "read self-pipe"),
    ("ended_child", 0, "wait"),
    ("read", 0, "read commands"),
    ("start_is_due", 2, "start"),
]


@pytest.mark.parametrize(("call", "after", "what"), STEPS)
def test_a_step_that_fails_is_taken_again_within_a_second(call: str, after: int, what: str) -> None:
    def change() -> None:
        vars(supervise).update(
            poll=lambda: Poller([], []), is_over=_after_rounds(2), pause=saying("pause")
        )
        failing("supervise", call, after=after)()

    said = f"supervise: warning: unable to {what} for s{REASON}"
    assert ended("supervise s", change) == (0, "wait 1000000\nwait 1000\n", said)


def test_supervise_goes_on_if_a_round_fails() -> None:
    def change() -> None:
        vars(supervise).update(is_over=_after_rounds(1), pause=saying("pause"))
        vars(supervise)["_round"] = failing_always(errno.ENOMEM)

    said = "supervise: warning: unable to supervise s: out of memory\n"
    assert ended("supervise s", change) == (0, "pause 1\n" * 2, said * 2)


def without_memory(*_words: object) -> None:
    raise MemoryError


def test_supervise_goes_on_without_memory_to_say_so() -> None:
    def change() -> None:
        rounds = _after_rounds(2)
        vars(supervise).update(is_over=rounds, _round=without_memory, warn=without_memory)

    assert ended("supervise s", change) == (0, "", "")


def test_supervise_starts_without_memory_to_say_so(folder: Path) -> None:
    (folder / "s/down").unlink()

    def change() -> None:
        vars(supervise).update(fork=lambda *_: 77, warn=without_memory)
        failing("supervise", "open_trunc", after=1, error=MemoryError())()

    assert ended("supervise s", without_rounds(change)) == (0, "", "")


def test_a_start_that_has_failed_is_tried_again_at_once(folder: Path) -> None:
    (folder / "s/down").unlink()

    def change() -> None:
        vars(supervise).update(
            poll=lambda: Poller([], []),
            is_over=_after_rounds(2),
            pause=saying("pause"),
            fork=lambda *_words: 77,
            ended_child=lambda: 0,
        )
        failing("supervise", "fork")()

    said = f"supervise: warning: unable to fork for s, sleeping 60 seconds{REASON}"
    steps = "pause 60\nwait 0\npause 1\nwait 1000000\n"
    assert ended("supervise s", change) == (0, steps, said)


def supervising(
    work: Callable[[], object], *, pid: int = 77, want: bytes = b"u", ends: tuple[int, ...] = ()
) -> Ended:
    """What becomes of this work in a fork, while ./run has this id; children end, in this order."""

    def end_of_a_child() -> int:
        found = next(left)
        if found < 0:
            raise ChildProcessError(errno.ECHILD, "")
        return found

    def announce() -> None:
        saying("announce", vars(supervise)["_pid"])()

    def change() -> None:
        vars(supervise).update(
            _directory=b"s", _pid=pid, _state=(pid > 0, want, False, False),
            ended_child=end_of_a_child, let_go=saying("let go"), fork=lambda *_words: 88,
            kill=saying("kill"), pause=saying("pause"), _announce=announce,
        )  # fmt: skip
        work()
        os._exit(0)

    left = iter(ends)
    return ended("supervise s", change)


STARTED = "announce 88\npause 1\n"
UNKNOWN = "supervise: warning: unable to wait for s: no child processes\n"


@pytest.mark.parametrize(
    ("pid", "want", "ends", "answer"),
    [
        (77, b"u", (0,), (0, "False\n", "")),
        (77, b"u", (5, 0), (0, "let go 5\nTrue\n", "")),
        (77, b"d", (77, 5, 0), (0, "let go 77\nlet go 5\nannounce 0\nTrue\n", "")),
        (77, b"u", (5, 77, 0), (0, f"let go 5\nlet go 77\nannounce 0\n{STARTED}True\n", "")),
        (77, b"d", (77, -1), (0, "let go 77\nannounce 0\nTrue\n", "")),
        (0, b"d", (-1,), (0, "False\n", "")),
        (77, b"u", (-1,), (0, "None\n", UNKNOWN)),
    ],
)
def test_supervise_takes_every_end(
    pid: int, want: bytes, ends: tuple[int, ...], answer: Ended
) -> None:
    def work() -> None:
        saying(vars(supervise)["_tried"]("wait", vars(supervise)["_take_ends"]))()

    assert supervising(work, pid=pid, want=want, ends=ends) == answer


def test_each_command_has_its_signal() -> None:
    names = ["TERM", "CONT", "STOP", "HUP", "ALRM", "INT", "KILL"]
    said = [f"kill 77 {getattr(signal, f'SIG{name}'):d}\n" for name in names]
    work = lambda: vars(supervise)["_take"]([*names, "announce", "start"])  # noqa: E731
    assert supervising(work) == (0, "".join([*said, "announce 77\n", STARTED]), "")


def test_supervise_may_be_unable_to_send_a_signal() -> None:
    def work() -> None:
        vars(supervise)["kill"] = failing_always(errno.EPERM)
        vars(supervise)["_take"](["TERM", "announce"])

    assert supervising(work) == (0, "announce 77\n", "")


def test_a_child_of_supervise_becomes_run() -> None:
    def work() -> None:
        vars(supervise).update(die_of_writing=saying("die"), execv=saying("exec"))
        vars(supervise)["_become_run"]()

    assert supervising(work) == (0, "die\nexec b'./run' [b'./run']\n", "")


def test_supervise_takes_the_files_that_are_there(folder: Path) -> None:
    assert ended("supervise s", without_rounds()) == (0, "", "")
    files = {file: file.stat().st_ino for file in (folder / "s/supervise").iterdir()}
    assert ended("supervise s", without_rounds()) == (0, "", "")
    kept = {file.name for file, number in files.items() if file.stat().st_ino == number}
    assert kept >= {"control", "lock", "ok"}


def test_supervise_shows_its_directory() -> None:
    change = without_rounds(lambda: vars(supervise).update(set_title=saying("title")))
    assert ended("supervise s", change) == (0, "title [b'supervise', b's']\n", "")


def test_a_service_has_been_down_since_1970_if_the_clock_cannot_be_read() -> None:
    def change() -> None:
        def announce() -> None:
            saying(vars(supervise)["_stamp"])()
            os._exit(0)

        vars(supervise).update(now=failing_always(errno.EIO), _announce=announce)

    said = f"supervise: warning: unable to read the clock for s{REASON}"
    assert ended("supervise s", change) == (0, "(0, 0)\n", said)


def test_supervise_makes_its_folder_for_itself_alone(folder: Path) -> None:
    (folder / "new").mkdir()
    (folder / "link/there").mkdir(parents=True)
    (folder / "link/supervise").symlink_to("there/data")
    before = os.umask(0)
    for service, made in (("new", "new/supervise"), ("link", "link/there/data")):
        (folder / service / "down").touch()
        assert ended(f"supervise {service}", without_rounds()) == (0, "", "")
        assert (folder / made).stat().st_mode & 0o7777 == 0o700
    os.umask(before)


def test_the_files_of_a_service_have_these_modes(folder: Path) -> None:
    before = os.umask(0)
    change = lambda: vars(supervise).update(_serve=lambda *_words: os._exit(0))  # noqa: E731
    answer = ended("supervise s", change)
    os.umask(before)
    assert answer == (0, "", "")
    modes = {file.name: file.stat().st_mode & 0o7777 for file in (folder / "s/supervise").iterdir()}
    assert modes == {"control": 0o600, "lock": 0o600, "ok": 0o600, "status": 0o644}
