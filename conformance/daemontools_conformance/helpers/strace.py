"""A program under strace: its system calls recorded, refused, or made fatal, one at a time.

An interpreter makes many calls of its own. So strace traces and changes only calls
that concern one of the named files; a relative name must match as written.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.running.processes import Finished, Running
from daemontools_conformance.running.sandbox import Argument, Options, Sandbox

# The calls that change a log directory, in the spellings of different systems.
CHANGES = (
    "openat,open,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
    "chmod,fchmod,fchmodat,fsync,fdatasync"
)
# The files of a log directory.
FILES = ("current", "previous", "processed", "state", "newstate")

PLAIN = ("s4096", "./log")  # a script

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_ARGUMENT = re.compile(r'^\d+<([^>]*)>(?!, ")|"([^"]*)"|\b(0[0-7]{3})\b')


@dataclass(frozen=True)
class Fault:
    """One call that fails once, and multilog's warning."""

    name: str  # the clause is multilog/fault/NAME
    calls: str  # the system calls, as strace knows them
    path: str  # the file that they concern: relative as written, or "/FILE" below the log
    when: int  # which of these calls fails
    warning: str  # without the program's name and the reason
    script: tuple[str, ...] = PLAIN
    errors: tuple[str, ...] = ("EIO",)
    then: str = ""  # a second warning, after the first pause


def under_strace(
    sandbox: Sandbox,
    paths: Sequence[Argument],
    tampering: Sequence[str],
    script: Sequence[Argument],
    program: str = "multilog",
    **options: Unpack[Options],
) -> Running:
    """Start the program under strace, which sees only calls that concern one of `paths`.

    `tampering` holds further options of strace. The trace goes to `trace` in the sandbox.
    """
    command: list[Argument] = ["strace", "-y", "-o", sandbox.path / "trace", *tampering]
    for path in paths:
        command += ["-P", path]
    return sandbox.start_command([*command, *sandbox.words(program, *script)], **options)


def refusal_after_start(sandbox: Sandbox, program: str, calls: str, error: str) -> list[str]:
    """The options of strace that refuse these calls from the program's own first one on.

    A loader and a runtime make calls before the program begins (node needs pipes), and
    to refuse those says nothing about the program. So it first runs without operands:
    as many calls as it makes then are its start, and are not refused. Of fchdir, only
    calls that lead back to the test's folder are refused.
    """
    names = [f"?{name.lstrip('?')}" for name in calls.split(",")]  # not every system has all
    trace = sandbox.path / "trace.start"
    options = ["-e", f"trace={','.join(names)}"]
    options += ["-P", str(sandbox.path.resolve())] if calls == "fchdir" else []
    tracing: list[Argument] = ["strace", "-o", trace, *options]
    sandbox.start_command([*tracing, sandbox.file(program)]).wait(crash_is_an_answer=True)
    made = [name for name, _ in every_call(trace)]
    for name in names:
        own = made.count(name[1:]) + 1
        options += ["-e", f"inject={name}:error={error}:when={own}+"]
    return options


def start_refused(
    sandbox: Sandbox, calls: str, error: str, program: str, *arguments: Argument
) -> Running:
    """Start the program with its own calls of these names refused (see above)."""
    options = refusal_after_start(sandbox, program, calls, error)
    command: list[Argument] = ["strace", "-o", sandbox.path / "trace", *options]
    return sandbox.start_command([*command, *sandbox.words(program, *arguments)])


def run_refused(
    sandbox: Sandbox, calls: str, error: str, program: str, *arguments: Argument
) -> Finished:
    """Run the program in this way to its end. Raises Unavailable if it makes no such call."""
    finished = start_refused(sandbox, calls, error, program, *arguments).wait()
    check_refused(sandbox, calls)
    return finished


def check_refused(sandbox: Sandbox, calls: str) -> None:
    """Raise Unavailable if nothing has been refused: the program can do without these calls."""
    if "(INJECTED)" not in (sandbox.path / "trace").read_text():
        raise Unavailable(f"after its start the program does not call {calls}")


def fed(program: Running, text: bytes, within: float = 60.0) -> Finished:
    """Write the text to the program until it ends, and wait for its end."""
    try:
        program.write(text)
        program.end_input()
    except BrokenPipeError:
        pass  # the program has ended
    return program.wait(within=within)


def files_of_log(sandbox: Sandbox) -> list[Argument]:
    """The paths of all files of ./log, both relative to that directory and absolute."""
    log = sandbox.path.resolve() / "log"
    return ["log", "./log", log, *FILES, *(log / name for name in FILES)]


def refuse(fault: Fault, error: str) -> list[str]:
    """The options of strace for this fault."""
    refusal = f"inject={fault.calls}:error={error}:when={fault.when}"
    return ["-e", f"trace={fault.calls}", "-e", refusal]


def paths_of(fault: Fault, sandbox: Sandbox) -> list[Argument]:
    """The paths that limit this fault; none for a fork."""
    log = sandbox.path.resolve() / "log"
    if fault.path == "status":
        return [sandbox.path.resolve() / "status"]
    if fault.path.startswith("/"):
        return [log / fault.path[1:]]
    return [fault.path] if fault.path else []


def messages(standard_error: bytes) -> bytes:
    """The program's messages, without strace's own, and with all labels made equal."""
    said = re.sub(rb"^strace: .*\n", b"", standard_error, flags=re.MULTILINE)
    return re.sub(rb"@\w{24}", b"@LABEL", said)


def every_call(trace: Path) -> list[tuple[str, int]]:
    """Each call in a trace, whether it succeeded or not: its name, and its ordinal for that name.

    strace counts the calls of each name separately.
    """
    names = [found[1] for line in trace.read_text().splitlines() if (found := _CALL.match(line))]
    return [(name, names[: index + 1].count(name)) for index, name in enumerate(names)]


def changes(trace: Path) -> list[str]:
    """The successful calls in a trace that change something, in order, in plain words.

    `create current 0600`, `sync current`, `rename current previous`, `mode previous 0744`,
    `link previous @.s`, `remove previous`.
    """
    lines = trace.read_text(errors="replace").splitlines()
    return [change for line in lines if (change := change_in(line))]


def change_in(line: str) -> str:
    """The change in one line of a trace, as in `changes`; "" if there is none."""
    found = _CALL.match(line)
    if not found or int(found[3]) < 0:
        return ""
    call, arguments = re.sub(r"^f(?=chmod)|at2?$", "", found[1]), found[2]
    if call == "open" and "O_CREAT" not in arguments:
        return ""
    names = {"open": "create", "fsync": "sync", "fdatasync": "sync", "chmod": "mode"}
    words = [names.get(call, "remove" if call == "unlink" else call)]
    for match in _ARGUMENT.finditer(arguments):
        word = (match[1] or match[2] or match[3]).rpartition("/")[2]
        words.append(re.sub(r"@\w{24}", "@", word))
    return " ".join(words)
