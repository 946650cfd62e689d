"""The small modules of unix/: how files are opened, what exec would close, words and blocks."""

import _signal
import fcntl
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemontools.unix import (
    chain,
    clock,
    closing,
    environment,
    interrupts,
    lock,
    logdir,
    opening,
    pathexec,
    selfpipe,
    start,
    title,
)
from daemontools.unix.interrupts import Interrupts

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")

# function -> flags, and the mode of a new file (None: there must be one)
OPENINGS: dict[Callable[[Path], int], tuple[int, int | None]] = {
    opening.open_read: (os.O_RDONLY, None),
    opening.open_write: (os.O_WRONLY, None),
    opening.open_append: (os.O_WRONLY | os.O_APPEND, 0o600),
    opening.open_trunc: (os.O_WRONLY, 0o644),
}


@pytest.mark.parametrize("how", OPENINGS)
def test_a_file_is_opened_with_these_flags_and_modes(
    tmp_path: Path, how: Callable[[Path], int]
) -> None:
    flags, mode = OPENINGS[how]
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("text")
    before = os.umask(0)
    try:
        fd = vars(opening)[how.__name__](old)
        got = fcntl.fcntl(fd, fcntl.F_GETFL)
        seen = os.get_inheritable(fd), got & (os.O_NONBLOCK | os.O_APPEND | os.O_ACCMODE)
        os.close(fd)
        assert seen == (False, os.O_NONBLOCK | flags)
        assert old.read_text() == ("" if how is opening.open_trunc else "text")
        if mode is None:
            with pytest.raises(FileNotFoundError):
                vars(opening)[how.__name__](new)
        else:
            os.close(vars(opening)[how.__name__](new))
            assert stat.S_IMODE(new.stat().st_mode) == mode
    finally:
        os.umask(before)


def in_a_fork(work: Callable[[], object]) -> Any:
    """What the function returns in a process of its own, which has this one's modules."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.dup2(writer, 90)
            os.write(90, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        said = answer.read()
    os.wait()
    return json.loads(said)


@needs_proc
def test_only_what_exec_would_keep_stays_open() -> None:
    def work() -> object:
        os.closerange(3, 90)
        os.closerange(91, closing.MOST)
        for fd in (50, 51, 60, 70):
            os.dup2(90, fd, inheritable=fd != 51)
        kept = closing.kept_by_exec()
        closing.close_all_but([90, *(fd for fd in kept if fd != 60)])
        names = [name for name in os.listdir("/proc/self/fd") if int(name) > 2]
        return sorted(fd for fd in kept if fd > 2), sorted(int(name) for name in names)

    kept, still_open = in_a_fork(work)
    assert kept == [50, 60, 70, 90]
    assert [fd for fd in still_open if fd >= 50] == [50, 70, 90]


def test_without_proc_every_number_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> list[str]:
        raise OSError

    there = closing.kept_by_exec()
    monkeypatch.setattr(closing, "listdir", refuse)
    assert closing.kept_by_exec() == sorted(there)


def test_all_is_closed_from_zero_to_the_last_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for kept, expected in [
        ([], [(0, 65536)]),
        ([0, 1, 2], [(3, 65536)]),
        ([7, 1], [(0, 1), (2, 7), (8, 65536)]),
    ]:
        ranges: list[tuple[int, int]] = []
        monkeypatch.setattr(closing, "closerange", lambda *ends, into=ranges: into.append(ends))
        closing.close_all_but(kept)
        assert ranges == expected


# Environments


@pytest.fixture
def without_proc(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A system that shows no environment as the kernel has it."""

    def refuse(_: str) -> bytes:
        raise OSError

    monkeypatch.setattr(environment, "_content", refuse)
    return monkeypatch


@pytest.mark.parametrize(
    ("entries", "is_kept"),
    [
        ([b"A=1"], True),
        ([b"LC_CTYPE=C.UTF-8"], False),
        ([b"A=1", b"LC_CTYPE=C.UTF-8"], False),
        ([b"LC_CTYPE=C.UTF-8", b"A=1"], True),
        ([b"LC_CTYPE=de_DE"], True),
        ([b"LANG=", b"LC_CTYPE=C.UTF-8"], False),
        ([b"LANG=C", b"LC_CTYPE=C.UTF-8"], False),
        ([b"LANG=POSIX", b"LC_CTYPE=C.UTF-8"], False),
        ([b"LANG=de_DE", b"LC_CTYPE=C.UTF-8"], True),
        ([b"LC_ALL=C", b"LC_CTYPE=C.UTF-8"], True),
        ([b"LC_ALL=", b"LC_CTYPE=C.UTF-8"], False),
    ],
)
def test_without_proc_the_interpreter_s_own_locale_is_left_out(
    without_proc: pytest.MonkeyPatch, entries: list[bytes], *, is_kept: bool
) -> None:
    words = dict(entry.split(b"=", 1) for entry in entries)
    without_proc.setattr("posix.environ", words)
    without_proc.setattr(environment, "_original", None)
    assert environment.original_block() == (entries if is_kept else entries[:-1])


