"""The lowest limit under which a program starts, and what it does with input above that."""

import errno
import fcntl
import os
import resource
import struct
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.sandbox import Argument, Sandbox

F_SETPIPE_SZ = 1031
MOST = {"AS": 256 << 20, "DATA": 256 << 20, "NOFILE": 64, "STACK": 8 << 20}

# Lines that take a program much more memory than their length, and ordinary lines.
LINES = {
    "empty": b"\n" * 65536,
    "two-bytes": b"ab\n" * 21845,
    "labels": b"@4\n" * 21845,
    "long": b"y" * 65535 + b"\n",
    "usual": (b"x" * 79 + b"\n") * 819,
}


def prlimit(pid: int, which: int, limits: tuple[int, int] | None = None) -> tuple[int, int]:
    """The soft and the hard limit of another process, after setting them if any are given.

    Raises Unavailable on a system that lets nobody do that.
    """
    call = getattr(resource, "prlimit", None)
    try:
        if call:
            return call(pid, which) if limits is None else call(pid, which, limits)  # type: ignore[no-any-return]
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    raise Unavailable("needs Linux's prlimit")


def run_under(
    sandbox: Sandbox, program: str, script: Sequence[Argument], limit: str, text: bytes
) -> tuple[Finished, int]:
    """Run it under the limit `NAME=N` on text in a pipe: how it ended, and the bytes left."""
    reader, writer = os.pipe()
    _fill(writer, text)
    os.close(writer)
    with open(os.devnull, "wb") as null:  # an interpreter that cannot start may show a traceback
        running = sandbox.start(
            program, *script, stdin=reader, stderr=null, prepare=["--hard-limit", limit]
        )
    ended = running.wait(within=60, crash_is_an_answer=True)
    left = bytes_in(reader)
    os.close(reader)
    return ended, left


def _fill(pipe: int, text: bytes) -> None:
    """Write the text into a pipe that nobody reads yet. Raises Unavailable if it does not fit."""
    with suppress(Unavailable):
        make_large(pipe)
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        if not text or os.write(pipe, text) == len(text):
            return
    raise Unavailable("needs a pipe of 64 KB")


def make_large(pipe: int) -> None:
    """Let a pipe hold a megabyte. Raises Unavailable on a system whose pipes have one size."""
    try:
        fcntl.fcntl(pipe, F_SETPIPE_SZ, 1 << 20)
    except OSError as error:
        raise Unavailable("needs a pipe of a megabyte") from error


def bytes_in(pipe: int) -> int:
    """The number of unread bytes in a pipe."""
    count: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    return count


def least(sandbox: Sandbox, program: str, script: Sequence[Argument], name: str, step: int) -> int:
    """The lowest limit, to within `step`, under which the program exits 0 on empty input."""

    def starts(amount: int) -> bool:
        return run_under(sandbox, program, script, f"{name}={amount}", b"")[0].code == 0

    low, high = 0, MOST[name]
    while high - low > step:
        middle = (low + high) // 2
        low, high = (low, middle) if starts(middle) else (middle, high)
    return high


def check_all_or_nothing(
    sandbox: Sandbox,
    program: str,
    script: Sequence[Argument],
    limit: str,
    text: bytes,
    kept: Callable[[Finished], bool],
) -> None:
    """Check that the program either does not start and reads nothing, or keeps every line."""
    ended, left = run_under(sandbox, program, script, limit, text)
    if ended.code == 0:
        assert left == 0, f"{limit}: it ends well and has not read {left} bytes"
        assert kept(ended), f"{limit}: lines are lost"
    else:
        assert left == len(text), f"{limit}: exit code {ended.code} after reading"
