"""Make the committed results of all shipped profiles, and the pages from them.

    python conformance/upkeep/regenerate.py [NAME[=DIR] ...]  run these profiles (default: all)
    python conformance/upkeep/regenerate.py --pages           make the pages only
    python conformance/upkeep/regenerate.py --check           exit 1 if any results are stale

Run this (`tox -e results`) after a change of clauses, tests or profiles, and commit its
files apart. "not everything is as declared" means that a program or a profile has
changed. If nobody maintains this, delete conformance/results, reports/committed.py, and
what the README and the site show from them; `--quick` then guesses durations.

It commits one outcome for each clause (conformance/results); reports and pages go to
build/results. If the programs of a profile are not on this machine, its results stay as
they are, and a message says so. If no registry carries its programs, it runs only as
NAME=DIR; the matrix marks results that an older suite made.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.profiles import ProfileError, find
from daemontools_conformance.reports import badge, committed, matrix, pages, results
from daemontools_conformance.selection.tests import of_suite

BUILD = Path(__file__).parents[2] / "build/results"
NOTHING_WAS_RUN = {4, 5}  # pytest's exit codes: usage, nothing selected


def names() -> list[str]:
    """The shipped profiles, djb's first, then the reference, then the others."""
    shipped = sorted(file.stem for file in folder("profiles").glob("*.toml"))
    return sorted(shipped, key=lambda name: (name != "djb", name != "reference", name))


def run(asked: str, options: list[str]) -> str:
    """Run a profile and write its results; a message, empty if everything is as declared.

    `asked` is a profile's name, or NAME=DIR.
    """
    name = asked.partition("=")[0]
    try:
        needs_folder = find(asked).needs_folder
    except ProfileError as error:
        return f"{name}: {error}"
    if needs_folder:
        return f"{name}: cannot run here unless you say where its programs are: {name}=DIR"
    with tempfile.TemporaryDirectory() as report:
        command = [
            *(sys.executable, "-I", "-m", "daemontools_conformance"),
            *("--implementation", asked, "--report", report, *options),
        ]
        exit_code = subprocess.run(command, check=False).returncode
        if exit_code in NOTHING_WAS_RUN:
            return f"{name}: cannot run here; its committed results stay as they are"
        keep(name, Path(report))
        return "" if exit_code == 0 else f"{name}: not everything is as declared"


def keep(name: str, folder_of_report: Path) -> None:
    """Write a report's outcomes and djb's durations; copy the report to build/results.

    Raises BrokenReport.
    """
    found = results.read(folder_of_report)
    committed.file_of(name).write_text(committed.as_text(found))
    if name == "djb":
        durations = folder("results") / "durations.txt"
        durations.write_text(committed.durations_as_text(found.tests))
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder_of_report / "results.jsonl", BUILD / f"{name}.jsonl")


def make_pages() -> None:
    """Make the matrix, the badges and the two generated lists from the committed results."""
    known = clauses.load()
    reports = committed.reports()
    BUILD.mkdir(parents=True, exist_ok=True)
    link = "../../conformance/spec/{file}"
    (BUILD / "matrix.html").write_text(matrix.page(reports, known, clause_link=link))
    for report in reports:
        (BUILD / f"{report.name}.svg").write_text(badge.image(report))
    (BUILD / "djb-list.md").write_text(pages.djb_list(known, reports))
    (BUILD / "untested.md").write_text(pages.untested(known, of_suite(), reports))


def stale() -> Iterator[str]:
    """A line for each result that is older than its clauses, tests or profile."""
    spec = results.spec_digest(clauses.load().values())
    tests = results.tests_digest()
    for name in names():
        if find(name).needs_folder:
            continue
        if not committed.file_of(name).exists():
            yield f"{name}: has no results"
            continue
        header = committed.read(committed.file_of(name)).header
        if header["spec_digest"] != spec:
            yield f"{name}: the clauses have changed since"
        if header["tests_digest"] != tests:
            yield f"{name}: the tests have changed since"
        if header["profile_digest"] != results.profile_digest(find(name)):
            yield f"{name}: the profile has changed since"
    for file in folder("results").glob("*.cells"):
        if file.stem not in names():
            yield f"{file.name}: has no profile"


def main() -> int:
    """Run, make pages, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    which = "the profiles to run (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME[=DIR]", help=which)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--pages", action="store_true")
    arguments, options = parser.parse_known_args()
    if arguments.check:
        found = list(stale())
        print("\n".join(found) or "the committed results are up to date")
        return 1 if found else 0
    said = []
    if not arguments.pages:
        said = [text for name in arguments.names or names() if (text := run(name, options))]
    make_pages()
    print("\n".join(said) or "everything is as declared")
    return 1 if any("as declared" in text for text in said) else 0


if __name__ == "__main__":
    sys.exit(main())