def test_the_block_is_read_once_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    entries = [b"A=1", b"odd", b"A=2", b""]

    def content(path: str) -> bytes:
        read.append(path)
        return b"\0".join(entries) + b"\0"

    monkeypatch.setattr(environment, "_original", None)
    monkeypatch.setattr(environment, "_content", content)
    assert environment.original_block() == environment.original_block() == entries
    assert read == ["/proc/self/environ"]


def test_a_chain_has_its_own_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_block", None)
    monkeypatch.setattr(environment, "_original", [b"A=kernel"])
    monkeypatch.setattr("posix.environ", {b"A": b"first"})
    assert (environment.is_original(), environment.get(b"A")) == (True, b"first")
    assert environment.block() == [b"A=kernel"]
    environment.become([b"A=1", b"A=2"])
    assert (environment.is_original(), environment.get(b"A")) == (False, b"1")
    assert environment.get(b"B") is None
    assert environment.block() == [b"A=1", b"A=2"]
    assert environment.merged([(b"B", b"3"), (b"A", None)]) == [b"B=3", b"A=2"]


@needs_proc
def test_a_long_file_is_read_to_its_end(tmp_path: Path) -> None:
    text = os.urandom(50_000)
    (tmp_path / "file").write_bytes(text)
    before = os.listdir("/proc/self/fd")
    assert vars(environment)["_content"](str(tmp_path / "file")) == text
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("word", [b"", b"plain", b"\xff\xfe", "ä".encode()])
def test_words_keep_every_byte(word: bytes) -> None:
    assert environment.as_bytes(environment.as_text(word)) == word


# The next program


@pytest.mark.parametrize(
    ("path", "files"),
    [
        (None, [b"/bin/x", b"/usr/bin/x"]),
        (b"", [b"./x"]),
        (b"/a:", [b"/a/x", b"./x"]),
        (b":/a", [b"./x", b"/a/x"]),
        (b"/a::b", [b"/a/x", b"./x", b"b/x"]),
    ],
)
def test_path_names_these_files(
    monkeypatch: pytest.MonkeyPatch, path: bytes | None, files: list[bytes]
) -> None:
    monkeypatch.setattr(environment, "_block", [] if path is None else [b"PATH=" + path])
    assert vars(pathexec)["_candidates"](b"x") == files


def test_a_block_is_a_mapping_in_its_order_with_duplicates() -> None:
    entries = [b"A=1", b"=B=2", b"A=", b"C=x=y"]
    block = vars(pathexec)["_as_mapping"](entries)
    assert list(zip(block.keys(), block.values(), strict=True)) == [
        (b"A", b"1"), (b"=B", b"2"), (b"A", b""), (b"C", b"x=y"),
    ]  # fmt: skip
    assert len(block) == 4
    with pytest.raises(KeyError):
        block[b"A"]


