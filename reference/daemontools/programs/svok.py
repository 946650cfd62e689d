"""svok: is supervise running in this directory?

    svok dir

Exit code 0: yes. 100: no. 111: svok could not find out. It prints nothing unless
something is wrong. Scripts use it before they send commands:

    svok /service/clock || exit 1

supervise keeps the FIFO `supervise/ok` open for reading as long as supervise
lives. Opening a FIFO for writing without waiting succeeds if the FIFO has a
reader, and gives "device not configured" (ENXIO) if it has none. So the answer
never depends on a process id in a file, and is right even after `kill -9`.

Contract: conformance/spec/svok.md. Manual: http://cr.yp.to/daemontools/svok.html
"""

import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.unix.messages import die
from daemontools.unix.opening import open_write

FATAL = "svok: fatal: "


def main(argv: list[bytes]) -> int:
    """Answer for the directory argv[1]; further arguments are ignored."""
    # ARGUMENTS
    if len(argv) < 2:
        die(100, "svok: usage: svok dir")
    directory = argv[1]

    # RESOURCES
    try:
        os.chdir(directory)
    except OSError as error:
        die(111, FATAL, "unable to chdir to ", directory, ": ", error)

    # THE QUESTION
    try:
        open_write("supervise/ok")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):
            return 100
        die(111, FATAL, "unable to open ", directory, "/supervise/ok: ", error)
    return 0
