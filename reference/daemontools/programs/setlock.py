"""setlock: run a program while holding a lock.

    setlock [ -nNxX ] file program [ arg ... ]

For two jobs that must not overlap, whoever starts them:

    setlock -nx /run/backup.lock backup

Without -n, setlock waits until the lock is free; with -n, a lock that is held is
an error. If the file cannot be opened or locked, setlock reports that with exit code 111;
with -x, it exits 0 and says nothing, so that cron sends no mail because the last run is
still at work. N and X undo n and x.

The program inherits the descriptor, so the lock is held until the program, and every
process that inherits from it, has ended or closed it. setlock creates the file if
necessary, and never touches its content.

Contract: conformance/spec/setlock.md. Manual: http://cr.yp.to/daemontools/setlock.html
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
from posix import _exit

from daemontools.core import options
from daemontools.unix import chain
from daemontools.unix.lock import lock_ex, lock_exnb
from daemontools.unix.messages import die, warn
from daemontools.unix.opening import open_append
from daemontools.unix.pathexec import pathexec
from daemontools.unix.title import set_title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

FATAL = "setlock: fatal: "
USAGE = "setlock: usage: setlock [ -nNxX ] file program [ arg ... ]"


def main(argv: list[bytes]) -> int:
    """Lock the first operand; become the second with the arguments that follow."""
    # ARGUMENTS
    given, first, complaint = options.parse(argv, b"nNxX")
    if complaint is not None:
        warn(complaint)
        die(100, USAGE)
    letters = [letter for letter, _ in given]
    no_delay = _last(letters, b"nN") == b"n"
    silent = _last(letters, b"xX") == b"x"
    file, child = argv[first : first + 1], argv[first + 1 :]
    if not child:
        die(100, USAGE)
    chain.prepare(child)

    def give_up(*why: bytes | str | OSError) -> "NoReturn":
        if silent:
            _exit(0)
        die(111, FATAL, *why)

    # RESOURCES
    try:
        fd = open_append(file[0])
    except OSError as error:
        give_up("unable to open ", file[0], ": ", error)

    # THE CHANGE
    try:
        try:
            lock_exnb(fd)
        except BlockingIOError:
            if no_delay:
                raise
            set_title([b"setlock", *argv[1:]])  # it may wait for a long time
            lock_ex(fd)
    except OSError as error:
        give_up("unable to lock ", file[0], ": ", error)
    os.set_inheritable(fd, True)

    # GOODBYE
    die(111, FATAL, "unable to run ", child[0], ": ", pathexec(child))


def _last(letters: list[bytes], pair: bytes) -> bytes:
    """The last option that is one of the pair; empty if there is none."""
    return next((letter for letter in reversed(letters) if letter in pair), b"")
