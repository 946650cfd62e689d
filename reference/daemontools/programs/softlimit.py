"""softlimit: run a program with changed resource limits.

    softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes]
              [-l lockbytes] [-m membytes] [-o openfiles] [-p processes]
              [-r residentbytes] [-s stackbytes] [-t cpusecs] child

A service that leaks memory should die and be restarted, before it takes the machine
down with it:

    exec softlimit -m 30000000 setuidgid www httpd

Only the soft limits change: the program may raise them again, up to the hard
limits. "=" means the hard limit; a number above the hard limit means it, too.
The options act one after the other: a later one counts, and those
before a mistake have acted when the mistake is reported.

Contract: conformance/spec/softlimit.md. Manual: http://cr.yp.to/daemontools/softlimit.html
"""

import errno
import resource

from daemontools.core import options
from daemontools.core.limits import MODULUS, soft_limit
from daemontools.unix import chain
from daemontools.unix.messages import die, warn
from daemontools.unix.pathexec import pathexec

FATAL = "softlimit: fatal: "
USAGE = (
    "softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes]"
    " [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes]"
    " [-s stackbytes] [-t cpusecs] child"
)
LIMITS = {
    b"a": (resource.RLIMIT_AS,),
    b"c": (resource.RLIMIT_CORE,),
    b"d": (resource.RLIMIT_DATA,),
    b"f": (resource.RLIMIT_FSIZE,),
    b"l": (resource.RLIMIT_MEMLOCK,),
    b"m": (
        resource.RLIMIT_DATA,
        resource.RLIMIT_STACK,
        resource.RLIMIT_MEMLOCK,
        resource.RLIMIT_AS,
    ),
    b"o": (resource.RLIMIT_NOFILE,),
    b"p": (resource.RLIMIT_NPROC,),
    b"r": (resource.RLIMIT_RSS,),
    b"s": (resource.RLIMIT_STACK,),
    b"t": (resource.RLIMIT_CPU,),
}


def main(argv: list[bytes]) -> int:
    """Set the limits; become the first operand with the arguments that follow."""
    # ARGUMENTS
    given, first, complaint = options.parse(argv, b"a:c:d:f:l:m:o:p:r:s:t:")
    child = argv[first:] if complaint is None else []
    if child:
        chain.prepare(child)

    # THE CHANGE
    for letter, amount in given:
        for limit in LIMITS[letter]:
            _set(limit, amount)
    if complaint is not None:
        warn(complaint)
    if not child:
        die(100, USAGE)

    # GOODBYE
    die(111, FATAL, "unable to run ", child[0], ": ", pathexec(child))


def _set(limit: int, amount: bytes) -> None:
    """Set one soft limit; the hard limit stays."""
    try:
        hard = resource.getrlimit(limit)[1]
    except OSError as error:
        die(111, FATAL, "getrlimit failed: ", error)
    try:
        soft = soft_limit(amount, hard % MODULUS)
    except ValueError:
        die(100, USAGE)
    try:
        try:
            chain.set_limit(limit, (soft, hard))
        except OverflowError:  # CPython 3.13 and earlier: from 2^63 on its limits are negative
            chain.set_limit(limit, (soft - MODULUS, hard))
    except OSError as error:
        die(111, FATAL, "setrlimit failed: ", error)
    except ValueError:  # Python's form of EPERM: somebody has just lowered the hard limit
        die(111, FATAL, "setrlimit failed: ", OSError(errno.EPERM, ""))
