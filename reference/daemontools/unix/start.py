"""Make a Python process behave like the C program that it replaces.

A daemontools program lives in the middle of a chain of programs: what it does
to its own signals and environment, the next one inherits. CPython changes five
things before the first line of ours runs. They are put back here, first of all:

* SIGINT has a handler that raises KeyboardInterrupt: back to default, so that
  Ctrl-C kills the program as it would kill a C program;
* SIGPIPE is ignored: back to default. `tai64n | head -1` must end;
* SIGXFSZ is ignored: back to default;
* LC_CTYPE may have been set in the environment (PEP 538, when the locale is
  "C"): back to what the kernel handed over;
* __PYVENV_LAUNCHER__ is taken out of the environment: put back.

A rule for every program that lives long: what it can ever need (modules,
compiled expressions, room for its largest block, a descriptor) it has before
its LOOP, in the stanza RESOURCES, or it does not start. A log may wait weeks for
its first line, and by then an upgrade has taken the library away. Held by
reference/tests/test_late.py and the clauses process/late/... .

Whether SIGPIPE and SIGXFSZ were *already ignored* when the process started can
no longer be found out, so that an inherited "ignored" becomes "default": a
declared deviation. Clauses: process/signals/..., process/variables/...
"""

import _signal as signal
import os
import sys

from daemontools.core import envblock
from daemontools.unix import chain, environment
from daemontools.unix.messages import die

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    Main = Callable[[list[bytes]], int]


def run(main: "Main") -> "NoReturn":
    """Call `main` with the arguments as bytes, and end the process with what it returns."""
    _restore_signals()
    _restore_locale_variable()
    _restore_launcher_variable()
    call(main, [os.fsencode(argument) for argument in sys.argv])


def call(main: "Main", argv: list[bytes]) -> "NoReturn":
    """Call `main(argv)` and end the process with what it returns.

    If the program becomes another one of ours in this process (chain.py), that
    one is called next. The exit is `os._exit`: no buffers exist to be flushed,
    and nothing that the interpreter would do at its end is wanted.

    The programs expect the errors that can be expected. Any other one ends the
    process too, with a line in the usual shape: never with a traceback. The programs
    that must not end (supervise, svscan) let none come so far once they have children.
    """
    while True:
        try:
            os._exit(main(argv))
        except chain.Next as step:
            main, argv = step.main, step.argv
        except Exception as error:
            die(111, os.path.basename(argv[0]), ": fatal: ", error)


# The two that kill who writes where nobody reads, or more than a limit allows.
_OF_WRITING = (signal.SIGPIPE, signal.SIGXFSZ)


def survive_writing() -> None:
    """From now on a write that cannot be is an error, and does not kill this process.

    For supervise and svscan: all that they write is a status and warnings. What they
    run must not inherit this: see `die_of_writing`.
    """
    for number in _OF_WRITING:
        signal.signal(number, signal.SIG_IGN)


def die_of_writing() -> None:
    """Both signals at their default, as every program has them at its start (and its children)."""
    for number in _OF_WRITING:
        signal.signal(number, signal.SIG_DFL)


def _restore_signals() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_of_writing()


def _restore_locale_variable() -> None:
    """Undo CPython's change of LC_CTYPE; the C environment is then the original block.

    setenv replaces the first entry of that name in place, or appends one, so
    the opposite call restores the block exactly, order and duplicates included.
    """
    if b"LC_CTYPE" not in os.environb:
        return
    original = envblock.value_of(environment.original_block(), b"LC_CTYPE")
    if original is None:
        os.unsetenv(b"LC_CTYPE")
        del os.environb[b"LC_CTYPE"]
    else:
        os.putenv(b"LC_CTYPE", original)


def _restore_launcher_variable() -> None:
    """Undo what CPython does for a launcher of macOS, on every system.

    The block gets the variable back in its place, and C's environment at its end: whoever
    executes something without the block (supervise, a processor) hands that on.
    """
    block = environment.original_block()
    value = envblock.value_of(block, b"__PYVENV_LAUNCHER__")
    if value is not None:
        environment.become(block)
        os.putenv(b"__PYVENV_LAUNCHER__", value)
