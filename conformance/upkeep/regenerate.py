"""The committed results of all shipped profiles, and the pages made of them.

    python conformance/upkeep/regenerate.py [NAME[=DIR] ...]  run those profiles (all), make pages
    python conformance/upkeep/regenerate.py --pages           make the pages only
    python conformance/upkeep/regenerate.py --check           is anything stale? exit 1 if so

A profile whose programs are not on this machine keeps the results it has, and
that is said. One whose programs no registry carries is run only as NAME=DIR; its
results may be older than the suite, which the matrix says of them. Evidence stays
out of the repository: a run with --report makes it anew.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.places import folder
from daemontools_conformance.contract.profiles import ProfileError, find
from daemontools_conformance.reports import badge, lines, matrix, pages, results
from daemontools_conformance.selection.tests import of_suite

RESULTS = folder("results")
NOTHING_WAS_RUN = {4, 5}  # pytest's exit codes: usage, nothing selected


def names() -> list[str]:
    """The shipped profiles, djb's first, then the reference, then the others."""
    shipped = sorted(file.stem for file in folder("profiles").glob("*.toml"))
    return sorted(shipped, key=lambda name: (name != "djb", name != "reference", name))


def run(asked: str, options: list[str]) -> str:
    """Run a profile and keep its results; what there is to say, empty if all is as declared.

    `asked` is a profile's name, or NAME=DIR.
    """
    name = asked.partition("=")[0]
    try:
        needs_folder = find(asked).needs_folder
    except ProfileError as error:
        return f"{name}: {error}"
    if needs_folder:
        return f"{name}: cannot be run here unless you say where its programs are: {name}=DIR"
    with tempfile.TemporaryDirectory() as report:
        command = [
            *(sys.executable, "-m", "daemontools_conformance"),
            *("--implementation", asked, "--report", report, *options),
        ]
        status = subprocess.run(command, check=False).returncode
        if status in NOTHING_WAS_RUN:
            return f"{name}: cannot be run here; its committed results stay as they are"
        lines = [_lasting(line) for line in _lines(Path(report))]
        (RESULTS / f"{name}.jsonl").write_text(results.as_text(lines))
        return "" if status == 0 else f"{name}: not everything is as declared"


def _lines(report: Path) -> list[results.Line]:
    """The lines of a report that was found to be whole."""
    found = results.read(report)
    return [found.header, *found.tests, *found.clauses.values(), found.footer]


def _lasting(line: results.Line) -> results.Line:
    """The line without what differs from run to run and means nothing."""
    kept = dict(line)
    if "evidence" in kept:
        kept["evidence"] = ""
    if "detail" in kept:
        kept["detail"] = re.sub(
            r"/tmp/[\w./-]*?/(bin|peer|mapped|box)\b", r"/.../\1", kept["detail"]
        )
        kept["detail"] = kept["detail"][:2000]
    if "seconds" in kept:
        kept["seconds"] = round(kept["seconds"], 1)
    if kept["kind"] == "header":
        kept["options"] = []
    return kept


def make_pages() -> None:
    """The matrix, the badges and the two generated lists."""
    known = clauses.load()
    reports = pages.committed_reports()
    (RESULTS / "matrix.html").write_text(matrix.page(reports, known, clause_link="../spec/{file}"))
    for report in reports:
        (RESULTS / f"{report.name}.svg").write_text(badge.image(report))
    (RESULTS / "djb-list.md").write_text(pages.djb_list(known, reports))
    (RESULTS / "untested.md").write_text(pages.untested(known, of_suite(), reports))


def _file(name: str) -> Path:
    return RESULTS / f"{name}.jsonl"


def stale() -> Iterator[str]:
    """What no longer fits clauses, tests and profiles, a line each."""
    spec = results.spec_digest(clauses.load().values())
    tests = results.tests_digest()
    for name in names():
        if find(name).needs_folder:
            continue
        if not _file(name).exists():
            yield f"{name}: there are no results"
            continue
        header = results.read(_file(name)).header
        if header["spec_digest"] != spec:
            yield f"{name}: the clauses have changed since"
        if header["tests_digest"] != tests:
            yield f"{name}: the tests have changed since"
        if header["profile_digest"] != results.profile_digest(find(name)):
            yield f"{name}: the profile has changed since"
    sources = folder("profiles").parents[1] / "reference/daemontools"
    for name, facts in lines.measured()["files"].items():
        if not lines.is_as_measured(sources / name, facts):
            yield f"lines.json: {name} has changed since"
    for file in RESULTS.glob("*.jsonl"):
        if file.stem not in names():
            yield f"{file.name}: there is no such profile"


def main() -> int:
    """Run, make pages, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME[=DIR]", help="default: all")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--pages", action="store_true")
    arguments, options = parser.parse_known_args()
    if arguments.check:
        found = list(stale())
        print("\n".join(found) or "the committed results are those of this tree")
        return 1 if found else 0
    said = []
    if not arguments.pages:
        said = [text for name in arguments.names or names() if (text := run(name, options))]
    make_pages()
    print("\n".join(said) or "all is as declared")
    return 1 if any("as declared" in text for text in said) else 0


if __name__ == "__main__":
    sys.exit(main())
