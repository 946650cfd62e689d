"""The command `daemontools`: see, wait, read, check and create, beside the seventeen programs.

    daemontools status [DIR...]     how the services of a tree are
    daemontools wait STATE DIR...   until services are up, down, steady or gone
    daemontools logs DIR...         the lines of logs, merged by time
    daemontools check DIR...        what is wrong with a service, before it runs
    daemontools new DIR ...         a service directory with a logger
    daemontools watch [DIR...]      the status, live, with keys for svc's letters

Each subcommand is a module with `add_options`, which describes its command line, and
`main`, which takes the parsed options and returns the exit code; `parse`, if there is one,
takes argparse's place in reading it. What a subcommand imports is paid only by that
subcommand. Manual: docs/man/daemontools.md
"""

import argparse
import os
import sys
from importlib import import_module

from daemontools.companion.words import printable
from daemontools.unix.messages import error_text

SUBCOMMANDS = {
    "status": "print how the services of a tree are",
    "wait": "wait until services are up, down, steady or gone",
    "logs": "print the lines of logs, merged by time",
    "check": "say what is wrong with a service, before it runs",
    "new": "make a service directory with a logger",
    "watch": "show the status, live, with keys for svc's letters",
}
WRONG = 100  # exit code: calling again will not help
REFUSED = 111  # exit code: the system refused something


def main(argv: list[bytes]) -> int:
    """Run the subcommand argv[1]; its exit code, or 100 for a usage error."""
    _open_what_is_closed()
    parser = argparse.ArgumentParser(
        prog="daemontools",
        description="See, wait for, read and check services under svscan or supervise.",
        epilog="\n".join(f"  {name:8}{does}" for name, does in SUBCOMMANDS.items())
        + "\n\n`daemontools SUBCOMMAND --help` shows the options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subcommand", choices=SUBCOMMANDS, help="what to do, see below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its options and directories")
    words = [os.fsdecode(word) for word in argv[1:]]
    try:
        chosen = parser.parse_args(words[:1] or ["--help"])
        module = import_module(f"{__name__}.{chosen.subcommand}")
        options = argparse.ArgumentParser(
            prog=f"daemontools {chosen.subcommand}", description=module.DESCRIPTION
        )
        module.add_options(options)
        parse = getattr(module, "parse", argparse.ArgumentParser.parse_args)
        code: int = module.main(parse(options, words[1:]))
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse: 0 after --help, 2 for a wrong word
        sys.stdout.flush()
        return WRONG if end.code else 0
    except BrokenPipeError:  # nobody reads any more
        return REFUSED
    except OSError as error:
        doing = "create" if chosen.subcommand == "new" else "read"
        what = f"unable to {doing} {printable(error.filename)}: " if error.filename else ""
        text = error_text(error.errno or 0)
        print(f"daemontools {chosen.subcommand}: fatal: {what}{text}", file=sys.stderr)
        return REFUSED


def _open_what_is_closed() -> None:
    """Point each standard descriptor that is closed to /dev/null.

    Python has no sys.stdout then, prints errors on the output if sys.stderr is missing, and
    the next file that is opened gets the number.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) < 3:  # the lowest that is free
        os.set_inheritable(fd, True)  # noqa: FBT003 - it takes no keyword
    os.close(fd)
    sys.stdin = sys.stdin or open(0, closefd=False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)
