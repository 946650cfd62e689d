"""Make a Python process behave like the C program that it replaces.

A daemontools program lives in the middle of a chain of programs: what it does
to its own signals and environment, the next one inherits. CPython changes four
things before the first line of ours runs. They are put back here, first of all:

* SIGINT has a handler that raises KeyboardInterrupt: back to default, so that
  Ctrl-C kills the program as it would kill a C program;
* SIGPIPE is ignored: back to default. `tai64n | head -1` must end;
* SIGXFSZ is ignored: back to default;
* LC_CTYPE may have been set in the environment (PEP 538, when the locale is
  "C"): back to what the kernel handed over.

Whether SIGPIPE and SIGXFSZ were *already ignored* when the process started can
no longer be found out, so that an inherited "ignored" becomes "default": a
declared deviation. Clauses: exec/python/...
"""

import _signal as signal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def run(main: "Callable[[list[bytes]], int]") -> None:
    """Call `main` with the arguments as bytes and end the process with what it returns.

    The exit is `os._exit`: no buffers exist to be flushed, and nothing that
    the interpreter would do at its end is wanted.
    """
    _restore_signals()
    _restore_locale_variable()
    argv = [os.fsencode(argument) for argument in sys.argv]
    try:
        code = main(argv)
    except MemoryError:
        from daemontools.unix.messages import die

        die(111, os.path.basename(argv[0]), ": fatal: out of memory")
    os._exit(code)


def _restore_signals() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def _restore_locale_variable() -> None:
    """Undo CPython's change of LC_CTYPE; the C environment is then the original block.

    setenv replaces the first entry of that name in place, or appends one, so
    the opposite call restores the block exactly, order and duplicates included.
    """
    if b"LC_CTYPE" not in os.environb:
        return
    from daemontools.unix.environment import original_block

    original = next((e[9:] for e in original_block() if e.startswith(b"LC_CTYPE=")), None)
    if original is None:
        os.unsetenv(b"LC_CTYPE")
        del os.environb[b"LC_CTYPE"]
    else:
        os.putenv(b"LC_CTYPE", original)
