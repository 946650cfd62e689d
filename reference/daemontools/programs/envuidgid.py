"""envuidgid: tell a program the ids of an account, in UID and GID.

    envuidgid account child

It is for a server that must begin as root, for example to open a low port, and then
changes to the account itself:

    exec envuidgid dns tinydns

envuidgid changes nothing but the two variables.

Contract: conformance/spec/envuidgid.md. Manual: http://cr.yp.to/daemontools/envuidgid.html
"""

import pwd

from daemontools.unix import chain, environment
from daemontools.unix.messages import die
from daemontools.unix.pathexec import pathexec

FATAL = "envuidgid: fatal: "


def main(argv: list[bytes]) -> int:
    """Set GID and UID to those of the account argv[1]; become argv[2] with argv[2:]."""
    # ARGUMENTS
    account, child = argv[1:2], argv[2:]
    if not child:
        die(100, "envuidgid: usage: envuidgid account child")
    chain.prepare(child)

    # RESOURCES
    try:
        entry = pwd.getpwnam(environment.as_text(account[0]))
    except KeyError:
        die(111, FATAL, "unknown account ", account[0])

    # THE CHANGE
    block = environment.merged([(b"GID", _decimal(entry.pw_gid)), (b"UID", _decimal(entry.pw_uid))])

    # GOODBYE
    die(111, FATAL, "unable to run ", child[0], ": ", pathexec(child, block))


def _decimal(number: int) -> bytes:
    """The id in decimal. It has 32 bits and no sign, but Python shows the greatest as -1."""
    return b"%d" % (number & 0xFFFFFFFF)
