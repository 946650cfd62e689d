"""setuidgid: run a program as another account.

    setuidgid account child

In most run scripts this is root's last step:

    exec setuidgid www httpd

The child gets the account's uid and gid, real, effective and saved, and that gid
as its only group. It gets no other supplementary groups, neither root's nor those that
the account has in the group file. The groups are set before the uid, because after it
the process may no longer change them.

Contract: conformance/spec/setuidgid.md. Manual: http://cr.yp.to/daemontools/setuidgid.html
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
import pwd

from daemontools.unix import chain, environment
from daemontools.unix.messages import die
from daemontools.unix.pathexec import pathexec

FATAL = "setuidgid: fatal: "


def main(argv: list[bytes]) -> int:
    """Take the ids of the account argv[1]; become argv[2] with the arguments argv[2:]."""
    # ARGUMENTS
    account, child = argv[1:2], argv[2:]
    if not child:
        die(100, "setuidgid: usage: setuidgid account child")

    # RESOURCES
    try:
        entry = pwd.getpwnam(environment.as_text(account[0]))
    except KeyError:
        die(111, FATAL, "unknown account ", account[0])

    # THE CHANGE
    chain.execute_always()  # what the new user may execute, the kernel decides
    try:
        os.setgroups([entry.pw_gid])
        os.setgid(entry.pw_gid)
    except OSError as error:
        die(111, FATAL, "unable to setgid: ", error)
    try:
        os.setuid(entry.pw_uid)
    except OSError as error:
        die(111, FATAL, "unable to setuid: ", error)

    # GOODBYE
    die(111, FATAL, "unable to run ", child[0], ": ", pathexec(child))
