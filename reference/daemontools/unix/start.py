"""Make a Python process behave like the C program that it replaces.

A daemontools program lives in the middle of a chain of programs: the next one inherits
its signals and its environment. CPython changes five things before our first line
runs. This module puts them back before anything else:

* SIGINT has a handler that raises KeyboardInterrupt: back to default, so that
  Ctrl-C kills the program as it would kill a C program (a launcher does it itself, before
  it imports this module);
* SIGPIPE is ignored: back to default. `tai64n | head -1` must end;
* SIGXFSZ is ignored: back to default;
* LC_CTYPE may have been set in the environment (PEP 538, when the locale is
  "C"): back to what the kernel handed over;
* __PYVENV_LAUNCHER__ is taken out of the environment: put back.

A rule for every long-lived program: in the stanza RESOURCES, before its LOOP, it gets
everything that it can ever need (modules, compiled expressions, memory for its largest
block, a descriptor), or it does not start. A log may wait weeks for its first line, and
by then an upgrade may have removed the library. reference/tests/test_late.py and the
clauses process/late/... test this.

A program cannot find out whether SIGPIPE and SIGXFSZ were *already ignored* when the
process started, so an inherited "ignored" becomes "default": a
declared deviation. Clauses: process/signals/..., process/variables/...
"""

import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
import sys
from _signal import (
    SIG_DFL,
    SIG_IGN,
    SIGINT,
    SIGPIPE,
    SIGXFSZ,
    default_int_handler,
    getsignal,
    signal,
)
from posix import _exit

from daemontools.core import envblock
from daemontools.unix import environment
from daemontools.unix.messages import die

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    Main = Callable[[list[bytes]], int]


class Next(BaseException):
    """The program has become the next one, in this process: `main(argv)` must be called."""

    def __init__(self, main: "Main", argv: list[bytes]) -> None:
        self.main = main
        self.argv = argv


def run(main: "Main") -> "NoReturn":
    """Call `main` with the arguments as bytes, and end the process with what it returns."""
    try:
        argv = [environment.as_bytes(argument) for argument in sys.argv]
        _restore_signals()
        _die_if_interrupted()
        _restore_locale_variable()
        _restore_launcher_variable()
    except Exception as error:  # usually lack of memory
        die(111, environment.as_bytes(sys.argv[0]).rpartition(b"/")[2], ": fatal: ", error)
    call(main, argv)


def call(main: "Main", argv: list[bytes]) -> "NoReturn":
    """Call `main(argv)` and end the process with what it returns.

    If the program becomes another of our programs in this process (chain.py), that
    one is called next. The exit is `os._exit`: there are no buffers to flush,
    and nothing that the interpreter does at its end is needed.

    The programs handle the errors that they expect. Any other error ends the
    process with a line in the usual shape, never with a traceback. The programs
    that must not end (supervise, svscan) catch all errors once they have children.
    """
    while True:
        try:
            _exit(main(argv))
        except Next as step:
            main, argv = step.main, step.argv
        except Exception as error:
            die(111, argv[0].rpartition(b"/")[2], ": fatal: ", error)


# The signals that kill a process if nobody reads what it writes, or a limit forbids it.
_OF_WRITING = (SIGPIPE, SIGXFSZ)


def survive_writing() -> None:
    """From now on a write that fails is an error, and does not kill this process.

    For supervise and svscan, which write only a status and warnings. Their children
    must not inherit this: see `die_of_writing`.
    """
    for number in _OF_WRITING:
        signal(number, SIG_IGN)


def die_of_writing() -> None:
    """Set both signals to their default, as every program and every child starts."""
    for number in _OF_WRITING:
        signal(number, SIG_DFL)


def _restore_signals() -> None:
    if getsignal(SIGINT) is default_int_handler:
        signal(SIGINT, SIG_DFL)
    die_of_writing()


def _die_if_interrupted() -> None:
    """Die of a SIGINT that CPython received, reported and then dropped while starting.

    CPython looks whether the script is a folder or an archive, and goes on if a SIGINT
    interrupts that.
    """
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        os.kill(os.getpid(), SIGINT)


def _restore_locale_variable() -> None:
    """Undo CPython's change of LC_CTYPE; the C environment is then the original block.

    CPython's setenv has replaced the first entry of that name, or appended one. The
    opposite call restores the block exactly, order and duplicates included.
    """
    if b"LC_CTYPE" not in os.environ:
        return
    original = envblock.value_of(environment.original_block(), b"LC_CTYPE")
    if original is None:
        os.unsetenv(b"LC_CTYPE")
        del os.environ[b"LC_CTYPE"]
    else:
        os.putenv(b"LC_CTYPE", original)


def _restore_launcher_variable() -> None:
    """Put back a variable that CPython removes on every system, for macOS's launcher.

    The block gets the variable back in its place; C's environment, which programs use that
    execute without the block (supervise, a processor), gets it at the end.
    """
    block = environment.original_block()
    value = envblock.value_of(block, b"__PYVENV_LAUNCHER__")
    if value is not None:
        environment.become(block)
        os.putenv(b"__PYVENV_LAUNCHER__", value)
