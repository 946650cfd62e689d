"""Run a case with one implementation, and note everything observable.

The observations by name:

* `outcome`: "exit N", "killed by N", "runs" (the probe runs, see below), "waits";
* `out`, `err`: its output; `sent`: what arrived in a FIFO that the suite reads;
* `tree`: the files afterwards, each with kind, mode and content;
* `child`: the kernel's record of the child, if that is the probe (`sleep`), which waits;
* `seen N`: what step N, of kind `look`, saw: status files, titles, histories.
"""

import fcntl
import os
import select
import shutil
import signal
import stat
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.differential.case import Case, Step, make_tree
from daemontools_conformance.helpers import newroot
from daemontools_conformance.running import prepare
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.orphans import end_all_but
from daemontools_conformance.running.patience import TooLate, eventually
from daemontools_conformance.running.processes import (
    children,
    cpu_seconds,
    is_alive,
    is_asleep,
)
from daemontools_conformance.running.record import record
from daemontools_conformance.running.table import argv_of, proc

Observation = dict[str, Any]

PROBE = b"sleep"
_POLL_SECONDS = 0.002
_SPINS_SECONDS = 2.0  # a program that has computed this long is not waiting for the processor
_STAYING = ("supervise", "svscan", "svscanboot")  # they end only by a command or a signal
# These may leave processes behind that are not our children.
_FAMILIES = ("supervise", "svscan", "svscanboot", "fghack", "multilog", "pgrphack")


def observe(
    implementation: Implementation, case: Case, root: bytes, patience: float
) -> Observation:
    """Run the case in the empty folder `root`.

    Waits at most `patience` seconds for the end. Pauses between steps grow with `patience`.
    """
    box = root + b"/box"
    os.mkdir(box)
    os.chmod(box, 0o755)
    make_tree(case.tree, box)
    holder = _Holder(case, box)
    pipe = any(step.act == "input" for step in case.steps)
    reading, writing = os.pipe() if pipe else (-1, -1)
    pid = _start(implementation, case, root, reading)
    if pipe:
        os.close(reading)
    seen: Observation = {}
    try:
        _steps(case, holder, box, pid, writing, patience, seen)
        _await(pid, patience * (0.1 if case.program in _STAYING else 1), seen)
    finally:
        if writing >= 0 and case.steps[-1].act != "end":
            os.close(writing)
        _end(case, pid, seen)
    _check_that_it_ran(case, root, seen)
    seen["out"] = _content(root + b"/out")
    seen["err"] = _content(root + b"/err")
    seen["sent"] = holder.sent()
    seen["tree"] = _tree(box)
    holder.close()
    return seen


def _check_that_it_ran(case: Case, root: bytes, seen: Observation) -> None:
    """Raise if the program did not start, since two such are not equal.

    Raises Unavailable, RuntimeError.
    """
    if os.path.exists(root + b"/not-started"):
        raise RuntimeError(f"not started: {_content(root + b'/not-started')!r}: {case.json()}")
    if case.program == "svscanboot" and seen.get("outcome") == f"exit {newroot.NOT_PERMITTED}":
        raise Unavailable(_content(root + b"/err").decode(errors="replace"))


def clean(root: bytes) -> None:
    """Remove what `observe` left in the folder."""
    for name in os.listdir(os.fsdecode(root)):
        path = os.path.join(os.fsdecode(root), name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, onerror=_open_and_retry)
        else:
            os.unlink(path)


def _open_and_retry(_function: object, path: str, _info: object) -> None:
    os.chmod(os.path.dirname(path), 0o700)
    if os.path.isdir(path) and not os.path.islink(path):
        os.chmod(path, 0o700)
        shutil.rmtree(path)
    else:
        os.unlink(path)


class _Holder:
    """What the suite holds while the program runs: ends of FIFOs, and locks."""

    def __init__(self, case: Case, box: bytes) -> None:
        self.fds: dict[int, str] = {}
        for how, file in case.held:
            flags = {"read": os.O_RDONLY, "write": os.O_RDWR}.get(how, os.O_RDWR)
            try:
                fd = os.open(box + b"/" + file, flags | os.O_NONBLOCK)
            except OSError:
                continue
            if how == "lock":
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.fds[fd] = how

    def sent(self) -> list[bytes]:
        """What arrived in each FIFO that is held for reading."""
        found = []
        for fd in (fd for fd, how in self.fds.items() if how == "read"):
            try:
                found.append(os.read(fd, 65536))
            except OSError:
                found.append(b"")
        return found

    def release(self) -> None:
        """Release the locks."""
        for fd in [fd for fd, how in self.fds.items() if how == "lock"]:
            del self.fds[fd]
            os.close(fd)

    def close(self) -> None:
        """Close every descriptor."""
        for fd in self.fds:
            os.close(fd)


