"""svscan: start and watch one supervise for each service in a directory.

    svscan [ directory ]

Every directory here whose name does not begin with a dot is a service; svscan
runs `supervise NAME` for it. If NAME/log exists when the directory is first
seen, the service has a logger: a second `supervise log`, started inside NAME,
whose input is a pipe from the service's output.

    svscan --- supervise clock ------ ./run  -- 1 --.
           `-- supervise log -------- ./run  <- 0 --'  the pipe; svscan keeps both ends

svscan never reads or writes a pipe, but keeps both ends open as long as it
knows the service. So it does not matter which of the four processes dies: what
the logger has not read waits in the pipe for the next one, and the service
never sees the end of its pipe.

Every five seconds svscan looks at its dead children first, and then at the
directory. It starts what is missing, and forgets a service when its directory and
processes are gone. After an error it prints a line on descriptor 2, and tries again
five seconds later; it goes on even if nobody reads descriptor 2 any more. It is made
to run for ever and catches no signal. If it is killed while nothing is paused, every supervise and
service goes on as before, unless svscan is process 1 or the leader of a terminal's session.

Contract: conformance/spec/svscan.md. Manual: http://cr.yp.to/daemontools/svscan.html
"""

from posix import chdir, close, dup2, pipe, scandir, stat
from stat import S_ISDIR

from daemontools.core.scan import (
    NOT_RUNNING,
    Service,
    Table,
    begin_scan,
    is_full,
    lacks_process,
    process_ended,
    remove_gone,
)
from daemontools.unix import chain
from daemontools.unix.clock import pause
from daemontools.unix.closing import close_all_but, kept_by_exec
from daemontools.unix.forking import ended_child, fork, let_go
from daemontools.unix.messages import die, warn
from daemontools.unix.pathexec import pathexec, prepared
from daemontools.unix.start import Next, call, die_of_writing, survive_writing
from daemontools.unix.title import fits, set_title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from daemontools.unix.start import Main

FATAL = "svscan: fatal: "
WARNING = "svscan: warning: "

SCAN_SECONDS = 5
LONGEST_NAME = bytes(255)

# STATE
_kept: list[int] = []  # the descriptors that a supervise inherits
_supervise: "Main | None" = None  # what PATH leads to, if it is ours; None: execute it


def main(argv: list[bytes]) -> int:
    """Scan argv[1], or the working directory; further arguments are ignored."""
    # ARGUMENTS
    set_title([b"svscan", *argv[1:]])

    # RESOURCES
    chain.prepare([b"supervise"], programs=(b"supervise",))
    if len(argv) > 1:
        try:
            chdir(argv[1])
        except OSError as error:
            die(111, FATAL, "unable to chdir to ", argv[1], ": ", error)
    _kept.extend(kept_by_exec())
    survive_writing()

    # LOOP
    table: Table = {}
    while True:
        try:
            try:
                reap(table)
                scan(table)
            except Exception as error:  # an error that no step handles, usually lack of memory
                warn(WARNING, "unable to scan: ", error)
            pause(SCAN_SECONDS)
        except MemoryError:
            pass  # not even enough to say so, or to pause


def reap(table: Table) -> None:
    """Take note of all children that have died since the last scan."""
    try:
        while pid := ended_child():
            process_ended(table, pid)
            let_go(pid)
    except ChildProcessError:
        pass
    except OSError as error:
        warn(WARNING, "unable to wait: ", error)


def scan(table: Table) -> None:
    """Start each service in the directory that does not run; forget those that are gone.

    If the directory cannot be read to its end, svscan cannot tell which services are gone.
    `look` makes the pipes of a new service while the directory is open: even if pipes take
    all other descriptors, the directory's own is free for the next scan.

    All services are looked at before the first is started: memory that svscan changes
    between two forks can no longer be shared with the earlier children.
    """
    global _supervise
    begin_scan(table)
    found: list[tuple[bytes, Service]] = []
    is_whole = False
    try:
        with scandir(b".") as entries:
            for entry in entries:
                service = look(table, entry.name)
                found += [(entry.name, service)] if service else []
        is_whole = True
    except OSError as error:
        warn(WARNING, "unable to read directory: ", error)
    if any(lacks_process(service) for _name, service in found):
        _supervise = prepared([b"supervise", LONGEST_NAME])
    for name, service in found:
        start(name, service)
    if is_whole:
        forget(table)


