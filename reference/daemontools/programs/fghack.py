"""fghack: wait for a daemon that puts itself into the background.

    fghack child

supervise watches the process that it started. A daemon that forks and lets its
parent exit seems to end at once, and would be started again and again. fghack
stays until the daemon has really ended, so that supervise has something to watch:

    exec fghack /usr/sbin/olddaemon

fghack gives the child the writing end of a pipe, under many descriptor numbers because
daemons close the low ones. Every descendant that does not close them all keeps the
pipe open; when the last one has ended, reading the pipe gives end of file. What they
write there by accident is thrown away. fghack then exits with the code of the child
that it started itself; a daemon in the background gave that long ago. It passes
no signals on: `svc -t` reaches fghack, not the daemon.

Contract: conformance/spec/fghack.md. Manual: http://cr.yp.to/daemontools/fghack.html
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.unix.messages import die
from daemontools.unix.pathexec import pathexec
from daemontools.unix.title import set_title

FATAL = "fghack: fatal: "

COPIES = 30  # of the pipe's writing end, besides the one that pipe() gave


def main(argv: list[bytes]) -> int:
    """Run argv[1] and wait until nobody holds the pipe any more; its exit code, or 111."""
    # ARGUMENTS
    child = argv[1:]
    if not child:
        die(100, "fghack: usage: fghack child")

    # RESOURCES
    try:
        reading, writing = os.pipe()
    except OSError as error:
        die(111, FATAL, "unable to create pipe: ", error)

    # THE CHILD
    try:
        pid = os.fork()
    except OSError as error:
        die(111, FATAL, "unable to fork: ", error)
    if pid == 0:
        os.close(reading)
        _hold_open(writing)
        die(111, FATAL, "unable to run ", child[0], ": ", pathexec(child))
    os.close(writing)
    set_title([b"fghack", *child])

    # LOOP
    while _read_something(reading):
        pass

    # GOODBYE
    try:
        _, status = os.waitpid(pid, 0)
    except OSError as error:
        die(111, FATAL, "wait failed: ", error)
    if os.WIFSIGNALED(status):
        die(111, FATAL, "child crashed")
    return os.waitstatus_to_exitcode(status)


def _hold_open(writing: int) -> None:
    """Let the next program inherit the descriptor and its copies."""
    os.set_inheritable(writing, True)
    for _ in range(COPIES):
        try:
            os.set_inheritable(os.dup(writing), True)  # os.dup closes on exec
        except OSError:
            return  # the limit on descriptors is reached: fewer copies must do


def _read_something(reading: int) -> bytes:
    """Some bytes; empty at the end of file, or if reading fails."""
    try:
        return os.read(reading, 4096)
    except OSError:
        return b""
