"""The command `daemontools-conformance`: a verb, or pytest with this suite's plugin and tests.

daemontools-conformance [--implementation NAME[=DIR]|DIR|FILE.toml] [option ...]
daemontools-conformance list|explain|smoke|adopt|diff|replay|matrix|badge|djb|untested|exercise ...
"""

import argparse
import os
import resource
import sys

try:
    import pytest  # noqa: F401
except ImportError:  # pip has installed the programs alone
    sys.exit("daemontools-conformance: missing: pip install 'daemontools-reference[conformance]'")

from daemontools_conformance import __version__
from daemontools_conformance.commands import verbs
from daemontools_conformance.commands.run import run
from daemontools_conformance.selection.options import add_options
from daemontools_conformance.selection.tests import is_test

_FEWEST_DESCRIPTORS = 256  # with fewer, 64 workers fail tests of any program


def main() -> None:
    """Run a verb, a differential session, or the suite."""
    _open_what_is_closed()
    if why := _what_is_missing():
        print(f"daemontools-conformance: {why}", file=sys.stderr)
        sys.exit(4)
    try:
        try:
            _run_what_is_asked(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except OSError as error:
        # The output finds no more room, or no reader: `... | head`.
        is_unread = isinstance(error, BrokenPipeError)
        if not is_unread:
            print(f"daemontools-conformance: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1 if is_unread else 4)


def _what_is_missing() -> str:
    """Why nothing can be run here; empty if nothing is known to be missing."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < _FEWEST_DESCRIPTORS:
        return f"it needs {_FEWEST_DESCRIPTORS} descriptors: raise the limit (ulimit -n)"
    try:
        os.getcwd()
    except OSError as error:
        return f"the working directory: {error.strerror}"
    return ""


def _open_what_is_closed() -> None:
    """Let /dev/null be standard input, output and error where they are closed: pytest needs all."""
    while (fd := os.open(os.devnull, os.O_RDWR)) < 3:  # the lowest that is free
        os.set_inheritable(fd, True)  # noqa: FBT003 - it takes no keyword
    os.close(fd)
    sys.stdin = sys.stdin or open(0, closefd=False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)


def _run_what_is_asked(arguments: list[str]) -> None:
    if sys.flags.optimize:  # then Python leaves out the checks, which are assert statements
        print("daemontools-conformance: unset PYTHONOPTIMIZE, and run without -O", file=sys.stderr)
        sys.exit(4)
    if arguments[:1] in (["-h"], ["--help"]):
        _help()
        return
    if arguments == ["--version"]:
        print(f"daemontools-conformance {__version__}")
        return
    if arguments and not arguments[0].startswith("-"):
        if arguments[0] in verbs.VERBS:
            sys.exit(verbs.main(arguments))
        if not is_test(arguments[0]):
            known = ", ".join(verbs.VERBS)
            sys.exit(f"daemontools-conformance: no such command: {arguments[0]} (known: {known})")
    if "--differential" in arguments:
        sys.exit(_differential(arguments))
    sys.exit(run(arguments))


def _help() -> None:
    """The help text: the verbs and the suite's own options, not pytest's, which are many."""
    parser = argparse.ArgumentParser(
        prog="daemontools-conformance",
        usage="%(prog)s [option ...] [pytest's option ...]\n       %(prog)s verb ...",
        description=f"Run the conformance suite, or one of the verbs.\n\n{verbs.__doc__}",
        epilog="pytest's options work too: -k, -x, -n ... (see pytest --help).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser.add_argument)
    parser.add_argument(
        "--differential",
        nargs=2,
        metavar=("A", "B"),
        help="compare two implementations on generated input; this has options of its own: "
        "see --differential --help",
    )
    parser.add_argument("--version", action="store_true", help="print the version of the suite")
    parser.print_help()


def _differential(arguments: list[str]) -> int:
    """Run `--differential A B ...`: give two implementations the same generated input."""
    from daemontools_conformance import differential  # it imports hypothesis, which is slow

    place = arguments.index("--differential")
    return differential.main(arguments[place + 1 :] + arguments[:place])
