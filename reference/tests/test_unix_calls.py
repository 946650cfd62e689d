"""What the modules of unix/ ask of the system, call by call, in a fork of this process."""

import _signal
import errno
import os
import posix
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import Ended, ended, saying

from daemontools import install
from daemontools.programs import envdir, supervise
from daemontools.unix import (
    chain,
    environment,
    forking,
    interrupts,
    localtime,
    pathexec,
    selfpipe,
    start,
)

LIBRARY = str(Path(install.__file__).parent.parent)


def done(work: Callable[[], object]) -> Ended:
    """What a fork of this process says that does this."""

    def change() -> None:
        work()
        os._exit(0)

    return ended("svok", change)


# chain.py: which programs are ours


@pytest.fixture
def launchers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all launchers; this process was started from one of them."""
    install.install(tmp_path / "bin", sys.executable, LIBRARY)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin/envdir")])
    for name in ("_mains", "_waiting"):
        monkeypatch.setattr(chain, name, {})
    monkeypatch.setattr(chain, "_looked_at", set())
    return tmp_path / "bin"


def mains() -> list[str]:
    """The programs that are prepared."""
    return sorted(main.__module__.rpartition(".")[2] for main in vars(chain)["_mains"].values())


@pytest.mark.usefixtures("launchers")
def test_each_chain_program_among_the_words_is_prepared() -> None:
    for name in chain.PROGRAMS:
        vars(chain)["_mains"].clear()
        chain.prepare([b"other", b"/any/" + name, b"svc"])
        assert mains() == [name.decode()]
    chain.prepare([b"setlock"])  # for the second time: it would find nothing new
    assert mains() == ["softlimit"]
    chain.prepare([b"supervise", b"fghack"], programs=(b"supervise",))
    assert mains() == ["softlimit", "supervise"]


def test_what_is_not_our_launcher_is_not_prepared(
    launchers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (launchers / "setlock").chmod(0o644)
    (launchers / "pgrphack").write_text("#!/bin/sh\n")
    (launchers / "softlimit").unlink()
    chain.prepare([b"setlock", b"pgrphack", b"softlimit", b"svok", b""])
    assert mains() == []
    monkeypatch.setattr(chain, "enabled", False)
    chain.prepare([b"envuidgid"])
    assert mains() == []


def test_a_launcher_that_cannot_be_read_prepares_nothing(launchers: Path) -> None:
    (launchers / "envdir").write_text("")
    (launchers / "setlock").write_text("")
    chain.prepare([b"setlock"])
    assert mains() == []


@pytest.mark.parametrize("block", [None, [b"A=1"], [b"odd", b"A=1"]])
def test_a_prepared_program_goes_on_here(
    launchers: Path, monkeypatch: pytest.MonkeyPatch, block: list[bytes] | None
) -> None:
    monkeypatch.setattr(environment, "_block", None)
    words = [b"envdir", b"e", b"true"]
    chain.go_on_here(bytes(launchers / "envdir"), words, block)
    chain.prepare(words)
    chain.go_on_here(bytes(launchers / "nowhere"), words, block)
    chain.go_on_here(b"/bin/sh", words, block)
    with pytest.raises(start.Next) as step:
        chain.go_on_here(bytes(launchers / "envdir"), words, block)
    assert (step.value.main, step.value.argv) == (envdir.main, words)
    assert environment.is_original() == (block is None)
    assert block is None or environment.block() == block
    longest = b"x" * chain.LONGEST_WORD
    chain.go_on_here(bytes(launchers / "envdir"), [*words, longest], block)
    chain.execute_always()
    chain.go_on_here(bytes(launchers / "envdir"), words, block)


@pytest.mark.usefixtures("launchers")
def test_ctypes_is_there_if_an_odd_environment_may_need_it() -> None:
    def work(block: list[bytes], *words: bytes) -> None:
        sys.modules.pop("ctypes", None)
        vars(environment)["_original"] = block
        chain.prepare(list(words))
        saying("ctypes" in sys.modules)()

    assert done(lambda: work([b"odd"], b"envdir"))[1] == "True\n"
    assert done(lambda: work([b"A=1"], b"envdir"))[1] == "False\n"
    assert done(lambda: work([b"odd"], b"other"))[1] == "False\n"


@pytest.mark.usefixtures("launchers")
@pytest.mark.parametrize("broken", chain.PROGRAMS)
def test_a_program_that_cannot_be_imported_keeps_no_other_from_being_prepared(
    monkeypatch: pytest.MonkeyPatch, broken: bytes
) -> None:
    main_of = vars(chain)["_main_of"]

    def fail_once(name: str) -> object:
        if name == broken.decode():
            raise ImportError
        return main_of(name)

    monkeypatch.setattr(chain, "_main_of", fail_once)
    chain.prepare([*chain.PROGRAMS])
    assert mains() == sorted(name.decode() for name in chain.PROGRAMS if name != broken)


@pytest.mark.usefixtures("launchers")
def test_a_prepared_program_is_imported_if_it_is_not_here_yet() -> None:
    def work() -> None:
        del sys.modules["daemontools.programs.setlock"]
        chain.prepare([b"setlock"])
        saying(mains())()

    assert done(work)[1] == "['setlock']\n"


@pytest.mark.usefixtures("launchers")
def test_the_rights_of_the_effective_user_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix, "access", lambda *_, effective_ids=False: effective_ids)
    chain.prepare([b"setlock"])
    assert mains() == ["setlock"]


@pytest.mark.usefixtures("launchers")
def test_without_ctypes_an_odd_environment_is_prepared_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    monkeypatch.setattr(environment, "_original", [b"odd"])
    chain.prepare([b"setlock"])
    assert mains() == ["setlock"]


def test_the_first_word_names_the_launcher(launchers: Path) -> None:
    sys.argv.append("setlock")
    assert vars(chain)["_launcher"]() == bytes(launchers / "envdir")


def test_at_most_a_page_of_a_launcher_is_read(tmp_path: Path) -> None:
    content, file, pipe = vars(chain)["_content"], tmp_path / "file", tmp_path / "pipe"
    file.write_bytes(b"x" * 5000)
    os.mkfifo(pipe)

    def work() -> None:
        free = os.dup(0)
        os.close(free)
        said = [content(bytes(one)) for one in (file, pipe, tmp_path, tmp_path / "nothing")]
        assert os.dup(0) == free
        saying(said == [b"x" * 4096, b"", b"", b""])()

    assert done(work)[1] == "True\n"


@pytest.mark.parametrize(("spare", "is_taken"), [(1, True), (0, False)])
def test_a_page_of_the_room_for_words_is_kept_free(
    monkeypatch: pytest.MonkeyPatch, spare: int, is_taken: bool
) -> None:
    monkeypatch.setattr(chain, "_waiting", {})
    word = b"x" * (128 * 1024 - 4096 - 9 - spare)
    assert vars(chain)["_exec_takes"]([word]) == is_taken


@pytest.mark.parametrize(
    ("stack", "room"),
    [(65536, 65536), (400_000, 128 * 1024), (1 << 23, 1 << 21), (1 << 30, 6 << 20), (-1, 6 << 20)],
)
def test_a_quarter_of_the_waiting_stack_is_room_for_words(
    monkeypatch: pytest.MonkeyPatch, stack: int, room: int
) -> None:
    monkeypatch.setattr(chain, "_waiting", {resource.RLIMIT_STACK: (stack, -1)})
    assert vars(chain)["_room_for_words"]() == room


# chain.py: limits that wait

WAIT = [resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The calls of setrlimit, of a system where each limit is (1000 + number, -1)."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1000 + which, -1))
    monkeypatch.setattr(resource, "setrlimit", lambda *words: calls.append(words))
    monkeypatch.setattr(chain, "_waiting", {})
    return calls


@pytest.mark.parametrize("which", [*WAIT, resource.RLIMIT_CORE, resource.RLIMIT_NOFILE])
def test_a_limit_on_memory_is_tried_and_then_waits(
    limits: list[tuple[object, ...]], which: int
) -> None:
    chain.set_limit(which, (5, 7))
    undone = [(which, (1000 + which, -1))] if which in WAIT else []
    assert limits == [(which, (5, 7)), *undone]
    assert vars(chain)["_waiting"] == ({which: (5, 7)} if which in WAIT else {})


def test_the_limits_that_wait_are_set_for_the_call_alone(
    limits: list[tuple[object, ...]],
) -> None:
    chain.under_waiting_limits(lambda: limits.append(("call",)), 100)
    assert limits == [("call",)]
    vars(chain)["_waiting"].update({2: (5, 7), 9: (6, 8)})

    def fail() -> None:
        limits.append(("call",))
        raise OSError(errno.ENOENT, "")

    limits.clear()
    with pytest.raises(FileNotFoundError):
        chain.under_waiting_limits(fail, 100)
    assert limits == [(2, (5, 7)), (9, (6, 8)), ("call",), (2, (1002, -1)), (9, (1009, -1))]


def test_room_is_left_for_what_the_call_copies(
    limits: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(chain, "bytes", sizes.append, raising=False)
    vars(chain)["_waiting"].update({2: (5, 7)})
    chain.under_waiting_limits(lambda: None, 100)
    assert (sizes, len(limits)) == ([65736, 65736], 2)


@pytest.mark.parametrize(
    ("waiting", "least"),
    [
        ({}, 1000 + min(resource.RLIMIT_AS, resource.RLIMIT_DATA)),
        ({resource.RLIMIT_AS: (7, -1)}, 7),
        ({resource.RLIMIT_DATA: (7, -1)}, 7),
        ({resource.RLIMIT_STACK: (7, -1)}, 1000 + resource.RLIMIT_DATA),
        ({resource.RLIMIT_DATA: (-1, -1)}, 1000 + resource.RLIMIT_AS),
        ({resource.RLIMIT_AS: (-1, -1), resource.RLIMIT_DATA: (-1, -1)}, 2**64 - 1),
    ],
)
@pytest.mark.usefixtures("limits")
def test_the_least_limit_on_memory_counts(
    monkeypatch: pytest.MonkeyPatch, waiting: dict[int, tuple[int, int]], least: int
) -> None:
    monkeypatch.setattr(chain, "_waiting", waiting)
    assert chain.least_limit_on_memory() == least
    monkeypatch.setitem(sys.modules, "resource", None)
    assert chain.least_limit_on_memory() == 2**64 - 1


def test_a_file_that_is_looked_at_is_closed_and_no_other() -> None:
    def work() -> None:
        os.closerange(3, 99)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 4)
        os.close(3)
        saying(vars(chain)["_content"](b"/dev/null"))()
        saying(os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY))()

    assert done(work) == (0, "b''\n3 5\n", "")


# pathexec.py


@pytest.mark.parametrize(
    ("name", "errors", "tried", "reported"),
    [
        (b"x", [2, 2, 2], 3, 2),
        (b"x", [2, 13, 2], 3, 13),
        (b"x", [1, 2, 21], 3, 21),
        (b"x", [13, 1, 2], 3, 1),
        (b"x", [2, 8, 2], 2, 8),
        (b"x", [8, 2, 2], 1, 8),
        (b"./x", [2], 1, 2),
        (b"/x", [13], 1, 13),
    ],
)
def test_the_search_goes_on_after_some_errors(
    monkeypatch: pytest.MonkeyPatch, name: bytes, errors: list[int], tried: int, reported: int
) -> None:
    files: list[bytes] = []

    def attempt(file: bytes, argv: list[bytes], block: list[bytes]) -> OSError:
        assert (argv, block) == ([name, b"a"], [b"A=1"])
        files.append(file)
        return OSError(errors[len(files) - 1], "")

    monkeypatch.setattr(pathexec, "_attempt", attempt)
    monkeypatch.setattr(environment, "_block", [b"PATH=/a:/b:/c"])
    assert pathexec.pathexec([name, b"a"], [b"A=1"]).errno == reported
    expected = [name] if b"/" in name else [b"/a/x", b"/b/x", b"/c/x"]
    assert files == expected[:tried]


@pytest.mark.parametrize(
    ("path", "there", "main"),
    [
        (b"/a:/b", {}, None),
        (b"/a:/b", {b"/b/x": "ours"}, "ours"),
        (b"/a:/b", {b"/a/x": "", b"/b/x": "ours"}, None),
        (b":/b", {b"/b/x": "ours"}, None),
        (b"/b:", {b"/b/x": "ours"}, "ours"),
        (b"a:/b", {b"/b/x": "ours"}, None),
    ],
)
def test_what_path_leads_to_is_prepared_if_that_is_certain(
    monkeypatch: pytest.MonkeyPatch, path: bytes, there: dict[bytes, str], main: str | None
) -> None:
    def lstat(file: bytes) -> None:
        if file not in there:
            raise OSError(errno.ENOENT, "")

    monkeypatch.setattr(chain, "prepared", lambda file, _argv, _block: there.get(file) or None)
    monkeypatch.setattr(posix, "lstat", lstat)
    monkeypatch.setattr(environment, "_block", [b"PATH=" + path])
    assert vars(pathexec)["prepared"]([b"x", b"a"]) == main


def test_a_file_that_cannot_be_looked_at_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, is_missing in [(errno.ENOENT, True), (errno.EACCES, False), (0, False)]:

        def lstat(_file: bytes, number: int = number) -> None:
            if number:
                raise OSError(number, "")

        monkeypatch.setattr(posix, "lstat", lstat)
        assert vars(pathexec)["_is_missing"](b"x") == is_missing


@pytest.mark.parametrize(
    ("argv", "block", "said"),
    [
        ([b"x", b"a"], None, "execv b'/f' [b'x', b'a']\n"),
        ([b"", b"a"], None, "execv b'/f' [b'-']\n"),
        ([b"x"], [b"A=1", b"A=2"], "execve b'/f' [b'x'] [(b'A', b'1'), (b'A', b'2')]\n"),
        ([b"x"], [b"odd", b"A=1"], "system b'/f' [b'x'] [b'odd', b'A=1']\n"),
        ([b""], [b"=1"], "system b'/f' [b''] [b'=1']\n"),
    ],
)
def test_one_of_three_calls_executes(
    argv: list[bytes], block: list[bytes] | None, said: str
) -> None:
    def work() -> None:
        def execve(file: bytes, words: list[bytes], pairs: Any) -> None:
            listed = list(zip(pairs.keys(), pairs.values(), strict=True))
            saying("execve")(file, words, listed)

        vars(posix).update(execv=saying("execv"), execve=execve)
        vars(pathexec)["_system_call"] = lambda *words: lambda: saying("system")(*words)
        vars(pathexec)["_call_of_exec"](b"/f", argv, block)()

    assert done(work) == (0, said, "")


def test_an_odd_block_is_handed_on_by_the_c_library() -> None:
    call = vars(pathexec)["_system_call"]
    shown = done(call(b"/usr/bin/env", [b"env"], [b"odd", b"A=1", b"A=2", b"=x"]))
    assert shown == (0, "odd\nA=1\nA=2\n=x\n", "")
    assert done(call(b"/bin/echo", [b"echo", b"a", b"b"], [b"odd"])) == (0, "a b\n", "")
    with pytest.raises(FileNotFoundError):
        call(b"/nowhere", [b"x"], [b"odd"])()


@pytest.mark.parametrize(
    ("error", "code"), [(MemoryError, errno.ENOMEM), (ImportError, errno.ENOSYS)]
)
def test_an_attempt_tells_the_error(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], code: int
) -> None:
    attempt = vars(pathexec)["_attempt"]
    assert attempt(b"/nowhere", [b"x"], None).errno == errno.ENOENT
    assert attempt(b"/", [b"x"], [b"A=1"]).errno == errno.EACCES

    def refuse(*_words: object) -> None:
        raise error

    monkeypatch.setattr(pathexec, "_call_of_exec", refuse)
    assert attempt(b"/nowhere", [b"x"], None).errno == code


@pytest.mark.parametrize("block", [None, [b"B=2"]])
def test_an_attempt_counts_the_words_and_hands_on_the_block(
    monkeypatch: pytest.MonkeyPatch, block: list[bytes] | None
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(environment, "_block", [b"A=1"])
    monkeypatch.setattr(chain, "go_on_here", lambda *words: seen.append(words))
    monkeypatch.setattr(chain, "under_waiting_limits", lambda call, size: seen.extend([call, size]))
    monkeypatch.setattr(pathexec, "_call_of_exec", lambda *words: words)
    with pytest.raises(AssertionError, match="exec returned without an error"):
        vars(pathexec)["_attempt"](b"/f", [b"x", b"yz"], block)
    words = b"/f", [b"x", b"yz"]
    assert seen == [(*words, block), (*words, block or [b"A=1"]), 3 + 3 + 3 * 9]


# start.py


@pytest.mark.parametrize(
    ("environ", "original", "said"),
    [
        ({}, [b"LC_CTYPE=a"], ""),
        ({b"LC_CTYPE": b"C.UTF-8"}, [b"A=1"], "unset b'LC_CTYPE'\n"),
        ({b"LC_CTYPE": b"C.UTF-8"}, [b"LC_CTYPE=C", b"A=1"], "put b'LC_CTYPE' b'C'\n"),
    ],
)
def test_the_locale_is_what_it_was(
    environ: dict[bytes, bytes], original: list[bytes], said: str
) -> None:
    def work() -> None:
        vars(posix).update(environ=environ, unsetenv=saying("unset"), putenv=saying("put"))
        vars(environment)["_original"] = original
        vars(start)["_restore_locale_variable"]()
        assert (b"LC_CTYPE" in environ) == said.startswith("put")

    assert done(work) == (0, said, "")


@pytest.mark.parametrize(
    ("original", "said"),
    [
        ([b"A=1"], ""),
        ([b"A=1", b"__PYVENV_LAUNCHER__=x"], "put b'__PYVENV_LAUNCHER__' b'x'\n"),
    ],
)
def test_a_variable_that_the_interpreter_takes_is_put_back(
    original: list[bytes], said: str
) -> None:
    def work() -> None:
        vars(posix)["putenv"] = saying("put")
        vars(environment).update(_original=original, _block=None)
        vars(start)["_restore_launcher_variable"]()
        assert environment.is_original() == (not said)
        assert environment.block() == original

    assert done(work) == (0, said, "")


def test_a_program_may_become_another_and_ends_with_its_code() -> None:
    def second(argv: list[bytes]) -> int:
        saying("second")(argv)
        return 7

    def first(argv: list[bytes]) -> int:
        saying("first")(argv)
        raise start.Next(second, [b"b"])

    said = "first [b'a']\nsecond [b'b']\n"
    assert done(lambda: start.call(first, [b"a"])) == (7, said, "")


def test_any_other_error_has_a_line() -> None:
    def fail(_argv: list[bytes]) -> int:
        raise ValueError("why")

    said = "tool: fatal: internal error: ValueError('why')\n"
    assert done(lambda: start.call(fail, [b"/bin/tool"])) == (111, "", said)


def test_run_restores_what_the_interpreter_changed_and_calls_main() -> None:
    steps = ["signals", "if_interrupted", "locale_variable", "launcher_variable"]

    def work() -> None:
        sys.argv = ["/bin/x", "\udcff"]
        for step in steps:
            verb = "_die" if step == "if_interrupted" else "_restore"
            vars(start)[f"{verb}_{step}"] = saying(step)
        start.run(_count)

    said = "".join(f"{step}\n" for step in steps) + "[b'/bin/x', b'\\xff']\n"
    assert done(work) == (2, said, "")


def _count(argv: list[bytes]) -> int:
    saying(argv)()
    return len(argv)


# Signals


def fill(fd: int) -> None:
    """Fill a pipe."""
    os.set_blocking(fd, False)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except BlockingIOError:
        pass


def test_a_full_pipe_loses_no_signal_and_says_nothing() -> None:
    def work() -> None:
        ends = os.pipe()
        vars(posix)["pipe"] = lambda: ends
        # In place of those of the tests:
        sys.stderr, sys.unraisablehook = sys.__stderr__, sys.__unraisablehook__
        waits = interrupts.Interrupts(signal.SIGALRM)
        fill(ends[1])
        os.kill(os.getpid(), signal.SIGALRM)
        waits.wait(seconds=1)
        time.sleep(0)

    assert done(work) == (0, "", "")


def test_poll_is_asked_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Poll:
        def register(self, *words: int) -> None:
            """Note the descriptor."""
            asked.append(words)

        def poll(self, wait: float | None) -> list[tuple[int, int]]:
            """Both are ready."""
            asked.append(wait)
            return [(3, 1), (4, 1)]

    monkeypatch.setattr("select.poll", Poll)
    ready = vars(interrupts)["_ready"]
    assert [ready([3, 4], 5), ready([3, 4], None), ready([3], 0.25)] == [[3, 4]] * 3
    assert asked == [(3, 1), (4, 1), 5000, (3, 1), (4, 1), None, (3, 1), 250]


def test_a_selfpipe_wakes_and_is_drained() -> None:
    def work() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        reader = selfpipe.open_selfpipe(signal.SIGCHLD)
        assert not os.get_blocking(reader)
        assert not os.get_blocking(vars(selfpipe)["_write_end"])
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
        assert not selfpipe.drain(reader)
        os.kill(os.getpid(), signal.SIGCHLD)
        time.sleep(0)
        assert selfpipe.drain(reader)
        assert not selfpipe.drain(reader)
        fill(vars(selfpipe)["_write_end"])
        os.kill(os.getpid(), signal.SIGCHLD)
        time.sleep(0)
        assert selfpipe.drain(reader)
        assert sys.unraisablehook is vars(selfpipe)["_write_again"]

    assert done(work) == (0, "", "")


def test_supervise_survives_that_nobody_reads_its_messages(tmp_path: Path) -> None:
    def announce() -> None:
        saying(*map(_signal.getsignal, (signal.SIGPIPE, signal.SIGXFSZ)))()
        os._exit(0)

    def work() -> None:
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        vars(supervise)["_announce"] = announce
        supervise.main([b"supervise", os.fsencode(tmp_path)])

    assert done(work) == (0, "1 1\n", "")


def test_a_child_that_returns_ends_with_111() -> None:
    pid = forking.fork(("tool: ",), lambda *words: saying(words)() if words else None)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 111


def test_the_first_word_names_the_program_that_fails() -> None:
    def fail(_argv: list[bytes]) -> int:
        raise OSError(errno.EIO, "")

    ending = done(lambda: start.call(fail, [b"/some/where/tool", b"word"]))
    assert ending == (111, "", "tool: fatal: input/output error\n")


# localtime.py


@pytest.mark.parametrize(
    ("shown", "year"),
    [
        (1999, 1999),
        (-5, -5),
        (2**31 - 1, 2**31 - 1),
        (2**31, -(2**31)),
        (2**31 + 1899, -(2**31) + 1899),
        (-(2**31), -(2**31)),
        (-(2**31) + 1900, -(2**31) + 1900),
    ],
)
def test_a_year_wraps_as_an_int_does(
    monkeypatch: pytest.MonkeyPatch, shown: int, year: int
) -> None:
    monkeypatch.setattr(time, "localtime", lambda second: (shown, 2, 3, 4, 5, second, 6, 7, 8))
    assert localtime.local_time(9) == (year, 2, 3, 4, 5, 9)


def test_a_second_without_a_date_is_an_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_second: int) -> Any:
        raise OSError(errno.EOVERFLOW, "")

    monkeypatch.setattr(time, "localtime", refuse)
    with pytest.raises(OverflowError, match="no date for second 9"):
        localtime.local_time(9)
