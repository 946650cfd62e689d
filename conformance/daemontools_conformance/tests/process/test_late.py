"""process: once it has begun to work, a program that lives long needs nothing of its installation.

An upgrade replaces libraries under programs that run for months. So they are traced
from the moment at which they wait for the first time: no file may be looked for, but
those that their work is about. The programs that they execute are not covered.
"""

import os
import re
import resource
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from daemontools_conformance.helpers.limits import prlimit
from daemontools_conformance.helpers.logdirs import contents
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Argument, Sandbox
from daemontools_conformance.running.table import proc

# The calls that show that the start is over; the C library's own files, which any
# program may look at.
WAITS = r"(p?poll|p?select6?|epoll_p?wait2?|rt_sigtimedwait|clock_nanosleep)\(|readv?\(0\b"
LIBC = ("/etc/localtime", "/usr/share/zoneinfo", "/proc/self/", "/dev/")
_FORKED = re.compile(r"^(?:<\.\.\. )?(?:clone3?|v?fork)\b.* = (\d+)$")
_LINE = re.compile(r"^(\d+) +(.*)$")


def traced(sandbox: Sandbox, program: str, *arguments: Argument, stdin: int = PIPE) -> Running:
    """The program under strace, with its children."""
    words = sandbox.words(program, *arguments)
    waits = "poll,ppoll,select,pselect6,?epoll_wait,epoll_pwait,?epoll_pwait2,rt_sigtimedwait"
    calls = f"trace=%file,%process,{waits},read,readv,flock,fcntl,clock_nanosleep"
    strace = ["strace", "-f", "-q", "-o", str(sandbox.path / "trace"), "-e", calls]
    return sandbox.start_command([*strace, *words], stdin=stdin, new_session=True)


def looked_for(sandbox: Sandbox, begun: str) -> list[str]:
    """The names that the program looked for after the first call that matches `begun`."""
    own = (str(sandbox.path), str(sandbox.path.resolve()), *LIBC, *programs(sandbox))
    return [name for name in _names(sandbox.path / "trace", begun) if not name.startswith(own)]


def programs(sandbox: Sandbox) -> list[str]:
    """The folder of the programs, and what executing supervise there would execute."""
    file = Path(sandbox.file("supervise"))
    first_line = file.read_bytes().partition(b"\n")[0]
    is_script = first_line.startswith(b"#!")
    interpreter = os.fsdecode(first_line[2:].split()[0]) if is_script else str(file)
    return [str(sandbox.implementation.folder), interpreter, os.path.realpath(interpreter)]


def _names(trace: Path, begun: str) -> Iterator[str]:
    found = map(_LINE.match, trace.read_text(errors="replace").splitlines())
    lines = [match.groups() for match in found if match]
    first = lines[0][0]
    begin = next(n for n, (pid, call) in enumerate(lines) if pid == first and re.match(begun, call))
    own, others = {first}, set()
    for pid, call in lines[begin:]:
        if call.startswith("execve"):
            others.add(pid)
        elif pid in own - others and (child := _FORKED.search(call)):
            own.add(child[1])
    others.clear()
    for pid, call in lines[begin:]:
        if call.startswith("execve"):
            others.add(pid)
        elif pid in own - others and not call.startswith("<..."):
            yield from re.findall(r'"(/[^"]*)"', call)


def wait_until_it_waits(sandbox: Sandbox, begun: str = WAITS) -> None:
    """Until the trace shows the call at which its start is over."""
    pattern = re.compile(rf"^\d+ +(?:{begun})", re.MULTILINE)
    eventually(lambda: pattern.search((sandbox.path / "trace").read_text(errors="replace")))


def end(running: Running) -> None:
    running.end_input()
    assert running.wait().code == 0


def use_multilog(sandbox: Sandbox) -> str:
    # One of the patterns with fatal sees the stamp, and one does not, as in FreeBSD.
    script = ["t", "-*", "+* fatal*", "+fatal*", "e", "=status", "s4096", "n3", "!cat", "./log"]
    multilog = traced(sandbox, "multilog", *script)
    wait_until_it_waits(sandbox)
    multilog.write(b"fatal error\nthis is none\n" + b"y" * 2000)
    multilog.write(b"\nfatal error" * 2000 + b"\n")
    end(multilog)
    assert b" fatal error\n" in multilog.err
    return WAITS