def test_a_chain_takes_words_that_every_system_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    takes = vars(chain)["_exec_takes"]
    monkeypatch.setattr(chain, "_waiting", {})
    room = chain.LEAST_ROOM - chain.PAGE
    longest = room - 9 - 1
    assert takes([b"x" * longest])
    assert not takes([b"x" * (longest + 1)])
    words = [b""] * ((room - 1) // 9)
    assert takes(words)
    assert not takes([*words, b""])
    assert chain.size_of([b"abc", b"", b"d"]) == 4 + 9 * 3


def test_the_longest_word_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_room_for_words", lambda: 1 << 30)
    takes = vars(chain)["_exec_takes"]
    assert takes([b"x" * (128 * 1024 - 1)])
    assert not takes([b"x" * (128 * 1024)])


@pytest.mark.parametrize(
    ("stack", "room"),
    [
        (64 * 1024, 64 * 1024),
        (400 * 1024, 128 * 1024),
        (1024 * 1024, 256 * 1024),
        (8 << 20, 2 << 20),
        (1 << 30, 6 << 20),
        (-1, 6 << 20),
    ],
)
def test_a_stack_that_waits_decides_how_much_room_there_is(
    monkeypatch: pytest.MonkeyPatch, stack: int, room: int
) -> None:
    import resource

    monkeypatch.setattr(chain, "_waiting", {resource.RLIMIT_STACK: (stack, stack)})
    assert vars(chain)["_room_for_words"]() == room


def test_a_launcher_is_found_through_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/svok").write_text("launcher")
    (tmp_path / "bin/near").symlink_to("svok")
    (tmp_path / "far").symlink_to(tmp_path / "bin/near")
    (tmp_path / "same").symlink_to("bin/svok")
    for name in ("far", "same", "bin/near", "bin/svok"):
        monkeypatch.setattr(sys, "argv", [str(tmp_path / name)])
        assert vars(chain)["_launcher"]() == bytes(tmp_path / "bin/svok")


def test_a_launcher_of_another_program_differs_in_the_name_alone() -> None:
    text = b"#!/usr/bin/svok\nfrom x import svok\nsys.path = '/lib/svok'\nsvok()\n"
    other = b"#!/usr/bin/svok\nfrom x import svc\nsys.path = '/lib/svok'\nsvc()\n"
    assert vars(chain)["_renamed"](text, b"svok", b"svc") == other


# Signals


@pytest.mark.parametrize(
    ("before", "after"), [(signal.default_int_handler, 0), (signal.SIG_IGN, 1)]
)
def test_signals_are_what_a_c_program_has(before: Any, after: int) -> None:
    numbers = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)

    def handlers() -> list[object]:
        return [_signal.getsignal(number) for number in numbers]

    def work() -> object:
        signal.signal(signal.SIGINT, before)
        vars(start)["_restore_signals"]()
        restored = handlers()
        start.survive_writing()
        return restored, handlers()

    assert in_a_fork(work) == [[after, 0, 0], [after, 1, 1]]


def test_an_interrupt_that_the_interpreter_dropped_kills_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr("posix.kill", lambda *words: killed.append(words))
    for error, times in [(ValueError, 0), (KeyboardInterrupt, 1)]:
        monkeypatch.setattr(sys, "last_type", error, raising=False)
        vars(start)["_die_if_interrupted"]()
        assert killed == [(os.getpid(), 2)] * times


def test_a_byte_that_could_not_be_written_is_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(selfpipe, "_write_end", writer)
    vars(selfpipe)["_write_again"](None)
    assert os.read(reader, 9) == b"\0"
    os.close(writer)
    vars(selfpipe)["_write_again"](None)  # and if that fails, too, nothing happens
    os.close(reader)


def test_signals_wait_until_the_program_waits() -> None:
    def work() -> object:
        waits = Interrupts(signal.SIGTERM, signal.SIGALRM)
        reader, writer = os.pipe()
        said = [waits.wait(reader, 0.01), sorted(waits.arrived)]
        os.write(writer, b"x")
        said += [waits.wait(reader), sorted(waits.arrived)]
        os.kill(os.getpid(), signal.SIGALRM)
        said += [waits.wait(reader), sorted(waits.arrived)]
        os.kill(os.getpid(), signal.SIGTERM)
        said += [waits.pause(60, signal.SIGTERM), sorted(waits.arrived)]
        return [*said, waits.pause(60, signal.SIGTERM)]

    assert in_a_fork(work) == [False, [], True, [], False, [14], True, [14, 15], True]


def test_a_pause_is_as_long_as_it_must_be_if_another_signal_comes() -> None:
    def work() -> object:
        waits = Interrupts(signal.SIGTERM, signal.SIGALRM)
        os.kill(os.getpid(), signal.SIGALRM)
        begin = time.monotonic()
        return [waits.pause(0.3, signal.SIGTERM), 0.3 <= time.monotonic() - begin < 20]

    assert in_a_fork(work) == [False, True]


def test_a_pause_that_the_system_refuses_is_a_pause_and_sees_the_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_watched: list[int], _seconds: float | None) -> list[int]:
        raise OSError

    monkeypatch.setattr(interrupts, "_ready", refuse)
    monkeypatch.setattr(interrupts, "LOOK_SECONDS", 0.01)

    def work() -> object:
        waits = Interrupts(signal.SIGTERM)
        begin = time.monotonic()
        said = [waits.pause(0.3, signal.SIGTERM), time.monotonic() - begin >= 0.3]
        os.kill(os.getpid(), signal.SIGTERM)
        return [*said, waits.pause(60, signal.SIGTERM)]

    assert in_a_fork(work) == [False, True, True]


