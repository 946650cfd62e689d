#!/usr/bin/env -S python3 -IS
"""supervise, program 3 of 4: publish the state in 18 bytes, and answer svok."""

import os
import select
import signal
import sys
import time

# What each letter changes: what is wanted (u: up, d: down, o: no restart), and the
# actions to take, in order. A signal is for a service that is up, a start for one that is down.
WANTS = {"u": "u", "d": "d", "o": "o"}
ACTIONS = {
    "u": "announce start",
    "d": "TERM CONT announce",
    "o": "announce start",
    "p": "announce STOP",
    "c": "announce CONT",
    "h": "HUP",
    "a": "ALRM",
    "i": "INT",
    "t": "TERM",
    "k": "KILL",
    "x": "announce",
}

pid = 0  # of ./run; 0 while it is down
want = "u"
exiting = False  # x came: leave as soon as ./run is down
paused = False  # p has stopped ./run
changed = 0  # when pid last changed, in nanoseconds since 1970


def main() -> None:
    """Supervise the directory that the command line names, until x comes."""
    global want
    if len(sys.argv) != 2:
        die(100, "usage: supervise dir")
    try:
        os.chdir(sys.argv[1])
    except OSError as error:
        die(111, f"fatal: unable to chdir to {sys.argv[1]}: {error.strerror}")
    children = open_selfpipe()
    if os.path.exists("down"):
        want = "d"
    control = make_control()
    note_pid(0)
    announce()
    make_ok()
    if want == "u":
        start()
    while pid or not exiting:
        select.select([children, control], [], [])
        drain(children)
        take_end()
        take_letter(control)
    announce()


def open_selfpipe() -> int:
    """Make the end of a child readable: on SIGCHLD, Python writes a byte into a pipe."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    return read_end


def drain(children: int) -> None:
    """Empty the self-pipe."""
    try:
        while os.read(children, 512):
            pass
    except BlockingIOError:
        pass


def make_control() -> int:
    """Open the FIFO for reading, and for writing too, so that it never ends."""
    make_folder()
    make_fifo("supervise/control")
    control = os.open("supervise/control", os.O_RDONLY | os.O_NONBLOCK)
    os.open("supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    return control


def make_ok() -> None:
    """Open the FIFO that svok asks for: last, when there is a status to read."""
    make_fifo("supervise/ok")
    os.open("supervise/ok", os.O_RDONLY | os.O_NONBLOCK)


def note_pid(new: int) -> None:
    """Set the process id of ./run, and the time of the change."""
    global pid, changed, paused
    pid, changed, paused = new, time.time_ns(), False


def announce() -> None:
    """Replace the status file in one step: write another file, and rename it."""
    seconds, nanoseconds = divmod(changed, 10**9)
    status = (2**62 + 10 + seconds).to_bytes(8, "big") + nanoseconds.to_bytes(4, "big")
    status += pid.to_bytes(4, "little") + bytes([paused])
    status += want.replace("o", "\0").encode()
    file = os.open("supervise/status.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(file, status)
    os.close(file)
    os.rename("supervise/status.new", "supervise/status")


def make_folder() -> None:
    """Make the folder unless it exists."""
    try:
        os.mkdir("supervise", 0o700)
    except FileExistsError:
        pass


def make_fifo(path: str) -> None:
    """Make a FIFO unless it exists."""
    try:
        os.mkfifo(path, 0o600)
    except FileExistsError:
        pass


def take_end() -> None:
    """If ./run has ended, start it again if it is wanted up."""
    if pid and os.waitpid(pid, os.WNOHANG) != (0, 0):
        note_pid(0)
        announce()
        if want == "u" and not exiting:
            start()


def take_letter(control: int) -> None:
    """Obey the next letter, if there is one; none when all is over."""
    global want, exiting, paused
    if exiting and not pid:
        return
    try:
        letter = os.read(control, 1).decode("latin-1")
    except BlockingIOError:
        return
    want = WANTS.get(letter, want)
    if letter == "x":
        exiting = True
    if letter in ("p", "c", "d"):
        paused = letter == "p" and pid != 0
    for action in ACTIONS.get(letter, "").split():
        if action == "announce":
            announce()
        elif action == "start":
            if not pid:
                start()
        elif pid:
            os.kill(pid, signal.Signals[f"SIG{action}"])


def start() -> None:
    """Start ./run in a child, and pause for a second."""
    child = os.fork()
    if child == 0:
        try:
            os.execv("./run", ["./run"])
        except OSError as error:
            die(111, f"fatal: unable to start {sys.argv[1]}/run: {error.strerror}")
    note_pid(child)
    announce()
    time.sleep(1)


def die(code: int, message: str) -> None:
    """Say why, and exit at once."""
    os.write(2, f"supervise: {message}\n".encode())
    os._exit(code)


main()
