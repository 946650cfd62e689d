"""The verbs of the command: what one does with the suite besides running it.

list       the clauses, one a line
explain    a clause: what it says, why it matters, how to see it by hand, who deviates
smoke      is the profile wrong, or the program?
adopt      write a first profile from a run
diff       what changed between two results
replay     the steps of one test as a shell script
matrix     one HTML page of several results
badge      one SVG line of one result
djb        the list of what djb's own tests leave out, with the clauses that test it
untested   the list of what this suite does not test
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from daemontools_conformance.commands import adopt, explain, smoke
from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.profiles import ProfileError, find
from daemontools_conformance.reports import badge, changes, committed, matrix, pages, results
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
    for name, (add_arguments, _) in VERBS.items():
        add_arguments(verbs.add_parser(name))
    arguments, options = parser.parse_known_args(words)
    if options and arguments.verb != "adopt":
        parser.error(f"{arguments.verb} takes no {' '.join(options)}")
    arguments.options = options
    try:
        return VERBS[arguments.verb][1](arguments)
    except BrokenPipeError:  # no error of the verb's: the command knows what to do
        raise
    except (ProfileError, clauses.SpecError, results.BrokenReport, OSError) as error:
        print(f"daemontools-conformance {arguments.verb}: {error}", file=sys.stderr)
        return 2


def _report(file: Path) -> results.Report:
    """The report in either of its forms. Raises BrokenReport."""
    return committed.read(file) if file.suffix == ".cells" else results.read(file)


def _smoke_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("implementation", metavar="NAME[=DIR]|DIR|FILE.toml")


def _smoke(arguments: _Arguments) -> int:
    return smoke.main(find(arguments.implementation))


def _adopt_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("implementation", metavar="NAME[=DIR]|DIR|FILE.toml")
    parser.add_argument("-o", "--output", type=Path, default=None, help="default: NAME.toml")
    parser.epilog = "Further options are those of the run."


def _adopt(arguments: _Arguments) -> int:
    options = [word for word in arguments.options if word != "--"]
    return adopt.main(arguments.implementation, arguments.output, options)


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "before",
        type=Path,
        help="a report folder, its results.jsonl, or committed results (NAME.cells)",
    )
    parser.add_argument("after", type=Path, help="the same of a later run")


def _diff(arguments: _Arguments) -> int:
    before, after = _report(arguments.before), _report(arguments.after)
    lines, is_worse = changes.differences(before, after)
    print("\n".join(lines))
    return 1 if is_worse else 0


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("evidence", type=Path, help="the folder that a failure names, or a report")
    parser.add_argument("clause", nargs="?", default="", help="of a report: which clause or test")
    parser.add_argument("--run", action="store_true", help="run it instead of printing it")


def _replay(arguments: _Arguments) -> int:
    scripts = sorted(arguments.evidence.rglob("replay.sh"))
    wanted = arguments.clause.replace("/", ".")
    scripts = [
        script for script in scripts if wanted in str(script.relative_to(arguments.evidence))
    ]
    if len(scripts) != 1:
        for script in scripts:
            print(script.parent)
        there = f"{len(scripts)} tests have evidence in {arguments.evidence}"
        print(f"{there}{'; name one' if scripts else ''}", file=sys.stderr)
        return 1
    set_up = re.findall(r"/\S+/daemontools-conformance-\w+/\w+", scripts[0].read_text())
    if gone := [folder for folder in set_up if not Path(folder).exists()]:
        print(f"it needs programs that were set up for that run only: {gone[0]}", file=sys.stderr)
    if arguments.run:
        return subprocess.run(["bash", scripts[0]], check=False).returncode
    print(scripts[0].read_text(), end="")
    return 0


def _matrix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        type=Path,
        nargs="+",
        help="report folders, their results.jsonl, or committed results",
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--clause-link", default="", help="may hold {program}, {anchor}, {file}")


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
    parser.add_argument("-o", "--output", type=Path, required=True, help="an SVG file")


def _badge(arguments: _Arguments) -> int:
    arguments.output.write_text(badge.image(_report(arguments.results)))
    return 0


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "prints Markdown"


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
    "replay": (_replay_arguments, _replay),
    "matrix": (_matrix_arguments, _matrix),
    "badge": (_badge_arguments, _badge),
    "djb": (_no_arguments, _djb),
    "untested": (_no_arguments, _untested),
}