def test_caught_signals_are_blocked_until_they_are_restored() -> None:
    def work() -> object:
        waits = Interrupts(signal.SIGTERM, signal.SIGALRM)
        blocked = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        waits.restore()
        left = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        return blocked, left, [_signal.getsignal(number) for number in (14, 15)]

    assert in_a_fork(work) == [[14, 15], [], [0, 0]]


def test_select_takes_over_where_poll_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poll:
        def register(self, fd: int, events: int) -> None:
            """As if."""

        def poll(self, _milliseconds: float | None) -> list[tuple[int, int]]:
            """Refuse."""
            raise OSError

    monkeypatch.setattr("select.poll", Poll)
    reader, writer = os.pipe()
    ready = vars(interrupts)["_ready"]
    assert ready([reader], 0.01) == []
    os.write(writer, b"x")
    assert ready([reader], None) == [reader]
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("watched", "seconds", "asked", "expected"),
    [
        ([3, 4], None, ([3, 4], [], [], None), [3]),
        ([3, 1023], 5, ([3, 1023], [], [], 5), [3]),
        ([3, 1024], None, ([3], [], [], 1), [3, 1024]),
        ([3, 1024, 1025], 5, ([3], [], [], 1), [3, 1024, 1025]),
        ([3, 1024], 0.5, ([3], [], [], 0.5), [3, 1024]),
    ],
)
def test_select_watches_what_it_can_and_looks_at_the_rest_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
    watched: list[int],
    seconds: float | None,
    asked: tuple[object, ...],
    expected: list[int],
) -> None:
    calls = []

    def refuse(_poll: object, _milliseconds: float | None) -> None:
        raise OSError

    def select(*words: Any) -> tuple[list[int], list[int], list[int]]:
        calls.append(words)
        return [3], [], []

    poll = type("Poll", (), {"register": lambda *_: None, "poll": refuse})
    monkeypatch.setattr("select.poll", poll)
    monkeypatch.setattr("select.select", select)
    assert vars(interrupts)["_ready"](watched, seconds) == expected
    assert calls == [asked]


def test_signals_are_taken_one_at_a_time_and_are_blocked_in_between() -> None:
    def work() -> object:
        waits = Interrupts(signal.SIGTERM, signal.SIGALRM)
        for number in waits.caught:
            os.kill(os.getpid(), number)
        said = []
        for _ in waits.caught:
            said += [waits.wait(seconds=5), len(waits.arrived)]
        return [*said, sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))]

    assert in_a_fork(work) == [False, 1, False, 2, [14, 15]]