def use_filter(program: str) -> Callable[[Sandbox], str]:
    def use(sandbox: Sandbox) -> str:
        running = traced(sandbox, program)
        wait_until_it_waits(sandbox)
        for text in (
            b"@4000000037c219bf2ef02e94 one\n",
            b"two",
            b"\n@4000000000000000ffffffff x\n\n",
        ):
            running.write(text)
        end(running)
        assert b"one\n" in running.out
        return WAITS

    return use


def use_readproctitle(sandbox: Sandbox) -> str:
    running = traced(sandbox, "readproctitle", "errors:", "." * 40)
    wait_until_it_waits(sandbox)
    running.write(b"something is wrong\n\0")
    end(running)
    return WAITS


def use_setlock(sandbox: Sandbox) -> str:
    holder = sandbox.start("setlock", "lock", "cat", stdin=PIPE)
    eventually((sandbox.path / "lock").exists)
    waiting = traced(sandbox, "setlock", "lock", "true")
    begun = r"flock\(|fcntl\(\d+, F_SETLKW"
    wait_until_it_waits(sandbox, begun)
    end(holder)
    assert waiting.wait().code == 0
    return begun


def use_fghack(sandbox: Sandbox) -> str:
    running = traced(sandbox, "fghack", "sh", "-c", "cat & exit 3")
    begun = r"(clone3?|v?fork)\("
    wait_until_it_waits(sandbox, begun)
    running.end_input()
    assert running.wait().code == 3
    return begun


def use_supervise(sandbox: Sandbox) -> str:
    sandbox.service("clock", "exec sleep 1000")
    supervise = traced(sandbox, "supervise", "clock")
    eventually(lambda: sandbox.is_supervised("clock"))
    eventually(lambda: sandbox.status("clock").pid)
    wait_until_it_waits(sandbox)
    first = sandbox.status("clock").pid
    sandbox.control("clock", b"pchati")
    eventually(lambda: sandbox.status("clock").pid not in (0, first))
    sandbox.control("clock", b"okd")
    eventually(lambda: not sandbox.status("clock").pid)
    sandbox.control("clock", b"x")
    assert supervise.wait().code == 0
    return WAITS


def use_svscan(sandbox: Sandbox) -> str:
    sandbox.service("services/one", "exec sleep 1000")
    traced(sandbox, "svscan", "services")
    wait_until_it_waits(sandbox)
    sandbox.service("services/two", "echo line; exec sleep 1000")
    sandbox.service("services/two/log", "exec cat >/dev/null")
    for name in ("one", "two", "two/log"):
        eventually(partial(sandbox.is_supervised, f"services/{name}"))
    sandbox.control("services/one", b"dx")
    eventually(lambda: not sandbox.is_supervised("services/one"))
    eventually(lambda: sandbox.is_supervised("services/one"))  # a new one
    return WAITS


USES: dict[str, Callable[[Sandbox], str]] = {
    "multilog": use_multilog,
    "tai64n": use_filter("tai64n"),
    "tai64nlocal": use_filter("tai64nlocal"),
    "readproctitle": use_readproctitle,
    "setlock": use_setlock,
    "fghack": use_fghack,
    "supervise": use_supervise,
    "svscan": use_svscan,
}


@clause("process/late/no-library")
@needs("strace")
@pytest.mark.parametrize("program", USES)
def test_a_program_at_work_looks_for_no_file_of_its_own(sandbox: Sandbox, program: str) -> None:
    begun = USES[program](sandbox)
    assert looked_for(sandbox, begun) == []


@clause("process/late/no-descriptor")
@needs("linux")
@pytest.mark.parametrize("program", ["multilog", "tai64n", "tai64nlocal"])
def test_a_program_at_work_needs_no_free_descriptor(sandbox: Sandbox, program: str) -> None:
    script = ["-*", "+*fatal*", "./log"] if program == "multilog" else []
    running = sandbox.start(program, *script, stdin=PIPE)
    eventually(lambda: is_waiting_for_input(running.pid))
    prlimit(running.pid, resource.RLIMIT_NOFILE, (3, 3))
    running.write(b"this is fatal\n")
    log = sandbox.path / "log"
    eventually(lambda: b"fatal\n" in (contents(log) if script else running.out))
    running.signal(signal.SIGTERM)
    running.wait()


def is_waiting_for_input(pid: int) -> bool:
    """Does it sleep with no file but its work's open, in a wait for its input?"""
    with proc(pid, "wchan").open() as file:
        where = file.read()
    return os.path.exists(proc(pid, "fd", "0")) and ("pipe" in where or "poll" in where)
