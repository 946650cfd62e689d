"""svscanboot: start svscan with a clean environment, its messages in the list of processes.

    svscanboot [ directory ]

What a system's init starts, once, and what keeps everything else running:

    svscan /service 2>&1 | readproctitle service errors: ................

A tree of services must not depend on who started it, today from a boot script,
tomorrow from an administrator's shell. So svscan gets an environment of one
variable, PATH, and its input is /dev/null. Its messages have nowhere to go that
is sure to be there, except the arguments of readproctitle, where `ps` shows the
last 400 bytes of them.

First of all it ends what an earlier svscan left: `svc -dx` on all services and
logs. A supervise that is left would hold its lock and keep the new one out.

It goes on as long as svscan or readproctitle lives, and its exit code is
readproctitle's. As process 1 it also reaps all orphans.

Two extensions of 0.76's script: the directory may be given (it is /service
otherwise), and svscanboot's own directory comes first on PATH, so that it finds
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
    """Where svscanboot is; /command if it was called relative to a directory that is gone."""
    try:
        return os.path.dirname(os.path.abspath(file))
    except OSError:
        return b"/command"


def path_after(own: bytes) -> bytes:
    """PATH with svscanboot's own directory first; as it is if that is first already."""
    return PATH if PATH.startswith(own + b":") else own + b":" + PATH


def read_and_write_nothing() -> None:
    """Make descriptors 0, 1 and 2 /dev/null, whatever they were. Raises OSError."""
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
    """Start a program with descriptors that it sees under other numbers; return its process id."""
    try:
        pid = os.fork()
    except OSError as error:
        die(111, FATAL, "unable to fork for ", command[0], ": ", error)
    if pid == 0:
        become_program(command, descriptors)
    return pid


def become_program(command: list[bytes], descriptors: dict[int, int]) -> "NoReturn":
    """In the new process: execute the command. Its complaint goes where its own would go."""
    for to, fd in descriptors.items():
        os.dup2(fd, to)
    error = pathexec(command)
    die(111, FATAL, "unable to run ", command[0], ": ", error)


def await_all(processes: set[int]) -> dict[int, int]:
    """Wait for the end of these processes, and reap whoever else ends; their exit codes.

    A negative code is a signal. If SIGCHLD is ignored, the dead leave no code, and
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
