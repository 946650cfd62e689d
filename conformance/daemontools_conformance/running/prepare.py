"""Change the state of a new process, then execute a program in it.

The options, each with its value:

    --block SIG        block a signal (TERM, or a number)
    --ignore SIG       ignore a signal
    --default SIG      reset a signal to its default
    --close FD         close a descriptor
    --open FD          open /dev/null as this descriptor, inheritable
    --umask OCTAL      set the umask
    --nice N           raise the nice value
    --limit NAME=N     set a soft limit: AS, CORE, CPU, DATA, FSIZE, NOFILE, NPROC, STACK ...
    --hard-limit NAME=N  set the soft and the hard limit
    --groups GID,GID   take these supplementary groups
    --user UID:GID     become this user with this one group (last)
    --environ-entry S  add S to the block as it is (duplicates and entries without "=" too)
    --empty-environ    start with an empty block

The program gets exactly the environment block that is given here, with those changes.

There are two ways. `execute` works in a fork of the suite, and a fork copies the suite's memory
map. A run of many tests compiles fixtures/prepare.c where there is a C compiler: with that
program a start takes a quarter of the time. (An interpreter takes longer than either.)
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Never

from daemontools_conformance.contract.places import folder
from daemontools_conformance.running.witness import unwatched

_LIBC = ctypes.CDLL(None, use_errno=True)  # load it before limits and descriptors prevent that
_MOST_DESCRIPTORS = 4096
_ABOVE = 64  # the descriptors that options close and open
_PATIENCE = 60.0  # seconds
program: str | None = None  # the compiled one


def _number(name: str) -> int:
    return int(name) if name.isdigit() else int(getattr(signal, f"SIG{name}"))


def _open(fd: int) -> None:
    os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    os.set_inheritable(fd, True)  # noqa: FBT003 - the open may have got this number


def _resource(name: str) -> int:
    return int(getattr(resource, f"RLIMIT_{name}"))


def _limit(text: str, *, hard: bool) -> None:
    name, _, amount = text.partition("=")
    which = _resource(name)
    resource.setrlimit(which, (int(amount), int(amount) if hard else resource.getrlimit(which)[1]))


def _become(text: str) -> None:
    uid, _, gid = text.partition(":")
    os.setgroups([int(gid)])
    os.setgid(int(gid))
    os.setuid(int(uid))


# option -> what it does with its value
CHANGES: dict[str, Callable[[str], object]] = {
    "--block": lambda name: signal.pthread_sigmask(signal.SIG_BLOCK, [_number(name)]),
    "--ignore": lambda name: signal.signal(_number(name), signal.SIG_IGN),
    "--default": lambda name: signal.signal(_number(name), signal.SIG_DFL),
    "--close": lambda fd: os.close(int(fd)),
    "--open": lambda fd: _open(int(fd)),
    "--umask": lambda octal: os.umask(int(octal, 8)),
    "--groups": lambda ids: os.setgroups([int(word) for word in ids.split(",")]),
    "--nice": lambda by: os.nice(int(by)),
    "--limit": lambda text: _limit(text, hard=False),
    "--hard-limit": lambda text: _limit(text, hard=True),
    "--user": _become,
}


def execute(
    file: bytes, argv: Sequence[bytes], block: Sequence[bytes], options: Sequence[str], ready: int
) -> Never:
    """Apply the options in order to this process, and execute the program in it. Raises OSError.

    The descriptor `ready`, unless it is -1, gets the number if the program cannot be executed.
    The system call is made directly: os.execve refuses blocks that the kernel accepts. What
    needs memory comes first, since a limit may leave none.
    """
    changes, entries = read(options, block)
    arguments = (ctypes.c_char_p * (len(argv) + 1))(*argv, None)
    environment = (ctypes.c_char_p * (len(entries) + 1))(*entries, None)
    for change, value in changes:
        change(value)
    _LIBC.execve(file, arguments, environment)
    code = ctypes.get_errno()
    if ready >= 0:
        os.write(ready, bytes([code]))
    raise OSError(code, f"unable to run: {os.strerror(code)}", os.fsdecode(file))


def read(
    options: Sequence[str], block: Sequence[bytes]
) -> tuple[list[tuple[Callable[[str], object], str]], list[bytes]]:
    """The changes with their values, and the changed environment block. Raises KeyError."""
    changes, entries = [], list(block)
    words = iter(options)
    for option in words:
        if option == "--empty-environ":
            entries = []
        elif option == "--environ-entry":
            entries.append(os.fsencode(next(words)))
        else:
            changes.append((CHANGES[option], next(words)))
    return changes, entries


def close_all_but(kept: Collection[int]) -> None:
    """Let exec close each descriptor but the first three and those kept."""
    for fd in _may_be_open() - {0, 1, 2, *kept}:
        with contextlib.suppress(OSError):  # the descriptor of the list itself: closed
            os.set_inheritable(fd, False)  # noqa: FBT003


def _may_be_open() -> set[int]:
    """The descriptors of this process, or, where no folder lists them, more than it has.

    FreeBSD's folder has the first three only, unless a file system is mounted there. A list
    that is whole has the descriptor that it is read through, too.
    """
    try:
        listed = {*map(int, os.listdir("/dev/fd"))}
    except OSError:
        listed = set()
    return listed if listed - {0, 1, 2} else {*range(_MOST_DESCRIPTORS)}


# The compiled program


def compile_in(place: Path) -> None:
    """Make the compiled program, for this process and its forks, unless that fails."""
    global program
    made = str(place / "prepare")
    steps: list[tuple[list[str], int]] = [
        (["cc", "-O", "-o", made, str(folder("fixtures") / "prepare.c")], 0),
        ([made, "2", "/bin/sh", "--close", "0", "--", "sh", "-c", "exit 7"], 7),  # does it work?
    ]
    for argv, expected in steps:
        try:
            ended = subprocess.run(argv, capture_output=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return
        if ended.returncode != expected:
            return
    program = made


def command(ready: int, file: bytes, argv: Sequence[bytes], options: Sequence[str]) -> list[bytes]:
    """The arguments of the compiled program, which wants numbers. Raises KeyError."""
    words = [b"prepare", b"%d" % ready, file]
    given = iter(options)
    for option in given:
        value = "" if option == "--empty-environ" else next(given)
        if option in ("--block", "--ignore", "--default"):
            value = str(_number(value))
        elif option in ("--limit", "--hard-limit"):
            name, _, amount = value.partition("=")
            value = f"{_resource(name)}={amount}"
        words += [os.fsencode(option), os.fsencode(value)]
    return [*words, b"--", *argv]


@contextlib.contextmanager
def until_executed() -> Iterator[tuple[int, bytearray]]:
    """A descriptor for a prepared process, and, in the end, the error number if exec fails."""
    with unwatched():
        reader, low = os.pipe()
        ready = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
        os.close(low)
    error = bytearray()
    try:
        yield ready, error
    finally:
        with unwatched():
            os.close(ready)
            error += os.read(reader, 1)
            os.close(reader)