class Clock:
    """A clock that goes on only when somebody pauses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: object, longest: float) -> None:
        self.time, self.longest = 100.0, longest
        self.pauses: list[float] = []
        monkeypatch.setattr(module, "monotonic", lambda: self.time)

    def pause(self, seconds: float) -> None:
        """Note the pause, which may be shorter than asked for."""
        self.pauses.append(seconds)
        self.time += min(seconds, self.longest)


def test_a_pause_without_poll_looks_for_the_signal_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_watched: list[int], _seconds: float | None) -> list[int]:
        raise OSError

    times = Clock(monkeypatch, interrupts, longest=60)
    monkeypatch.setattr(interrupts, "_ready", refuse)
    monkeypatch.setattr(interrupts, "pause", times.pause)

    def work() -> object:
        return [Interrupts(signal.SIGTERM).pause(2.5, signal.SIGTERM), times.pauses]

    assert in_a_fork(work) == [False, [1, 1, 0.5]]


def test_a_pause_goes_on_for_what_is_left_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Clock(monkeypatch, clock, longest=1)
    monkeypatch.setattr(clock, "sleep", times.pause)
    clock.pause(2.5)
    assert times.pauses == [2.5, 1.5, 0.5]


@pytest.mark.parametrize("error", [None, OSError])
def test_a_pause_waits_for_no_signal_if_it_may_not_sleep(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None
) -> None:
    times = Clock(monkeypatch, clock, longest=1)

    def refuse(_seconds: float) -> None:
        raise OSError

    def wait_for(numbers: tuple[int, ...], seconds: float) -> None:
        assert numbers == ()
        times.pause(seconds)
        if error:
            raise error

    monkeypatch.setattr(clock, "sleep", refuse)
    monkeypatch.setattr(_signal, "sigtimedwait", wait_for)
    clock.pause(2.5)
    assert times.pauses == [2.5, 1.5, 0.5]


def test_a_lock_that_is_waited_for_is_held(tmp_path: Path) -> None:
    fds = [os.open(tmp_path / "lock", os.O_CREAT | os.O_WRONLY) for _ in range(2)]
    lock.lock_ex(fds[0])
    with pytest.raises(BlockingIOError):
        lock.lock_exnb(fds[1])
    for fd in fds:
        os.close(fd)


@needs_proc
def test_the_open_descriptors_are_those_that_the_system_lists() -> None:
    found = vars(closing)["_open_descriptors"]()
    assert {0, 1, 2} <= set(found)
    assert len(found) < closing.MOST


def test_a_descriptor_is_moved_and_not_doubled(tmp_path: Path) -> None:
    def work() -> object:
        fd = os.open(tmp_path, os.O_RDONLY)
        vars(logdir)["_move"](fd, fd + 5)
        said = [os.path.sameopenfile(fd + 5, again := os.open(tmp_path, os.O_RDONLY)), again == fd]
        for _ in range(2):  # the second time it is closed already, and that makes no difference
            opening.close(fd)
        return said

    assert in_a_fork(work) == [True, True]


# title.py


def test_a_title_fills_its_room_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[object] = []
    monkeypatch.setattr(title, "_write", lambda *words: names.append(words))
    memory = tmp_path / "memory"

    def shown(words: list[bytes]) -> bytes:
        memory.write_bytes(b"x" * 14)
        fd = os.open(memory, os.O_WRONLY)
        monkeypatch.setattr(title, "open_room", lambda: (fd, 3, 8))
        title.set_title(words)
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)
        return memory.read_bytes()

    assert shown([b"ab", b"c"]) == b"xxxab\0c\0\0\0\0xxx"
    assert shown([b"abcdefgh", b"i"]) == b"xxxabcdefg\0xxx"
    assert names == [("/proc/self/comm", b"ab"), ("/proc/self/comm", b"abcdefgh")]
    monkeypatch.setattr(title, "open_room", lambda: None)
    title.set_title([b"ab"])
    assert len(names) == 2


def test_a_part_of_a_title_is_shown_in_its_place(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    memory.write_bytes(b"x" * 9)
    fd = os.open(memory, os.O_WRONLY)
    title.show((fd, 3, 5), 2, b"ab")
    os.close(fd)
    assert memory.read_bytes() == b"xxxxxabxx"


def test_words_fit_that_are_as_long_as_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(title, "_length", 5)
    assert [title.fits([b"ab", b"c"]), title.fits([b"abc", b"c"])] == [True, False]


def test_the_room_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    stats = iter([b"", b" 5 5 0", b" 4096 5000 0", b" 4096 5000 0"])

    def read(path: str) -> bytes:
        calls.append(path)
        return b"7 (a) S" + b" 1" * 44 + next(stats)

    def open_it(*words: object) -> int:
        calls.append(words)
        if len(calls) < 5:
            raise OSError
        return 9

    for name in ("_start", "_length"):
        monkeypatch.setattr(title, name, 0)
    monkeypatch.setattr(title, "_read", read)
    monkeypatch.setattr(title, "os_open", open_it)
    rooms = [title.open_room() for _ in range(5)]
    assert rooms == [None, None, None, (9, 4096, 904), (9, 4096, 904)]
    stat, mem = "/proc/self/stat", ("/proc/self/mem", os.O_WRONLY)
    assert calls == [stat, stat, stat, mem, stat, mem, mem]


def test_at_most_a_page_is_read_and_nothing_stays_open(tmp_path: Path) -> None:
    read, write, file = vars(title)["_read"], vars(title)["_write"], tmp_path / "file"
    file.write_bytes(b"x" * 5000)

    def work() -> object:
        free = os.dup(0)
        os.close(free)
        said = [len(read(str(file)))]
        write(str(file), b"text")
        write(str(tmp_path / "nothing"), b"text")  # and there is no such file
        title.show((free, 0, 9), 0, b"text")  # nor such a descriptor
        return [*said, os.dup(0) == free]

    assert in_a_fork(work) == [4096, True]
    assert file.read_bytes() == b"text" + b"x" * 4996


@pytest.mark.parametrize(
    ("fields", "expected"), [(45, (0, 0)), (46, (0, 0)), (47, (45, 46)), (48, (45, 46))]
)
def test_a_stat_with_too_few_fields_has_no_bounds(fields: int, expected: tuple[int, int]) -> None:
    numbers = b" ".join(str(number).encode() for number in range(fields))
    assert title.bounds(b"7 (a) " + numbers) == expected
