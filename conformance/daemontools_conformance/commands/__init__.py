"""The command `daemontools-conformance`: a verb, or pytest with this suite's plugin and tests.

daemontools-conformance [--implementation NAME[=DIR]|DIR|FILE.toml] [option ...]
daemontools-conformance list|explain|smoke|adopt|diff|replay|matrix|badge|djb|untested ...
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

import pytest

from daemontools_conformance.selection import heavy
from daemontools_conformance.selection import tests as index


def main() -> None:
    """Run a verb, a differential session, or the suite."""
    try:
        _run_what_is_asked(sys.argv[1:])
    except BrokenPipeError:  # nobody reads on: `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run_what_is_asked(arguments: list[str]) -> None:
    if arguments[:1] in (["-h"], ["--help"]):
        _help()
        return
    if arguments and not arguments[0].startswith("-"):
        from daemontools_conformance.commands import verbs

        if arguments[0] in verbs.VERBS:
            sys.exit(verbs.main(arguments))
        if not _is_test(arguments[0]):
            known = ", ".join(verbs.VERBS)
            sys.exit(
                f"daemontools-conformance: no such command: {arguments[0]} (there are {known})"
            )
    if "--differential" in arguments:
        sys.exit(_differential(arguments))
    sys.exit(run(arguments))


def _help() -> None:
    """The verbs and the suite's own options; pytest's are too many to help here."""
    from daemontools_conformance import plugin
    from daemontools_conformance.commands import verbs

    parser = argparse.ArgumentParser(
        prog="daemontools-conformance",
        usage="%(prog)s [option ...] [pytest's option ...]\n       %(prog)s verb ...",
        description=f"Without a verb: run the suite. {verbs.__doc__}",
        epilog="All options of pytest work too: -k, -x, -n ... (pytest --help lists them).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    plugin.add_options(parser.add_argument)
    parser.add_argument(
        "--differential", nargs=2, metavar=("A", "B"), help="compare two on generated input"
    )
    parser.print_help()


def run(arguments: list[str]) -> int:
    """Run the suite; all arguments are pytest's, and those of `plugin.py`."""
    # Other plugins that happen to be installed change nothing and start no slower.
    os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    if not any(word.startswith(("-n", "--numprocesses")) for word in arguments):
        # Most tests only wait: more workers than cores. But each worker collects.
        for_each_core, most = (4, 16) if "--quick" in arguments else (14, 56)
        arguments = ["-n", str(min(for_each_core * (os.cpu_count() or 1), most)), *arguments]
    fixed = [
        "-p", "daemontools_conformance.plugin", "-p", "xdist", "--maxschedchunk", "1",
        "--rootdir", str(index.TESTS.parent), "-c", str(index.TESTS / "pytest.ini"), "-q",
    ]  # fmt: skip
    tests = [] if any(_is_test(word) for word in arguments) else _files(arguments)
    return int(pytest.main([*fixed, *tests, *arguments]))


def _files(arguments: list[str]) -> list[str]:
    """The test files that hold what is asked for: less to collect."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--program", action="append", default=[])
    parser.add_argument("--clause", action="append", default=[])
    parser.add_argument("--heavy", default="")
    asked = parser.parse_known_args(arguments)[0]
    if not asked.program and not asked.clause:
        left_out = [f"--ignore={file}" for file in heavy.files_to_leave_out(asked.heavy)]
        return [str(index.TESTS), *left_out]
    found = index.of_suite()
    wanted = [
        test
        for test in found
        if index.is_wanted(test.clause, asked.program, asked.clause) and test.heavy == asked.heavy
    ]
    return sorted({str(test.file) for test in wanted}) or [str(index.TESTS)]


def _is_test(word: str) -> bool:
    """Does the argument name tests of this suite (and not an implementation's folder)?"""
    return Path(word.split("::", maxsplit=1)[0]).absolute().is_relative_to(index.TESTS)


def _differential(arguments: list[str]) -> int:
    """`--differential A B ...`: the same generated input to two implementations."""
    differential = importlib.import_module("daemontools_conformance.differential")
    place = arguments.index("--differential")
    return int(differential.main(arguments[place + 1 :] + arguments[:place]))
