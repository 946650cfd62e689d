"""supervise: start a service, and start it again whenever it ends.

    supervise dir

supervise works in the directory and runs ./run. It waits for the end of ./run, and for
commands: single letters that `svc` writes into a FIFO. The table in core/machine.py says
what it does when. What others see of it is the folder `supervise`:

    lock     held as long as this supervise lives, so that there is never a second one
    control  a FIFO; a letter that arrives is a command
    status   18 bytes (core/status.py), always complete: replaced by rename
    ok       a FIFO; it has a reader as long as this supervise lives

svok and svstat open `ok` first, to see whether anybody is there. So `ok` is made
last, when there is a status to read.

This process is the parent of ./run, and must never lose it. It never takes a process id
from a file, so no signal ever hits a stranger. If supervise dies, a ./run that is not paused goes
on without a supervisor, unless supervise was process 1 or led a terminal's session; svscan
starts a new supervise, which does not know that ./run and, without a file `down`, starts a
second one. So supervise does not start ./run before it has all that it needs. After that no
error, not even lack of memory, ends supervise: it warns and goes on.

A self-pipe (unix/selfpipe.py) tells supervise when a child has ended. After each start
supervise pauses for one second and does nothing else; commands wait in the FIFO.

Instead of executing this program, svscan may call `main` in a process that it has forked
(unix/chain.py). ./run then inherits the environment and the descriptors of that process.
Contract: conformance/spec/supervise.md. Manual: http://cr.yp.to/daemontools/supervise.html
"""

from _signal import SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM
from posix import chdir, close, execv, kill, mkdir, mkfifo, read, readlink, rename, stat, write
from select import POLLIN, poll

from daemontools.core.machine import (
    ANNOUNCE,
    START,
    initial,
    is_over,
    on_command,
    on_exit,
    on_start,
    start_is_due,
)
from daemontools.core.status import SIZE, pack
from daemontools.unix.clock import now, pause
from daemontools.unix.forking import ended_child, fork, let_go
from daemontools.unix.lock import lock_exnb
from daemontools.unix.messages import die, warn
from daemontools.unix.opening import open_append, open_read, open_trunc, open_write
from daemontools.unix.selfpipe import drain, open_selfpipe
from daemontools.unix.start import die_of_writing, survive_writing
from daemontools.unix.title import set_title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from daemontools.core.machine import Actions, State

    T = TypeVar("T")

FATAL = "supervise: fatal: "
WARNING = "supervise: warning: "

SIGNALS = {
    "TERM": SIGTERM,
    "CONT": SIGCONT,
    "STOP": SIGSTOP,
    "HUP": SIGHUP,
    "ALRM": SIGALRM,
    "INT": SIGINT,
    "KILL": SIGKILL,
}

# How long a round waits for news, in milliseconds: 1000 seconds, as in 0.76, or one second
# if the last round may have missed something.
LONGEST_WAIT, SHORT_WAIT = 1_000_000, 1_000

# STATE
_directory = b""  # as the caller named it, for messages; it is the working directory
_state = initial(down=False)
_pid = 0  # of ./run; 0 if and only if _state says that it is not up
_stamp = (0, 0)  # when _pid last changed: seconds since 1970, nanoseconds
_letter = b""  # a command that has been read and not been obeyed


def main(argv: list[bytes]) -> int:
    """Supervise the directory argv[1] until the command `x` arrives and ./run is down."""
    global _directory, _state
    # ARGUMENTS
    if len(argv) != 2:
        die(100, "supervise: usage: supervise dir")
    _directory = directory = argv[1]
    set_title([b"supervise", directory])

    # RESOURCES
    try:
        children = open_selfpipe(SIGCHLD)
    except OSError as error:
        die(111, FATAL, "unable to create pipe for ", directory, ": ", error)
    _enter(directory)
    _state = initial(down=_has_down_file())
    _make_folder()
    _acquire_lock()
    control = _make_control()
    survive_writing()
    _change_pid(0, _state)
    _announce()
    _make_ok()
    poller = poll()
    poller.register(children, POLLIN)
    poller.register(control, POLLIN)

    # LOOP
    try:
        _tried("start", _start_if_due)
        _announce()  # again: the first may have renamed an old status.new with a wrong mode
    except MemoryError:
        pass  # not even enough to say so
    _serve(poller, children, control)

    # GOODBYE
    _announce()
    return 0


def _serve(poller: "poll", children: int, control: int) -> None:
    """Go round until all is over, whatever goes wrong on the way."""
    wait = LONGEST_WAIT
    while not is_over(_state):
        try:
            try:
                wait = _round(poller, children, control, wait)
            except Exception as error:  # not from a step, so this is lack of memory between steps
                warn(WARNING, "unable to supervise ", _directory, ": ", error)
                pause(1)
        except MemoryError:
            pass  # not even enough to say so


def _round(poller: "poll", children: int, control: int, wait: int) -> int:
    """Wait for news, act on it, and return how long the next round may wait (milliseconds).

    Any step may fail, once or for ever; the others are taken all the same. If poll reports
    news but no step finds any, the next poll would return at once too: hence the pause.
    """
    # If a start is still due, it has failed before: do not wait, try again.
    woken = _tried("poll", poller.poll, 0 if start_is_due(_state) else wait)
    steps = (
        _tried("read self-pipe", drain, children),
        _tried("wait", _take_ends),
        _tried("read commands", _take_command, control),
        _tried("start", _start_if_due),
    )
    if woken != [] and not any(steps):
        pause(1)
    return SHORT_WAIT if woken is None or None in steps else LONGEST_WAIT