def _start(implementation: Implementation, case: Case, root: bytes, reading: int) -> int:
    file, argv = _command(implementation, case, root)
    folder = os.fsencode(implementation.folder)
    with open(root + b"/in", "wb") as given:
        given.write(case.input)
    words = [os.fsdecode(word) for word in case.state]
    pid = os.fork()
    if pid:
        return pid
    try:
        os.symlink(folder, root + b"/bin")
        os.chdir(root + b"/box")
        os.dup2(reading if reading >= 0 else os.open(root + b"/in", os.O_RDONLY), 0)
        os.dup2(os.open(root + b"/out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 1)
        os.dup2(os.open(root + b"/err", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 2)
        os.closerange(3, 1024)  # what a worker of a pool has open
        for name in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(name, signal.SIG_DFL)
        environment = [entry.replace(b"{box}", root + b"/box") for entry in case.environment]
        prepare.execute(file, argv, environment, words, -1)
    except (OSError, ValueError, KeyError) as error:
        with open(root + b"/not-started", "w") as reason:
            reason.write(f"{error!r}")
    finally:
        os._exit(99)


def _command(implementation: Implementation, case: Case, root: bytes) -> tuple[bytes, list[bytes]]:
    """The file to execute and its arguments."""
    file, first = implementation.command(case.program)
    argv = [os.fsencode(word) for word in first] + list(case.arguments)
    if case.program != "svscanboot":
        return os.fsencode(file), argv
    # In its own namespaces, where it can do no harm; `service` appears as its directory.
    profile = implementation.profile
    base, box = root + b"/newroot", root + b"/box"
    os.mkdir(base)
    binds = [b"--bind=" + box + b"/service=" + os.fsencode(profile.service)]
    binds += [os.fsencode(f"--bind={implementation.folder}={place}") for place in profile.places]
    place = os.fsencode(profile.places[0] if profile.places else implementation.folder)
    options = [b"-m", b"-p", b"-f", b"--kill-child"] + [b"-U", b"-r"] * (os.geteuid() != 0)
    inside = [os.fsencode(sys.executable), b"-ISXutf8", os.fsencode(newroot.__file__), base, box]
    inside += [*binds, b"--child", b"--"]
    unshare = os.fsencode(shutil.which("unshare") or "/usr/bin/unshare")
    return unshare, [b"unshare", *options, *inside, place + b"/svscanboot", *argv[1:]]


def _steps(
    case: Case,
    holder: "_Holder",
    box: bytes,
    pid: int,
    writing: int,
    patience: float,
    seen: Observation,
) -> None:
    """Carry out the steps of the case at their times."""
    for number, step in enumerate(case.steps):
        time.sleep(step.after * patience)
        _await_quiet(pid, patience)
        try:
            _do(step, box, pid, writing, holder)
        except (OSError, TooLate) as error:
            seen[f"step {number}"] = f"{step.act}: {error}"
        if step.act == "look":
            seen[f"seen {number}"] = _look(box, pid)


def _await_quiet(pid: int, patience: float) -> None:
    """Wait until the program and its descendants sleep or have ended, or the program spins."""
    end = time.monotonic() + 5 * patience
    computed = _computed(pid)
    quiet = 0
    while quiet < 3 and time.monotonic() < end and _computed(pid) < computed + _SPINS_SECONDS:
        time.sleep(0.01)
        quiet = quiet + 1 if all(_is_quiet(member) for member in _family(pid)) else 0


def _computed(pid: int) -> float:
    """The processor time of the program in seconds; 0 if it has gone."""
    try:
        return cpu_seconds(pid)
    except OSError:
        return 0.0


def _is_quiet(pid: int) -> bool:
    try:
        return is_asleep(pid) or not is_alive(pid)
    except OSError:
        return True


def _do(step: Step, box: bytes, pid: int, writing: int, holder: "_Holder") -> None:
    path = box + b"/" + step.where
    match step.act:
        case "control":
            fifo = box + b"/" + step.where + b"/supervise/control"
            fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            os.write(fd, step.what)
            os.close(fd)
        case "signal":
            os.kill(pid, int(step.what))
        case "input":
            os.write(writing, step.what)
        case "end":
            os.close(writing)
        case "await":
            eventually(
                lambda: any(_title(member).startswith(step.what) for member in _family(pid)),
                within=60,
                what=f"{step.what!r} runs",
            )
        case "kill":
            os.kill(_descendant(pid, step.where), int(step.what))
        case "release":
            holder.release()
        case "make":
            with open(path, "wb") as file:
                file.write(step.what)
        case "remove":
            os.unlink(path)
        case "dir":
            os.makedirs(path)
        case "rename":
            os.rename(path, box + b"/" + step.what)
        case "mode":
            os.chmod(path, int(step.what, 8))
        case "link":
            os.symlink(step.what, path + b".made")
            os.rename(path + b".made", path)


def _descendant(pid: int, title: bytes) -> int:
    """The first descendant whose title begins with `title`. Raises ProcessLookupError."""
    for member in _family(pid)[1:]:
        if _title(member).startswith(title):
            return member
    raise ProcessLookupError(title)


def _look(box: bytes, pid: int) -> Observation:
    """What is visible from outside while the program runs: its title and the files."""
    return {"titles": [_title(below) for below in _family(pid)], "tree": _tree(box)}


def _title(pid: int) -> bytes:
    return b"\0".join(argv_of(pid))


def _family(pid: int) -> list[int]:
    """The process and all its descendants."""
    return [pid, *(further for child in sorted(children(pid)) for further in _family(child))]


def _await(pid: int, patience: float, seen: Observation) -> None:
    """Wait until the program has ended, has become the probe, or has slept `patience` seconds."""
    if sys.platform != "linux":
        raise Unavailable("needs Linux's process descriptors")
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    end = time.monotonic() + patience
    last = end + 20 * patience  # even if the program is busy
    try:
        while not poll.poll(1000 * _POLL_SECONDS):
            is_busy = not all(map(_is_quiet, _family(pid)))
            if is_busy and _computed(pid) < _SPINS_SECONDS:  # the machine is slow: keep waiting
                end = min(last, time.monotonic() + patience)
            probe = _probe_of(pid)
            if probe:
                seen["outcome"] = "runs"
                seen["child"] = _record(pid, probe)
                return
            if time.monotonic() > end:
                seen["outcome"] = "waits"
                return
    finally:
        os.close(pidfd)
    _, status = os.waitpid(pid, os.WNOHANG)
    code = os.waitstatus_to_exitcode(status)
    seen["outcome"] = f"exit {code}" if code >= 0 else f"killed by {-code}"


def _probe_of(pid: int) -> int:
    """The process id of the waiting probe, `pid` or a descendant of it; 0 if there is none yet."""
    for candidate in (pid, *sorted(children(pid))):
        try:
            with proc(candidate, "comm").open("rb") as file:
                if file.read() == PROBE + b"\n" and is_asleep(candidate):
                    return candidate
        except OSError:
            continue
    return 0


def _record(pid: int, probe: int) -> Observation:
    """The record of the probe, with process ids replaced by their relation to the program."""
    facts = asdict(record(probe))
    del facts["pid"]
    facts["environment"] = facts.pop("block")
    names = {os.getsid(0): "outer", os.getpid(): "suite", probe: "probe", pid: "program"}
    for field in ("parent", "process_group", "session"):
        facts[field] = names.get(facts[field], "other")
    return facts


def _end(case: Case, pid: int, seen: Observation) -> None:
    if seen.get("outcome") in (None, "runs", "waits"):
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    if case.program in _FAMILIES or children():
        end_all_but(set())


def _content(path: bytes) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1000000)
    except OSError:
        return b""


def _tree(box: bytes) -> dict[bytes, tuple[str, int, bytes]]:
    """All files: path -> kind, mode, and content or target."""
    found = {}
    for folder, folders, files in os.walk(box):
        for name in [*folders, *files]:
            path = folder + b"/" + name
            try:
                about = os.lstat(path)
                if stat.S_ISLNK(about.st_mode):
                    what = os.readlink(path)
                else:
                    what = _content(path) if stat.S_ISREG(about.st_mode) else b""
            except OSError:
                continue  # the file has gone meanwhile
            kind = stat.filemode(about.st_mode)[0]
            found[path[len(box) + 1 :]] = (kind, stat.S_IMODE(about.st_mode), what)
    return found
