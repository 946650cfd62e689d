"""A readproctitle that waits for input, and what its arguments are."""

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.table import proc


def arguments(program: Running) -> list[bytes]:
    """The arguments that the kernel shows after the program's name, NULs at the end left out."""
    return proc(program.pid, "cmdline").read_bytes().rstrip(b"\0").split(b"\0")[1:]


def reading(sandbox: Sandbox, *words: str) -> Running:
    """A readproctitle that waits for input, its screen filled with dots."""
    program = sandbox.start("readproctitle", *words, stdin=PIPE)
    started = [*(word.encode() for word in words[:-1]), b"." * len(words[-1])]
    eventually(lambda: arguments(program) == started, what="the screen is all dots")
    return program
