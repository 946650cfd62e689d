"""supervise: start a service, and start it again whenever it ends.

    supervise dir

It works in the directory, runs ./run, and waits: for the end of ./run, and for
commands, single letters that `svc` writes into a FIFO. What it does when is a
table, core/machine.py. What others see of it is the folder `supervise`:

    lock     held as long as this supervise lives; so there is never a second one
    control  a FIFO; each byte that arrives is a command
    status   18 bytes (core/status.py), always complete: replaced by rename
    ok       a FIFO; it has a reader as long as this supervise lives

svok and svstat open `ok` first, to see whether anybody is there. So `ok` is made
last, when there is a status to be read.

The invariant: this process is the only parent of ./run, and never loses it. No
process id is ever taken from a file, so no signal ever hits a stranger. Killing
supervise leaves ./run running, and nobody to start it again.

The end of a child is seen through a self-pipe (unix/selfpipe.py). 0.76 blocks
SIGCHLD except while it waits. Here it is never blocked and needs not be: its
handler does nothing but write a byte, and children are waited for after the
byte was read, so that one who ends in between is seen in the next round.

A loop of restarts shall not eat the machine: after each start comes a pause of
one second in which nothing else is done; commands wait in the FIFO.

svscan may call `supervise` in a forked process instead of executing this
program; then it goes on from that process's environment and descriptors.
Contract: conformance/spec/supervise.md. Manual: http://cr.yp.to/daemontools/supervise.html
"""

import _signal as signal  # `signal` takes 5 ms more (docs/explain/shape.md)
import os
import select

from daemontools.core import machine, status
from daemontools.unix.clock import now, pause
from daemontools.unix.lock import lock_exnb
from daemontools.unix.messages import die, warn
from daemontools.unix.opening import open_append, open_read, open_trunc, open_write
from daemontools.unix.selfpipe import drain, open_selfpipe
from daemontools.unix.title import set_title

FATAL = "supervise: fatal: "
WARNING = "supervise: warning: "

SIGNALS = {
    "TERM": signal.SIGTERM,
    "CONT": signal.SIGCONT,
    "STOP": signal.SIGSTOP,
    "HUP": signal.SIGHUP,
    "ALRM": signal.SIGALRM,
    "INT": signal.SIGINT,
    "KILL": signal.SIGKILL,
}

# STATE
_directory = b""  # as it was given, for messages; it is the working directory
_state = machine.initial(down=False)
_pid = 0  # of ./run; 0 exactly while _state says that it is not up
_stamp = (0, 0)  # when _pid last changed: Unix seconds, nanoseconds


def main(argv: list[bytes]) -> int:
    """Supervise the directory argv[1], until a command says `x`."""
    # ARGUMENTS
    if len(argv) != 2:
        die(100, "supervise: usage: supervise dir")
    return supervise(argv[1])


def supervise(directory: bytes) -> int:
    """Supervise `directory`. Returns 0 after `x`; any failure ends the process."""
    global _directory, _state
    _directory = directory
    set_title([b"supervise", directory])

    # RESOURCES
    try:
        children = open_selfpipe(signal.SIGCHLD)
    except OSError as error:
        die(111, FATAL, "unable to create pipe for ", directory, ": ", error)
    try:
        os.chdir(directory)
    except OSError as error:
        die(111, FATAL, "unable to chdir to ", directory, ": ", error)
    _state = machine.initial(down=_has_down_file())
    _acquire_lock()
    control = _make_control()
    _change_pid(0)
    _announce()
    _make_ok()

    # LOOP
    if machine.start_is_due(_state):
        _start()
    _announce()  # again: the first may have used up a left-over status.new, whose mode was another
    poller = select.poll()
    poller.register(children, select.POLLIN)
    poller.register(control, select.POLLIN)
    while not machine.is_over(_state):
        # A start that is due here has failed before: look, but do not wait.
        poller.poll(0 if machine.start_is_due(_state) else None)
        drain(children)
        if _run_has_ended():
            _change_pid(0)
            _take(machine.on_exit(_state))
        if not machine.is_over(_state):
            _take(machine.on_command(_state, _next_command(control)))
        if machine.start_is_due(_state):
            _start()

    # GOODBYE
    _announce()
    return 0


# The folder. Nothing here is ever closed: the descriptors are the evidence that
# this process lives, and the kernel takes them back when it does not.


