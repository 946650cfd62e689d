"""svc: send commands to supervise.

    svc opts services...

Each option is a letter, and the letters are sent, each once and in the order
given, to the supervise of each directory:

    u up    d down     o once   x exit
    p pause c continue h hup    a alarm   i interrupt   t term   k kill

If svc cannot send to one directory, it prints a warning and goes on with the others;
the exit code is 0 even then. 100: an option is unknown; nothing was
sent. 111: svc cannot open the working directory, or cannot return to it.

The letters go in one write, so that the letters of two svc processes that run at the same
time never mix. The FIFO is opened without waiting: if it has no reader, no supervise is
running. The write then blocks while the FIFO is full.

Contract: conformance/spec/svc.md. Manual: http://cr.yp.to/daemontools/svc.html
"""

import _signal as signal  # `signal` takes 5 ms more (docs/explain/shape.md)
import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)

from daemontools.core.options import parse
from daemontools.unix.messages import die, warn
from daemontools.unix.opening import close, open_read, open_write

FATAL = "svc: fatal: "
WARNING = "svc: warning: "

LETTERS = b"udopchaitkx"
USAGE = (
    "svc options: u up, d down, o once, x exit, p pause, c continue, "
    "h hup, a alarm, i interrupt, t term, k kill"
)


def main(argv: list[bytes]) -> int:
    """Send the letters of the options to each directory among the operands."""
    # If a supervise dies between open and write, svc must warn and not be killed.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    # ARGUMENTS
    options, first, complaint = parse(argv, LETTERS)
    if complaint is not None:
        warn(complaint)
        die(100, USAGE)
    letters = b"".join(dict.fromkeys(letter for letter, _ in options))

    # RESOURCES
    try:
        origin = open_read(b".")
    except OSError as error:
        die(111, FATAL, "unable to open current directory: ", error)

    # LOOP
    for directory in argv[first:]:
        _send(letters, directory)
        try:
            os.fchdir(origin)
        except OSError as error:
            die(111, FATAL, "unable to set directory: ", error)
    return 0


def _send(letters: bytes, directory: bytes) -> None:
    """Write the letters to the directory's control FIFO. Changes the working directory to it."""
    try:
        os.chdir(directory)
    except OSError as error:
        warn(WARNING, "unable to chdir to ", directory, ": ", error)
        return
    try:
        control = open_write(b"supervise/control")
    except OSError as error:
        reason = "supervise not running" if error.errno == errno.ENXIO else error
        warn(WARNING, "unable to control ", directory, ": ", reason)
        return
    os.set_blocking(control, True)
    try:
        if letters:
            os.write(control, letters)
    except OSError as error:
        warn(WARNING, "error writing commands to ", directory, ": ", error)
    close(control)
