"""svstat: print the status of services.

    svstat services...

    $ svstat /service/clock
    /service/clock: up (pid 4711) 86 seconds

svstat prints one line for each directory. If it cannot find out, it prints the reason in
place of the status, also on standard output, and still exits 0: the line is meant for
people. (Scripts have svok.) 111: svstat cannot open the working directory, or cannot
return to it.

The status file outlives a supervise that was killed. So svstat first asks the FIFO
`supervise/ok` whether supervise runs; see svok.

Contract: conformance/spec/svstat.md. Manual: http://cr.yp.to/daemontools/svstat.html
"""

import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
import time

from daemontools.core import status
from daemontools.unix.messages import die, error_text
from daemontools.unix.opening import close, open_read, open_write

FATAL = "svstat: fatal: "


def main(argv: list[bytes]) -> int:
    """Print a line for each directory argv[1], argv[2], ..."""
    # RESOURCES
    try:
        origin = open_read(b".")
    except OSError as error:
        die(111, FATAL, "unable to open current directory: ", error)

    # LOOP
    lines = bytearray()
    for directory in argv[1:]:
        lines += directory + b": " + _answer(directory).encode() + b"\n"
        try:
            os.fchdir(origin)
        except OSError as error:
            die(111, FATAL, "unable to set directory: ", error)

    # GOODBYE
    _write_all(lines)
    return 0


def _answer(directory: bytes) -> str:
    """The status of a directory, or the reason why there is none. Changes to that directory."""
    doing = "unable to chdir"
    try:
        os.chdir(directory)
        doing = "unable to stat down"
        normally_up = not _exists(b"down")
        doing = "unable to open supervise/ok"
        close(open_write(b"supervise/ok"))
        doing = "unable to open supervise/status"
        file = open_read(b"supervise/status")
        doing = "unable to read supervise/status"
        try:
            content = os.read(file, status.SIZE)
        finally:
            close(file)
    except OSError as error:
        if error.errno == errno.ENXIO and doing == "unable to open supervise/ok":
            return "supervise not running"
        return f"{doing}: {error_text(error.errno or 0)}"
    if len(content) < status.SIZE:
        return "unable to read supervise/status: bad format"
    return describe(content, int(time.time()), normally_up=normally_up)


def describe(content: bytes, now: int, *, normally_up: bool) -> str:
    """The 18 bytes in words; `now` is Unix time in seconds."""
    second, pid, paused, want = status.unpack(content)
    words = f"up (pid {pid}) " if pid else "down "
    words += f"{status.age(second, now)} seconds"
    if pid and not normally_up:
        words += ", normally down"
    if not pid and normally_up:
        words += ", normally up"
    if pid and paused:
        words += ", paused"
    if not pid and want == b"u":
        words += ", want up"
    if pid and want == b"d":
        words += ", want down"
    return words


def _exists(path: bytes) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


def _write_all(text: bytearray) -> None:
    """Write to standard output; an error there changes nothing."""
    try:
        while text:
            text = text[os.write(1, text) :]
    except OSError:
        pass