def forget(table: Table) -> None:
    """Close the pipes of the services that are gone."""
    for service in remove_gone(table):
        for end in service.pipe or ():
            try:
                close(end)
            except OSError as error:
                warn(WARNING, "unable to close pipe: ", error)  # it is closed all the same


def look(table: Table, name: bytes) -> Service | None:
    """The entry for `name` in the table; None if it is not a service or could not be entered."""
    if name.startswith(b"."):
        return None
    try:
        found = stat(name)
    except OSError as error:
        warn(WARNING, "unable to stat ", name, ": ", error)
        return None
    if not S_ISDIR(found.st_mode):
        return None

    identity = (found.st_dev, found.st_ino)
    service = table.get(identity) or first_sight(table, identity, name)
    if service:
        service.is_seen = True
    return service


def start(name: bytes, service: Service) -> None:
    """Start what is missing of a service."""
    if not service.pid:
        service.pid = spawn(service_child, name, service, called=name)
    if service.pid and service.pipe and not service.log_pid:
        service.log_pid = spawn(log_child, name, service, called=name + b"/log")


def first_sight(table: Table, identity: tuple[int, int], name: bytes) -> Service | None:
    """Enter a new directory into the table. None, after a warning, if that fails.

    The directory is entered before its pipe is made, so that no pipe is ever forgotten.
    """
    if is_full(table):
        warn(WARNING, "unable to start ", name, ": running too many services")
        return None
    service = table[identity] = Service()
    is_complete = False
    try:
        is_complete = look_for_log(service, name)
    finally:
        if not is_complete:
            del table[identity]
    return service if is_complete else None


def look_for_log(service: Service, name: bytes) -> bool:
    """If there is a log, make the pipe to it. False, after a warning, if that fails."""
    try:
        stat(name + b"/log")
    except FileNotFoundError:
        return True
    except OSError as error:
        warn(WARNING, "unable to stat ", name, "/log: ", error)
        return False
    try:
        service.pipe = pipe()
    except OSError as error:
        warn(WARNING, "unable to create pipe for ", name, ": ", error)
        return False
    return True


def spawn(
    child: "Callable[[bytes, Service], NoReturn]", name: bytes, service: Service, called: bytes
) -> int:
    """Call `child` in a new process, and return its id; NOT_RUNNING, after a warning."""
    complaint = (WARNING, "unable to start supervise ", called, ": ")
    try:
        return fork(complaint, child, name, service)
    except OSError as error:
        warn(WARNING, "unable to fork for ", called, ": ", error)
        return NOT_RUNNING


def service_child(name: bytes, service: Service) -> "NoReturn":
    """In the new process: become `supervise NAME`, writing to the pipe if there is one."""
    die_of_writing()
    if service.pipe:
        move(service.pipe[1], 1, name)
        become_supervise(name, called=name, kept=[*_kept, 1])
    become_supervise(name, called=name, kept=_kept)


def log_child(name: bytes, service: Service) -> "NoReturn":
    """In the new process: become `supervise log` inside NAME, reading from the pipe."""
    assert service.pipe
    die_of_writing()
    called = name + b"/log"
    move(service.pipe[0], 0, called)
    try:
        chdir(name)
    except OSError as error:
        die(111, WARNING, "unable to switch to ", name, ": ", error)
    become_supervise(b"log", called, kept=[*_kept, 0])


def move(fd: int, to: int, called: bytes) -> None:
    """Copy the descriptor `fd` to the number `to`, which the next program inherits.

    The two are never equal, even if svscan was started with 0 and 1 closed: when a
    pipe is made, the open directory has the lowest free number.
    """
    try:
        dup2(fd, to)
    except OSError as error:
        die(111, WARNING, "unable to set up descriptors for ", called, ": ", error)


def become_supervise(name: bytes, called: bytes, kept: list[int]) -> "NoReturn":
    """Turn this process into `supervise NAME`, found along PATH.

    If that is our own launcher, the program is called here: a process that shares
    svscan's memory takes a fifth of what a new interpreter takes. If the words do not
    fit where `ps` reads them, supervise is executed instead.

    If nothing can be started, the process dies with a message that begins
    `svscan: warning`, since svscan goes on.
    """
    words = [b"supervise", name]
    if not fits(words):
        chain.execute_always()
    elif _supervise:
        close_all_but(kept)
        call(_supervise, words)
    try:
        error = pathexec(words)
    except Next as supervise:
        close_all_but(kept)
        call(supervise.main, supervise.argv)
    die(111, WARNING, "unable to start supervise ", called, ": ", error)