def _tried(what: str, step: "Callable[..., T]", *arguments: object) -> "T | None":
    """Call `step` and return its result. If it fails: warn, and return None."""
    try:
        return step(*arguments)
    except Exception as error:
        warn(WARNING, "unable to ", what, " for ", _directory, ": ", error)
        return None


# The folder. Nothing here is ever closed: the open descriptors show that this
# process lives, and the kernel closes them when it dies.


def _enter(directory: bytes) -> None:
    try:
        chdir(directory)
    except OSError as error:
        die(111, FATAL, "unable to chdir to ", directory, ": ", error)


def _has_down_file() -> bool:
    try:
        stat(b"down")
    except FileNotFoundError:
        return False
    except OSError as error:
        die(111, FATAL, "unable to stat ", _directory, "/down: ", error)
    return True


def _make_folder() -> None:
    """Make the folder; or, if its name is a link, make the link's target, but nothing above it.

    Debian has such links for services on a file system that is read-only, or empty after boot.
    """
    try:
        mkdir(b"supervise", 0o700)
    except OSError:
        try:
            mkdir(readlink(b"supervise"), 0o700)
        except OSError:
            pass  # it exists already; if not, _acquire_lock reports it


def _acquire_lock() -> None:
    try:
        lock_exnb(open_append(b"supervise/lock"))
    except OSError as error:
        die(111, FATAL, "unable to acquire ", _directory, "/supervise/lock: ", error)


def _make_control() -> int:
    """Open the FIFO of commands for reading, and for writing too.

    Without a writer in this process, poll would report the end of input for ever
    after the first svc has ended.
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
        mkfifo(path, 0o600)
    except OSError:
        pass  # it exists already; if not, the caller's open reports it


# The status file


def _change_pid(pid: int, state: "State") -> None:
    """Set _pid and _state, which must change together, and _stamp, the time of the change."""
    global _pid, _state, _stamp
    _pid, _state = pid, state  # takes no memory, so that the two always agree
    _stamp = _tried("read the clock", now) or _stamp


def _announce() -> None:
    """Replace the status file. If that fails: warn, and leave the old one in place."""
    _up, want, paused, _exiting = _state
    name = (_directory, "/supervise/status.new")
    try:
        new = open_trunc(b"supervise/status.new")
    except (OSError, MemoryError) as error:
        warn(WARNING, "unable to open ", *name, ": ", error)
        return
    try:
        try:
            written = write(new, pack(_stamp, _pid, paused=paused, want=want))
        finally:
            close(new)  # some file systems report only here that the disk is full
    except (OSError, MemoryError) as error:
        warn(WARNING, "unable to write ", *name, ": ", error)
        return
    if written < SIZE:
        warn(WARNING, "unable to write ", *name, ": partial write")
        return
    try:
        rename(b"supervise/status.new", b"supervise/status")
    except (OSError, MemoryError) as error:
        warn(WARNING, "unable to rename ", *name, " to status: ", error)


# What happens


def _take_ends() -> bool:
    """Note the end of every child that has ended, then let it go. Return whether there were any.

    There may be children other than ./run: supervise may have been exec'd by a program that
    already had some.
    Raises OSError, MemoryError; the next call finds each child whose end was not noted.
    """
    has_ended = False
    actions: Actions = ()
    try:
        while pid := _ended_child():
            has_ended = True
            if pid == _pid:
                state, actions = on_exit(_state)
                _change_pid(0, state)
            let_go(pid)
    finally:
        _take(actions)
    return has_ended


def _ended_child() -> int:
    """The process id of a child that has ended; 0 if none has, or if there is no child."""
    try:
        return ended_child()
    except ChildProcessError:
        if _pid:
            raise  # ./run is a child, so the kernel's answer is wrong
        return 0


def _take_command(control: int) -> bool:
    """Obey the next letter and return whether there was one. When all is over, none is read.

    If memory runs out, the next call obeys the same letter again: it must not be lost.
    """
    global _state, _letter
    if not _letter and not is_over(_state):
        _letter = _next_command(control)
    _state, actions = on_command(_state, _letter)
    _take(actions)
    is_command, _letter = _letter != b"", b""
    return is_command


def _next_command(control: int) -> bytes:
    """The next letter; empty if there is none. Raises OSError."""
    try:
        return read(control, 1)
    except BlockingIOError:
        return b""


def _take(actions: "Actions") -> None:
    """Take the actions that core/machine.py has decided on, in order."""
    for action in actions:
        if action == ANNOUNCE:
            _announce()
        elif action == START:
            _start()
        else:
            _kill(SIGNALS[action])


def _kill(number: int) -> None:
    try:
        kill(_pid, number)
    except OSError:
        pass  # ./run may be setuid; svc expects no answer


def _start_if_due() -> bool:
    """Start ./run if it is down but wanted up. Return whether it was."""
    is_due = start_is_due(_state)
    if is_due:
        _start()
    return is_due


def _start() -> None:
    """Start ./run, and then pause for a second.

    If fork fails, wait a minute. The start stays due, but not after `o`.
    """
    state = on_start(_state)
    try:
        pid = fork((FATAL, "unable to start ", _directory, "/run: "), _become_run)
    except (OSError, MemoryError) as error:
        warn(WARNING, "unable to fork for ", _directory, ", sleeping 60 seconds: ", error)
        pause(60)
        return
    _change_pid(pid, state)
    _announce()
    pause(1)


def _become_run() -> None:
    """In the child: execute ./run, which inherits every descriptor that is not close-on-exec.

    exec resets SIGCHLD, which supervise catches, to its default.
    """
    die_of_writing()
    execv(b"./run", [b"./run"])
