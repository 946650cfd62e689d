"""Each program in a fork of this process: what it says and how it ends if a call fails.

The conformance suite says what the programs do. Here are the errors of the system, of which
the suite can cause only some.
"""

import errno
import itertools
import os
import posix
import pwd
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ended import REASON, Ended, ended, failing, failing_always, module_of, saying

from daemontools.fast.lines import Selection
from daemontools.programs import (
    envdir,
    envuidgid,
    fghack,
    multilog,
    pgrphack,
    readproctitle,
    setlock,
    setuidgid,
    softlimit,
    svc,
    svok,
    svscanboot,
    svstat,
    tai64n,
    tai64nlocal,
)
from daemontools.unix import chain, logdir
from daemontools.unix.interrupts import Interrupts

MODULES = [
    envdir, envuidgid, fghack, multilog, pgrphack, readproctitle, setlock, setuidgid, softlimit,
    svc, svok, svscanboot, svstat, tai64n, tai64nlocal,
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a service `s` that is supervised by nobody but can be asked."""
    (tmp_path / "s/supervise").mkdir(parents=True)
    (tmp_path / "s/supervise/status").write_bytes(bytes(18))
    (tmp_path / "s/down").touch()
    (tmp_path / "e").mkdir()
    (tmp_path / "e/NAME").write_text("value\n")
    readers = []
    for name in ("control", "ok"):
        os.mkfifo(tmp_path / "s/supervise" / name)
        readers.append(os.open(tmp_path / "s/supervise" / name, os.O_RDONLY | os.O_NONBLOCK))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for reader in readers:
        os.close(reader)


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("svok", 100, "svok: usage: svok dir"),
        ("envdir e", 111, "envdir: usage: envdir dir child"),
        ("envuidgid root", 100, "envuidgid: usage: envuidgid account child"),
        ("setuidgid root", 100, "setuidgid: usage: setuidgid account child"),
        ("pgrphack", 100, "pgrphack: usage: pgrphack child"),
        ("fghack", 100, "fghack: usage: fghack child"),
        ("setlock lock", 100, setlock.USAGE),
        ("setlock -z lock true", 100, "setlock: illegal option -- z\n" + setlock.USAGE),
        ("softlimit", 100, softlimit.USAGE),
        ("softlimit -z true", 100, "softlimit: illegal option -- z\n" + softlimit.USAGE),
        ("softlimit -c x true", 100, softlimit.USAGE),
        ("svc -z s", 100, "svc: illegal option -- z\n" + svc.USAGE),
    ],
)
def test_a_call_without_what_it_needs_is_answered_with_the_usage(
    command: str, code: int, message: str
) -> None:
    assert ended(command) == (code, "", message + "\n")


@pytest.mark.parametrize(("directory", "code"), [("s", 0), ("e", 100), ("d", 100)])
def test_svok_says_by_its_exit_code_whether_supervise_runs(
    folder: Path, directory: str, code: int
) -> None:
    (folder / "d/supervise").mkdir(parents=True)
    os.mkfifo(folder / "d/supervise/ok")  # which nobody has open
    assert ended(f"svok {directory}") == (code, "", "")


@pytest.mark.parametrize("words", ["", "abcd", "label 1234"])
def test_readproctitle_needs_a_screen_of_five_bytes(words: str) -> None:
    assert ended(f"readproctitle {words}") == (100, "", "")
    assert ended("readproctitle label 12345", text=b"text") == (0, "", "")
    assert ended("readproctitle 12345", text=b"text") == (0, "", "")


# program and arguments, the call that fails, after how many, exit code, message
FATAL: list[tuple[str, str, int, str]] = [
    ("svc -u s", "open_read", 0, "unable to open current directory"),
    ("svc -u s", "fchdir", 0, "unable to set directory"),
    ("svstat", "open_read", 0, "unable to open current directory"),
    ("svstat s", "fchdir", 0, "unable to set directory"),
    ("svok s", "chdir", 0, "unable to chdir to s"),
    ("svok s", "open_write", 0, "unable to open s/supervise/ok"),
    ("envdir e true", "open_read", 0, "unable to switch to current directory"),
    ("envdir e true", "chdir", 0, "unable to switch to directory e"),
    ("envdir e true", "fchdir", 0, "unable to switch to starting directory"),
    ("envdir e true", "scandir", 0, "unable to read directory e"),
    ("envdir e true", "open_read", 1, "unable to read e/NAME"),
    ("envdir e true", "read", 0, "unable to read e/NAME"),
    ("setuidgid root true", "setgroups", 0, "unable to setgid"),
    ("softlimit -c 0 true", "resource.getrlimit", 0, "getrlimit failed"),
    ("softlimit -c 0 true", "resource.setrlimit", 0, "setrlimit failed"),
    ("setlock lock true", "open_append", 0, "unable to open lock"),
    ("setlock lock true", "lock_exnb", 0, "unable to lock lock"),
    ("fghack true", "pipe", 0, "unable to create pipe"),
    ("fghack true", "fork", 0, "unable to fork"),
    ("fghack true", "waitpid", 0, "wait failed"),
    ("multilog =f", "open_read", 0, "unable to switch to current directory"),
    ("multilog =f", "pipe", 0, "unable to create pipe"),
    ("multilog =f", "open_append", 0, "unable to create f"),
    ("multilog =f", "open_write", 0, "unable to write f"),
]


@pytest.mark.parametrize(("command", "call", "after", "complaint"), FATAL)
def test_a_call_that_fails_is_fatal(command: str, call: str, after: int, complaint: str) -> None:
    program = command.partition(" ")[0]
    answer = ended(command, failing(program, call, after=after))
    assert answer == (111, "", f"{program}: fatal: {complaint}{REASON}")


@pytest.mark.parametrize("call", ["setgid", "setuid"])
def test_setuidgid_says_which_id_it_cannot_take(call: str) -> None:
    def change() -> None:
        vars(posix).update(dict.fromkeys(("setgroups", "setgid", "setuid"), saying("set")))
        vars(posix)[call] = failing_always(errno.EPERM)

    said = f"setuidgid: fatal: unable to {call}: permission denied\n"
    sets = "set [0]\n" + ("set 0\n" if call == "setuid" else "")
    assert ended("setuidgid root true", change) == (111, sets, said)


@pytest.mark.parametrize("call", ["open", "dup2", "pipe"])
def test_svscanboot_needs_its_descriptors(call: str) -> None:
    complaint = f"svscanboot: fatal: unable to set up descriptors{REASON}"
    said = "" if call == "pipe" else complaint  # the messages go to /dev/null by then
    assert ended("svscanboot s", lambda: setattr(os, call, failing_always(errno.EIO))) == (
        111,
        "",
        said,
    )


@pytest.mark.parametrize(
    ("call", "after", "error", "answer"),
    [
        ("chdir", 0, errno.EIO, "unable to chdir: input/output error"),
        ("stat", 0, errno.EIO, "unable to stat down: input/output error"),
        ("open_write", 0, errno.EIO, "unable to open supervise/ok: input/output error"),
        ("open_write", 0, errno.ENXIO, "supervise not running"),
        ("open_read", 1, errno.EIO, "unable to open supervise/status: input/output error"),
        ("open_read", 1, errno.ENXIO, "unable to open supervise/status: device not configured"),
        ("read", 0, errno.EIO, "unable to read supervise/status: input/output error"),
        ("read", 0, 0, "unable to read supervise/status: no error"),
    ],
)
def test_svstat_says_what_it_could_not_do(call: str, after: int, error: int, answer: str) -> None:
    change = failing("svstat", call, after=after, error=OSError(error, ""))
    code, out, err = ended("svstat s s", change)
    first, second = out.splitlines()
    assert (code, first, err) == (0, f"s: {answer}", "")
    assert second.startswith("s: down ")


@pytest.mark.parametrize(
    ("down", "size", "said"),
    [
        (True, 18, "down 4611686018427387904 seconds"),
        (False, 18, "down 4611686018427387904 seconds, normally up"),
        (False, 17, "unable to read supervise/status: bad format"),
    ],
)
def test_svstat_reads_two_files_and_closes_what_it_opens(
    folder: Path, size: int, said: str, *, down: bool
) -> None:
    def count() -> int:
        return sum(map(is_open, range(200)))

    def change() -> None:
        def write_all(lines: bytes) -> None:
            os.write(1, lines)
            saying(count() - before)()

        before = count()
        vars(svstat).update(_write_all=write_all)
        vars(time).update(time=lambda: -10)

    if not down:
        (folder / "s/down").unlink()
    (folder / "s/supervise/status").write_bytes(bytes(size))
    # The one more is the directory in which it was started.
    assert ended("svstat s s", change) == (0, f"s: {said}\n" * 2 + "1\n", "")


def test_svstat_ignores_that_nobody_reads() -> None:
    assert ended("svstat s", failing("svstat", "write")) == (0, "", "")


@pytest.mark.parametrize(
    ("call", "error", "warning"),
    [
        ("chdir", errno.EIO, "unable to chdir to s: input/output error"),
        ("open_write", errno.EIO, "unable to control s: input/output error"),
        ("open_write", errno.ENXIO, "unable to control s: supervise not running"),
        ("write", errno.EPIPE, "error writing commands to s: broken pipe"),
    ],
)
def test_svc_warns_and_goes_on(call: str, error: int, warning: str) -> None:
    change = failing("svc", call, error=OSError(error, ""))
    if call != "write":
        assert ended("svc -ud s s", change) == (0, "", f"svc: warning: {warning}\n")
        return

    def fail() -> None:  # the message is written, too
        real = posix.write
        posix.write = lambda fd, data: real(fd, data) if fd == 2 else change_call(fd, data)
        change_call = failing_always(error)

    assert ended("svc -ud s", fail) == (0, "", f"svc: warning: {warning}\n")


def test_svc_sends_each_letter_once(folder: Path) -> None:
    reader = os.open(folder / "s/supervise/control", os.O_RDONLY | os.O_NONBLOCK)
    assert ended("svc -udu s") == (0, "", "")
    assert os.read(reader, 9) == b"ud"
    os.close(reader)


def test_svc_survives_a_supervise_that_dies_before_it_writes(folder: Path) -> None:
    (folder / "d/supervise").mkdir(parents=True)
    os.mkfifo(folder / "d/supervise/control")

    def change() -> None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        reader = os.open("d/supervise/control", os.O_RDONLY | os.O_NONBLOCK)
        vars(posix)["set_blocking"] = lambda *_words: os.close(reader)

    said = "svc: warning: error writing commands to d: broken pipe\n"
    assert ended("svc -u d", change) == (0, "", said)


def test_svc_waits_until_the_fifo_has_room_for_its_letters() -> None:
    def change() -> None:
        vars(posix)["write"] = lambda fd, _letters: saying("blocking", os.get_blocking(fd))()

    assert ended("svc -u s", change) == (0, "blocking True\n", "")


def test_svc_leaves_no_descriptor_open() -> None:
    def change() -> None:
        def fchdir(fd: int) -> None:
            saying(len(open_descriptors()))()
            os.fchdir(fd)

        vars(posix)["fchdir"] = fchdir

    code, counts, err = ended("svc -u s s", change)
    assert (code, err) == (0, "")
    assert len({*counts.splitlines()}) == 1


@pytest.mark.parametrize(
    ("command", "call", "error", "answer"),
    [
        ("setlock -x lock true", "open_append", OSError(errno.EIO, ""), (0, "", "")),
        ("setlock -x lock true", "lock_exnb", OSError(errno.EIO, ""), (0, "", "")),
        ("setlock -nx lock true", "lock_exnb", BlockingIOError(11, ""), (0, "", "")),
        ("setlock -xX lock echo a", "lock_exnb", BlockingIOError(11, ""), (0, "a\n", "")),
        ("setlock -n lock true", "lock_exnb", BlockingIOError(errno.EAGAIN, ""), (
            111, "", "setlock: fatal: unable to lock lock: temporary failure\n")),
        ("pgrphack echo a", "setsid", None, (0, "a\n", "")),
        ("fghack echo a", "dup", None, (0, "a\n", "")),
        ("fghack echo a", "read", None, (0, "a\n", "")),
        ("envdir e true", "read", MemoryError(), (
            111, "", "envdir: fatal: unable to read e/NAME: out of memory\n")),
        ("softlimit -c 0 true", "resource.setrlimit", ValueError(), (
            111, "", "softlimit: fatal: setrlimit failed: permission denied\n")),
        ("tai64n", "read_block", None, (111, "", "")),
        ("tai64n", "write_all", None, (111, "", "")),
        ("tai64nlocal", "read_block", None, (111, "", "")),
        ("tai64nlocal", "write_all", None, (111, "", "")),
        ("readproctitle 12345", "read_block", None, (111, "", "")),
        ("multilog e", "read_block", None, (0, "", "")),
        ("multilog e", "write_all", None, (0, "", "")),
    ],
)  # fmt: skip
def test_a_call_that_fails_has_this_answer(
    command: str, call: str, error: Exception | None, answer: Ended
) -> None:
    change = failing(command.partition(" ")[0], call, error=error)
    assert ended(command, change, text=b"text\n") == answer


SETUIDGID = pytest.param(
    "setuidgid root", marks=pytest.mark.skipif(os.geteuid() != 0, reason="root")
)


@pytest.mark.parametrize(
    "command",
    [
        "envdir e", "envuidgid root", "fghack", "pgrphack", "setlock lock", "softlimit",
        SETUIDGID,
    ],
)  # fmt: skip
def test_a_chain_program_says_what_it_cannot_run(command: str) -> None:
    program = command.partition(" ")[0]
    said = f"{program}: fatal: unable to run ./nowhere: file does not exist\n"
    assert ended(f"{command} ./nowhere a") == (111, "", said)


@pytest.mark.parametrize(
    "command", ["envdir e", "envuidgid root", "pgrphack", "setlock lock", "softlimit -c 0"]
)
def test_a_chain_program_prepares_the_words_that_follow(command: str) -> None:
    def change() -> None:
        vars(chain)["prepare"] = saying("prepare")

    assert ended(f"{command} ./nowhere a", change)[1] == "prepare [b'./nowhere', b'a']\n"


@pytest.mark.parametrize(
    "command",
    [
        "envdir e", "envuidgid root", "fghack", "pgrphack", "setlock -N lock", "softlimit -c 0",
        SETUIDGID,
    ],
)  # fmt: skip
def test_a_chain_program_runs_the_words_that_follow(command: str) -> None:
    program = command.partition(" ")[0]

    def pathexec(words: list[bytes], *_block: object) -> OSError:
        saying(program, words)()
        return OSError(errno.ENOENT, "")

    change = lambda: vars(module_of(program)).update(pathexec=pathexec)  # noqa: E731
    assert ended(f"{command} echo a", change)[1] == f"{program} [b'echo', b'a']\n"


def test_setuidgid_prepares_nothing_for_the_new_user() -> None:
    def change() -> None:
        vars(chain)["execute_always"] = saying("always")
        for call in ("setgroups", "setgid", "setuid"):
            vars(posix)[call] = saying(call)
        vars(setuidgid)["pathexec"] = lambda _words: OSError(errno.ENOENT, "")

    said = "always\nsetgroups [0]\nsetgid 0\nsetuid 0\n"
    assert ended("setuidgid root true", change)[1] == said


@pytest.mark.parametrize(
    ("option", "limits"),
    [
        ("a", "AS"), ("c", "CORE"), ("d", "DATA"), ("f", "FSIZE"), ("l", "MEMLOCK"),
        ("m", "DATA STACK MEMLOCK AS"), ("o", "NOFILE"), ("p", "NPROC"), ("r", "RSS"),
        ("s", "STACK"), ("t", "CPU"),
    ],
)  # fmt: skip
def test_each_option_of_softlimit_sets_these_limits(option: str, limits: str) -> None:
    def change() -> None:
        vars(resource)["getrlimit"] = lambda _limit: (5000, 9000)
        vars(chain)["set_limit"] = saying()

    numbers = [getattr(resource, f"RLIMIT_{limit}") for limit in limits.split()]
    said = "".join(f"{number} (7000, 9000)\n" for number in numbers)
    assert ended(f"softlimit -{option} 7000 true", change)[:2] == (0, said)


def test_softlimit_gives_python_a_large_limit_in_the_form_that_it_takes() -> None:
    def change() -> None:
        def set_limit(*words: Any) -> None:
            if words[1][0] >= 1 << 63:
                raise OverflowError
            saying()(*words)

        vars(resource)["getrlimit"] = lambda _limit: (5000, -1)
        vars(chain)["set_limit"] = set_limit

    said = f"{resource.RLIMIT_CORE} (-1, -1)\n{resource.RLIMIT_CORE} (-2, -1)\n"
    assert ended(f"softlimit -c = -c {2**64 - 2} true", change)[1] == said


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("envdir e", 0), ("envuidgid root", 0), ("pgrphack", 0), ("softlimit -c 0", 0),
        ("setlock lock", 1), ("fghack", 31),
    ],
)  # fmt: skip
def test_a_chain_program_leaves_so_many_descriptors_to_the_next(command: str, more: int) -> None:
    def change() -> None:
        def pathexec(*_words: object) -> OSError:
            kept = {*open_descriptors()} - before
            saying(len(kept), sum(map(os.get_inheritable, kept)))()
            return OSError(errno.ENOENT, "")

        vars(module_of(command.partition(" ")[0]))["pathexec"] = pathexec
        before = {*open_descriptors()}

    # The second number is of those that exec leaves open; a chain in one process keeps all.
    assert ended(f"{command} true", change)[1] == f"{more} {more}\n"


@pytest.mark.parametrize(
    "command",
    ["fghack true", "multilog t ./log", "readproctitle a b 12345", "tai64n a b", "tai64nlocal a b"],
)
def test_a_program_that_stays_shows_its_arguments(command: str) -> None:
    program, *words = command.split()

    def change() -> None:
        vars(module_of(program))["set_title"] = saying("title")

    shown = [word.encode() for word in [program, *words]]
    if program == "readproctitle":
        shown[-1] = b"....."
    assert ended(command, change)[1] == f"title {shown}\n"


def test_setlock_shows_its_arguments_while_it_waits() -> None:
    def change() -> None:
        vars(setlock).update(
            lock_exnb=failing_always(errno.EAGAIN),
            lock_ex=lambda _fd: saying("lock")(),
            set_title=saying("title"),
        )

    shown = "title [b'setlock', b'-N', b'lock', b'echo', b'a']\nlock\na\n"
    assert ended("setlock -N lock echo a", change) == (0, shown, "")


@pytest.mark.parametrize("program", ["envuidgid", "setuidgid"])
def test_an_account_that_is_unknown(program: str) -> None:
    said = f"{program}: fatal: unknown account nosuch\n"
    assert ended(f"{program} nosuch true") == (111, "", said)


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ("exit 0", 0, ""),
        ("exit 7", 7, ""),
        ("kill -9 $$", 111, "fghack: fatal: child crashed\n"),
    ],
)
def test_fghack_ends_as_its_child_does(script: str, code: int, message: str) -> None:
    assert ended(["fghack", "sh", "-c", script]) == (code, "", message)


def test_fghack_waits_until_nobody_holds_the_pipe(folder: Path) -> None:
    script = "(exec >/dev/null 2>&1; sleep 0.3; touch done) & exit 3"
    assert ended(["fghack", "sh", "-c", script]) == (3, "", "")
    assert (folder / "done").exists()


def test_fghack_reads_until_the_end_whatever_is_written() -> None:
    reader, writer = os.pipe()
    read = vars(fghack)["_read_something"]
    os.write(writer, b"x" * 5000)
    assert [read(reader), read(reader)] == [b"x" * 4096, b"x" * 904]
    os.close(writer)
    assert read(reader) == b""
    os.close(reader)
    assert read(reader) == b""


def test_fghack_gives_its_child_thirty_one_writing_ends() -> None:
    count = "for f in /proc/self/fd/*; do readlink $f; done | grep -c '^pipe:'"
    before = ended(["pgrphack", "sh", "-c", count])[1]
    code, after, _ = ended(["fghack", "sh", "-c", count])
    assert (code, int(after) - int(before)) == (0, 31)


def test_each_program_is_imported_here_or_has_its_own_file() -> None:
    names = {module.__name__.rpartition(".")[2] for module in MODULES}
    folder = Path(str(module_of("svok").__file__)).parent
    assert names | {"supervise", "svscan"} == {file.stem for file in folder.glob("[!_]*.py")}


@pytest.mark.parametrize(
    ("size", "limit", "is_too_much"),
    [
        (0, 0, False),
        (1 << 20, 0, False),
        ((1 << 20) + 1, 0, True),
        (1 << 25, 1 << 26, False),
        ((1 << 25) + 1, 1 << 26, True),
        ((1 << 25) + 1, (1 << 26) + 1, True),
        ((1 << 25) + 1, (1 << 26) + 2, False),
        (1 << 32, 1 << 64, False),
        ((1 << 32) + 1, 1 << 64, True),
    ],
)
def test_envdir_takes_what_half_of_a_limit_holds(
    monkeypatch: pytest.MonkeyPatch, size: int, limit: int, *, is_too_much: bool
) -> None:
    monkeypatch.setattr(chain, "least_limit_on_memory", lambda: limit)
    assert vars(envdir)["_is_too_much"](size) == is_too_much


@pytest.mark.parametrize("most", [9, 10])
def test_envdir_counts_names_and_values_and_what_it_reads(folder: Path, most: int) -> None:
    (folder / "e/NAME").write_text("value")

    def change() -> None:
        vars(envdir)["_is_too_much"] = lambda size: size >= most

    code, out, err = ended("envdir e printenv NAME", change)
    said = "envdir: fatal: out of memory\n"
    assert (code, out, err) == ((111, "", said) if most == 9 else (0, "value\n", ""))


def test_envdir_counts_each_file_from_nothing(folder: Path) -> None:
    (folder / "e/NAME").write_text("value")

    def change() -> None:
        vars(envdir)["_is_too_much"] = saying("size")

    assert ended("envdir e true", change) == (0, "size 5\nsize 9\n", "")


def test_a_file_that_is_gone_when_envdir_opens_it_takes_its_variable_away() -> None:
    change = failing("envdir", "open_read", after=1, error=FileNotFoundError(errno.ENOENT, ""))
    assert ended("envdir e printenv NAME", change) == (1, "", "")


def test_envdir_reads_a_file_without_an_end_up_to_the_limit() -> None:
    def change() -> None:
        vars(chain)["least_limit_on_memory"] = lambda: 1 << 22
        vars(envdir)["open_read"] = lambda name: os.open(
            b"/dev/zero" if name == b"NAME" else name, os.O_RDONLY
        )

    said = "envdir: fatal: unable to read e/NAME: out of memory\n"
    assert ended("envdir e true", change) == (111, "", said)


def test_envuidgid_and_envdir_change_these_variables() -> None:
    root = "envuidgid root printenv GID UID"
    assert ended(root) == (0, "0\n0\n", "")
    assert ended("envdir e printenv NAME") == (0, "value\n", "")
    greatest = pwd.struct_passwd(("big", "x", -1, 2**32 - 1, "", "/", "/bin/sh"))
    change = lambda: vars(pwd).update(getpwnam=lambda _name: greatest)  # noqa: E731
    assert ended("envuidgid big printenv GID UID", change) == (0, "4294967295\n" * 2, "")


def test_readproctitle_moves_all_but_the_first_three_dots() -> None:
    def change() -> None:
        vars(readproctitle).update(
            set_title=saying("title"), open_room=lambda: "room", show=saying("show")
        )

    place = len("readproctitle a bc ") + 3
    title = "title [b'readproctitle', b'a', b'bc', b'........']\n"
    for text, shown in [(b"", b""), (b"x\0y", b"...xy"), (b"12345678", b"45678")]:
        lines = f"show room {place} {shown!r}\n" if text else ""
        assert ended("readproctitle a bc 12345678", change, text) == (0, title + lines, "")


def test_tai64n_and_tai64nlocal_convert_lines() -> None:
    label = "@4000000037c219bf2ef02e94"

    def change() -> None:
        vars(tai64n)["now"] = lambda: (0x37C219BF - 10, 787492500)

    assert ended("tai64n", change, b"a\nb") == (0, f"{label} a\n{label} b", "")
    os.environ["TZ"] = "UTC"

    def bytewise() -> None:
        change()
        vars(tai64n)["affordable"] = lambda *_sizes: 1

    assert ended("tai64n", bytewise, b"ab\nc\n") == (0, f"{label} ab\n{label} c\n", "")
    answer = ended("tai64nlocal", time.tzset, f"{label} a\n".encode())
    del os.environ["TZ"]
    assert answer == (0, "1999-08-24 04:04:05.787492500 a\n", "")


@pytest.mark.parametrize("program", ["tai64n", "tai64nlocal"])
def test_a_filter_ends_if_memory_is_refused_while_it_writes(program: str) -> None:
    change = failing(program, "write_all", error=MemoryError())
    assert ended(program, change, b"a\n") == (111, "", f"{program}: fatal: out of memory\n")


# multilog


def test_multilog_starts_processors_with_its_own_umask(folder: Path) -> None:
    before = os.umask(0o077)
    answer = ended(["multilog", "s4096", "!umask >&5", "./log"], text=b"x" * 5000)
    os.umask(before)
    assert answer == (0, "", "")
    assert (folder / "log/state").read_text() == "0022\n"


def test_multilog_without_input_writes_nothing(folder: Path) -> None:
    assert ended("multilog ./log") == (0, "", "")
    sizes = {file.name: file.stat().st_size for file in (folder / "log").iterdir()}
    assert sizes == {"current": 0, "lock": 0, "state": 0}


def test_multilog_hears_how_a_processor_ends_if_its_parent_ignored_children(folder: Path) -> None:
    def change() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    script = ["multilog", "s4096", "!cat", "./log"]
    assert ended(script, change, text=b"x" * 4096) == (0, "", "")
    [old] = (folder / "log").glob("@*.s")
    assert old.read_bytes() == b"x" * 4096


def is_open(fd: int) -> bool:
    """Does this process have a descriptor of this number?"""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def open_descriptors() -> list[int]:
    """The descriptors that this process has, of the lowest two hundred."""
    return [*filter(is_open, range(200))]


@pytest.mark.parametrize("start", [2, 3, 9])
def test_multilog_closes_the_directory_in_which_it_was_started(start: int) -> None:
    def change() -> None:
        os.dup2(os.open(".", os.O_RDONLY), start)

        def read(*_words: object) -> bytes:
            saying(is_open(start))()
            return b""

        vars(multilog).update(_open_start=lambda: start, read_block=read)

    # Descriptor 2 stays open: a new `current` could get its number, and the alerts.
    assert ended("multilog ./log", change, b"text\n") == (0, f"{start == 2}\n", "")


def test_multilog_ignores_pipe_once_it_has_started() -> None:
    def change() -> None:
        def read(*_words: object) -> bytes:
            saying(signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN)()
            return b""

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        vars(multilog).update(read_block=read)

    assert ended("multilog ./log", change, b"text\n") == (0, "True\n", "")


def test_a_processor_of_multilog_has_pipe_at_its_default(folder: Path) -> None:
    processor = "!sed -n 's/^SigIgn:.//p' /proc/self/status > ../ignored; cat"
    command = ["multilog", "s4096", processor, "./log"]
    assert ended(command, text=b"line\n" * 1000) == (0, "", "")
    assert int((folder / "ignored").read_text(), 16) >> (signal.SIGPIPE - 1) & 1 == 0


@pytest.mark.parametrize(
    ("owner", "call", "complaint"),
    [
        ("Selection", "end", "unable to go on"),
        ("Interrupts", "wait", "unable to wait for input"),
        ("posix", "lseek", "unable to move to beginning of f"),
        ("posix", "write", "unable to write f"),
    ],
)
def test_multilog_insists(folder: Path, owner: str, call: str, complaint: str) -> None:
    def change() -> None:
        place: Any = {"Selection": Selection, "Interrupts": Interrupts}.get(owner, posix)
        real, calls = getattr(place, call), itertools.count()

        def fails_once(*words: Any, **named: Any) -> object:
            if words[:1] != (2,) and next(calls) == 0:
                raise OSError(errno.EIO, "")
            return real(*words, **named)

        setattr(place, call, fails_once)
        for module in (logdir, multilog):
            vars(module)["pause"] = lambda _seconds: None

    said = f"multilog: warning: {complaint}, pausing: input/output error\n"
    assert ended("multilog =f", change, b"text\n") == (0, "", said)
    assert (folder / "f").read_bytes() == b"text".ljust(1001, b"\n")


def test_multilog_insists_on_a_status_file_that_is_whole(folder: Path) -> None:
    def change() -> None:
        real, calls = posix.write, itertools.count()

        def write(fd: int, data: bytes) -> int:
            if fd != 2 and next(calls) == 0:
                return real(fd, data[:-1])
            return real(fd, data)

        vars(posix)["write"] = write
        vars(logdir)["pause"] = lambda _seconds: None

    said = "multilog: warning: unable to write f, pausing: out of disk space\n"
    assert ended("multilog =f", change, b"text\n") == (0, "", said)
    assert (folder / "f").read_bytes() == b"text".ljust(1001, b"\n")


def test_multilog_says_that_it_waits_for_memory_to_read() -> None:
    def change() -> None:
        real = vars(multilog)["read_block"]

        def pausing(fd: int, count: int, pause: Callable[[], None]) -> bytes:
            pause()
            block: bytes = real(fd, count, pause)
            return block

        vars(multilog).update(read_block=pausing, pause=saying("pause"))

    code, out, err = ended("multilog =f", change, b"text")
    said = "multilog: warning: unable to read input, pausing: out of memory\n"
    assert (code, out, err) == (0, 2 * "pause 5\n", 2 * said)  # the text, and the end


def test_multilog_says_that_it_waits_for_memory_to_judge(folder: Path) -> None:
    def change() -> None:
        real, sizes = Selection.feed, [4, 2, 1]  # too large, too large, no room even for a byte

        def feed(selection: Selection, piece: bytes, label: bytes) -> object:
            if sizes:
                assert len(piece) == sizes.pop(0)
                raise MemoryError
            return real(selection, piece, label)

        vars(multilog)["pause"] = saying("pause")
        setattr(Selection, "feed", feed)  # noqa: B010

    said = "multilog: warning: unable to judge a line, pausing: out of memory\n"
    assert ended("multilog =f", change, b"text") == (0, "pause 5\n", said)
    assert (folder / "f").read_bytes() == b"text".ljust(1001, b"\n")
