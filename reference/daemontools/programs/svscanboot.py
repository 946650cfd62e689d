"""svscanboot: start svscan with a clean environment, its messages in the list of processes.

    svscanboot [ directory ]

A system's init starts it, and it starts everything else:

    svscan /service 2>&1 | readproctitle service errors: ................

A tree of services must not depend on who started it, whether a boot script or
an administrator's shell. So svscan gets an environment with one
variable, PATH, and its input is /dev/null. The one place for its messages that is
sure to exist is the arguments of readproctitle, where `ps` shows the
last 397 bytes.

First svscanboot tells what an earlier svscan left to end, by `svc -dx` on all services and
logs. An old supervise would hold its lock and keep the new one out.

svscanboot runs as long as svscan or readproctitle lives, and its exit code is
readproctitle's. As process 1 it also reaps all orphans.

It extends 0.76's script in two ways: the directory may be given (the default is
/service), and the directory of svscanboot's file comes first on PATH, so that it finds
its own programs wherever they were installed.
Contract: conformance/spec/svscanboot.md.
Manual: http://cr.yp.to/daemontools/svscanboot.html
"""

import os

from daemontools.unix.clock import pause
from daemontools.unix.environment import become
from daemontools.unix.messages import die
from daemontools.unix.pathexec import pathexec
from daemontools.unix.title import set_title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

FATAL = "svscanboot: fatal: "

SERVICE = b"/service"
COMMAND = b"/command"
PATH = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"
SCREEN_BYTES = 400


def main(argv: list[bytes]) -> int:
    """Run svscan on argv[1], or on /service; further arguments are ignored."""
    # ARGUMENTS
    set_title([b"svscanboot", *argv[1:]])
    service = argv[1] if len(argv) > 1 else SERVICE
    path = path_after(own_directory(argv[0]))

    # RESOURCES
    become([b"PATH=" + path])
    try:
        read_and_write_nothing()
        reader, writer = os.pipe()
    except OSError as error:
        die(111, FATAL, "unable to set up descriptors: ", error)

    # LEFT-OVERS
    await_all({spawn([b"svc", b"-dx", *left_over(service)], {})})

    # THE PIPELINE
    screen = b"." * SCREEN_BYTES
    svscan = spawn([b"svscan", service], {1: writer, 2: writer})
    title = spawn([b"readproctitle", b"service", b"errors:", screen], {0: reader})
    os.close(reader)
    os.close(writer)
    code = await_all({svscan, title}).get(title, 0)
    return code if code >= 0 else 128 - code


def own_directory(file: bytes) -> bytes:
    """Where svscanboot's file is; /command if it was called as a file there, or is nowhere.

    A link does not count: others may be able to write beside the link and put a svscan there.
    """
    try:
        called = os.path.dirname(os.path.abspath(file))
        return called if called == COMMAND else os.path.dirname(os.path.realpath(file))
    except OSError:  # relative to a working directory that is gone
        return COMMAND


def path_after(own: bytes) -> bytes:
    """PATH with svscanboot's own directory first; unchanged if it is already first."""
    return PATH if PATH.startswith(own + b":") else own + b":" + PATH


def read_and_write_nothing() -> None:
    """Point descriptors 0, 1 and 2 to /dev/null, whatever they were. Raises OSError."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
        os.set_inheritable(fd, True)  # noqa: FBT003 - it takes no keyword
    if nothing > 2:
        os.close(nothing)


def left_over(service: bytes) -> list[bytes]:
    """The services in the directory and their logs, as a shell's * finds them."""
    try:
        names = sorted(name for name in os.listdir(service) if not name.startswith(b"."))
    except OSError:
        return []
    services = [service + b"/" + name for name in names]
    logs = [one + b"/log" for one in services if os.path.lexists(one + b"/log")]
    return services + logs


def spawn(command: list[bytes], descriptors: dict[int, int]) -> int:
    """Start a program, and return its process id. `descriptors`: its number -> our number."""
    try:
        pid = os.fork()
    except OSError as error:
        die(111, FATAL, "unable to fork for ", command[0], ": ", error)
    if pid == 0:
        become_program(command, descriptors)
    return pid


def become_program(command: list[bytes], descriptors: dict[int, int]) -> "NoReturn":
    """In the new process: execute the command. An error goes where its own messages would go."""
    for to, fd in descriptors.items():
        os.dup2(fd, to)
    error = pathexec(command)
    die(111, FATAL, "unable to run ", command[0], ": ", error)


def await_all(processes: set[int]) -> dict[int, int]:
    """Wait for the end of these processes, and reap all others; the exit codes of these.

    A negative code is a signal. If SIGCHLD is ignored, processes leave no code, and
    the kernel says "no child processes" when the last one has ended.
    """
    codes: dict[int, int] = {}
    while len(codes) < len(processes):
        try:
            pid, status = os.wait()
        except ChildProcessError:
            break
        except OSError:
            pause(1)  # nobody hears a warning here
            continue
        if pid in processes:
            codes[pid] = os.waitstatus_to_exitcode(status)
    return codes
