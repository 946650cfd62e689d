"""A readproctitle that waits for input, and what its arguments are."""

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import need_changed_arguments
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.table import HAS_PROC, proc, shown_arguments


def arguments(program: Running) -> list[bytes]:
    """The arguments that the kernel shows after the program's name, NULs at the end left out."""
    return proc(program.pid, "cmdline").read_bytes().rstrip(b"\0").split(b"\0")[1:]


def shows(program: Running, *words: str | bytes) -> bool:
    """Are these the arguments after the program's name? `ps` puts a blank between two."""
    wanted = [word.encode() if isinstance(word, str) else word for word in words]
    if HAS_PROC:
        return arguments(program) == wanted
    return shown_arguments(program.pid) == b" ".join([b"readproctitle", *wanted])


def reading(sandbox: Sandbox, *words: str) -> Running:
    """A readproctitle that waits for input, its screen filled with dots."""
    need_changed_arguments()
    program = sandbox.start("readproctitle", *words, stdin=PIPE)
    dots = "." * len(words[-1])
    eventually(lambda: shows(program, *words[:-1], dots), what="the screen is all dots")
    return program
