"""The verbs do everything besides running the suite:

list       print the clauses, one a line
explain    explain a clause: its text, why it matters, how to see it by hand, who deviates
smoke      call each program once, to tell a wrong profile from a wrong program
adopt      write a first profile from a run
diff       show what changed between two results
replay     print or run the steps of one test as a shell script
matrix     write one HTML page from several results
badge      write one result as an SVG badge
djb        print what djb's own tests leave out, with the clauses that test it
untested   print what this suite does not test
exercise   grade your own svok, setlock, tai64n or supervise step by step, in any language
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from daemontools_conformance.commands import adopt, exercise, explain, replay, smoke
from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.profiles import ProfileError, find
from daemontools_conformance.reports import badge, changes, committed, matrix, pages, results
from daemontools_conformance.selection.options import CannotRun
from daemontools_conformance.selection.tests import of_suite

_Arguments = argparse.Namespace


def main(words: list[str]) -> int:
    """Run the verb `words[0]` with the rest as its arguments."""
    parser = argparse.ArgumentParser(
        prog="daemontools-conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, what in re.findall(r"^([a-z]+)  +(.+)$", str(__doc__), re.MULTILINE):
        add_arguments, _ = VERBS[name]
        add_arguments(verbs.add_parser(name, description=f"{what[:1].upper()}{what[1:]}."))
    arguments, options = parser.parse_known_args(words)
    if options and arguments.verb != "adopt":
        parser.error(f"{arguments.verb} takes no {' '.join(options)}")
    arguments.options = options
    try:
        return VERBS[arguments.verb][1](arguments)
    except BrokenPipeError:  # not the verb's error: commands.main handles it
        raise
    except (ProfileError, clauses.SpecError, CannotRun, results.BrokenReport, OSError) as error:
        print(f"daemontools-conformance {arguments.verb}: {error}", file=sys.stderr)
        return 2


def _report(file: Path) -> results.Report:
    """Read a report in either form. Raises BrokenReport."""
    return committed.read(file) if file.suffix == ".cells" else results.read(file)


def _implementation_argument(parser: argparse.ArgumentParser) -> None:
    judged = "the implementation: a shipped profile, a folder of programs, or a profile file"
    parser.add_argument("implementation", metavar="NAME[=DIR]|DIR|FILE.toml", help=judged)


def _smoke_arguments(parser: argparse.ArgumentParser) -> None:
    _implementation_argument(parser)
    trouble = "is missing, does not start, does not end, crashes, writes more than 1 MB, exits "
    trouble += "126 or 127, or is called with `arguments` and does not exit as 0.76's"
    parser.epilog = f"The exit code is 1 if a program that should be there {trouble}."


def _smoke(arguments: _Arguments) -> int:
    return smoke.main(find(arguments.implementation))


def _adopt_arguments(parser: argparse.ArgumentParser) -> None:
    _implementation_argument(parser)
    output = "the profile to write (default: NAME.toml)"
    parser.add_argument("-o", "--output", type=Path, default=None, help=output)
    parser.epilog = "Further options, but not --report, are for the run: FOLDER --quick -n 8 ..."


def _adopt(arguments: _Arguments) -> int:
    options = [word for word in arguments.options if word != "--"]
    for word in options:
        if word.partition("=")[0] in ("--report", "--implementation"):  # adopt gives its own
            raise CannotRun(f"adopt takes no {word}: its last lines name the report of its run")
    return adopt.main(arguments.implementation, arguments.output, options)


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "before",
        type=Path,
        help="a report folder, its results.jsonl, or committed results (NAME.cells)",
    )
    parser.add_argument("after", type=Path, help="the same from a later run")
    parser.epilog = "The exit code is 1 if a clause became worse."


def _diff(arguments: _Arguments) -> int:
    before, after = _report(arguments.before), _report(arguments.after)
    lines, is_worse = changes.differences(before, after)
    print("\n".join(lines))
    return 1 if is_worse else 0


def _matrix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        type=Path,
        nargs="+",
        help="report folders, their results.jsonl, or committed results",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the HTML file to write")
    link = "the address that a clause links to; may hold {program}, {anchor}, {file}"
    parser.add_argument("--clause-link", default="", help=link)


def _matrix(arguments: _Arguments) -> int:
    reports = [_report(file) for file in arguments.results]
    evidence = [str(file.absolute()) if file.is_dir() else "" for file in arguments.results]
    page = matrix.page(reports, clauses.load(), evidence, arguments.clause_link)
    arguments.output.write_text(page)
    return 0


def _badge_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        type=Path,
        help="a report folder, its results.jsonl, or committed results (NAME.cells)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the SVG file to write")


def _badge(arguments: _Arguments) -> int:
    arguments.output.write_text(badge.image(_report(arguments.results)))
    return 0


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "The output is Markdown."


def _djb(_: _Arguments) -> int:
    print(pages.djb_list(clauses.load(), committed.reports()), end="")
    return 0


def _untested(_: _Arguments) -> int:
    print(pages.untested(clauses.load(), of_suite(), committed.reports()), end="")
    return 0


# verb -> (what adds its arguments, what it does)
VERBS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[[_Arguments], int]]] = {
    "list": (explain.list_arguments, explain.list_clauses),
    "explain": (explain.arguments, explain.explain),
    "smoke": (_smoke_arguments, _smoke),
    "adopt": (_adopt_arguments, _adopt),
    "diff": (_diff_arguments, _diff),
    "replay": (replay.arguments, replay.main),
    "matrix": (_matrix_arguments, _matrix),
    "badge": (_badge_arguments, _badge),
    "djb": (_no_arguments, _djb),
    "untested": (_no_arguments, _untested),
    "exercise": (exercise.arguments, exercise.exercise),
}
