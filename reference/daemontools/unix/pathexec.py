"""Run the next program: execve along PATH, by daemontools' rules.

A name with a slash is executed as it is. Any other name is tried in each
element of PATH (an empty element is the working directory; no PATH at all is
/bin:/usr/bin). "It is not here" goes on silently; "you may not" goes on and is
remembered, because a later element may hold the program and otherwise this is
the reason worth reporting; any other error ends the search. A script without a
first `#!` line is an error: no shell is ever called for it.
Clauses: exec/path/...
"""

import errno
import os

_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EISDIR)


def pathexec(argv: list[bytes]) -> OSError:
    """Execute argv[0] with the arguments `argv` and the environment of this process.

    Returns only when no program could be started, with the error to report.
    """
    if b"/" in argv[0]:
        return _attempt(argv[0], argv)

    remembered = OSError(errno.ENOENT, "")
    for directory in os.environb.get(b"PATH", b"/bin:/usr/bin").split(b":"):
        error = _attempt((directory or b".") + b"/" + argv[0], argv)
        if error.errno == errno.ENOENT:
            continue
        remembered = error
        if error.errno not in _NOT_ALLOWED:
            break
    return remembered


def _attempt(file: bytes, argv: list[bytes]) -> OSError:
    # Python refuses an empty argv[0] before it asks the kernel. A name that is
    # empty makes `file` end in a slash, so that the call cannot succeed: any
    # argument will do to get the kernel's answer.
    try:
        os.execv(file, argv if argv[0] else [b"-"])
    except OSError as error:
        return error
