"""pgrphack: run a program in a session and process group of its own.

    pgrphack child

Signals from a terminal go to a whole process group. So a daemon that is started by hand
under a pseudo-terminal, or that signals its own group, disturbs its
neighbours or is disturbed by them. This separates them:

    exec pgrphack httpd

setsid makes the process the leader of a new session and a new group, without a
terminal. A process that already leads a group cannot do that; then the child
runs in the old session and group.

Contract: conformance/spec/pgrphack.md. Manual: http://cr.yp.to/daemontools/pgrphack.html
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.unix import chain
from daemontools.unix.messages import die
from daemontools.unix.pathexec import pathexec

FATAL = "pgrphack: fatal: "


def main(argv: list[bytes]) -> int:
    """Start a session; become argv[1] with the arguments argv[1:]."""
    # ARGUMENTS
    child = argv[1:]
    if not child:
        die(100, "pgrphack: usage: pgrphack child")
    chain.prepare(child)

    # THE CHANGE
    try:
        os.setsid()
    except OSError:
        pass  # a leader already

    # GOODBYE
    die(111, FATAL, "unable to run ", child[0], ": ", pathexec(child))