def _has_down_file() -> bool:
    try:
        os.stat(b"down")
    except FileNotFoundError:
        return False
    except OSError as error:
        die(111, FATAL, "unable to stat ", _directory, "/down: ", error)
    return True


def _acquire_lock() -> None:
    try:
        os.mkdir(b"supervise", 0o700)
    except OSError:
        pass  # it is there already; if not, the lock will say so
    try:
        lock_exnb(open_append(b"supervise/lock"))
    except OSError as error:
        die(111, FATAL, "unable to acquire ", _directory, "/supervise/lock: ", error)


def _make_control() -> int:
    """The FIFO of commands, open for reading, and for writing too.

    Without a writer of our own, poll would report the end of input for ever
    after the first svc has gone.
    """
    _make_fifo(b"supervise/control")
    try:
        control = open_read(b"supervise/control")
    except OSError as error:
        die(111, FATAL, "unable to read ", _directory, "/supervise/control: ", error)
    try:
        open_write(b"supervise/control")
    except OSError as error:
        die(111, FATAL, "unable to write ", _directory, "/supervise/control: ", error)
    return control


def _make_ok() -> None:
    _make_fifo(b"supervise/ok")
    try:
        open_read(b"supervise/ok")
    except OSError as error:
        die(111, FATAL, "unable to read ", _directory, "/supervise/ok: ", error)


def _make_fifo(path: bytes) -> None:
    try:
        os.mkfifo(path, 0o600)
    except OSError:
        pass  # it is there already; if not, opening it will say so


# The status file


def _change_pid(pid: int) -> None:
    """The service's process is now `pid`, and the clock says since when."""
    global _pid, _stamp
    _pid = pid
    _stamp = now()


def _announce() -> None:
    """Replace the status file. What fails is reported, and the old one stays in place."""
    _up, want, paused, _exiting = _state
    name = (_directory, "/supervise/status.new")
    try:
        new = open_trunc(b"supervise/status.new")
    except OSError as error:
        warn(WARNING, "unable to open ", *name, ": ", error)
        return
    try:
        try:
            written = os.write(new, status.pack(_stamp, _pid, paused, want))
        finally:
            os.close(new)  # some file systems report here that there was no room
    except OSError as error:
        warn(WARNING, "unable to write ", *name, ": ", error)
        return
    if written < status.SIZE:
        warn(WARNING, "unable to write ", *name, ": partial write")
        return
    try:
        os.rename(b"supervise/status.new", b"supervise/status")
    except OSError as error:
        warn(WARNING, "unable to rename ", *name, " to status: ", error)


# What happens


def _take(decision: "tuple[machine.State, machine.Actions]") -> None:
    """Take the actions of a decision of the machine, in order."""
    global _state
    _state, actions = decision
    for action in actions:
        if action == machine.ANNOUNCE:
            _announce()
        elif action == machine.START:
            _start()
        else:
            _kill(SIGNALS[action])


def _kill(number: int) -> None:
    try:
        os.kill(_pid, number)
    except OSError:
        pass  # a setuid program, perhaps; nobody asked for an answer


def _start() -> None:
    """Start ./run, and then pause for a second.

    If there is no process to be had, wait a minute; the start stays due.
    """
    global _state
    try:
        pid = os.fork()
    except OSError as error:
        warn(WARNING, "unable to fork for ", _directory, ", sleeping 60 seconds: ", error)
        pause(60)
        return
    if pid == 0:
        _become_run()
    _change_pid(pid)
    _state = machine.on_start(_state)
    _announce()
    pause(1)


def _become_run() -> None:
    """In the child: execute ./run. All that is not close-on-exec, it inherits.

    exec resets SIGCHLD, which we catch, to its default, and we have unblocked it.
    """
    try:
        os.execv(b"./run", [b"./run"])
    except OSError as error:
        die(111, FATAL, "unable to start ", _directory, "/run: ", error)


def _run_has_ended() -> bool:
    """Wait for all children that have ended. Was ./run one of them?

    There may be others: exec keeps the children of whoever became supervise.
    """
    ended = False
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid == _pid:
            ended = True


def _next_command(control: int) -> bytes:
    """The next letter, empty if there is none."""
    try:
        return os.read(control, 1)
    except OSError:
        return b""
