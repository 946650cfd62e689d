"""Build the site and the manual pages, warnings as errors, and check what is generated.

    python docs/build.py            build and check
    python docs/build.py --write    first write again what is generated and committed

Committed and generated: the pictures and the curves of costs (docs/diagrams), the
reading order in README.md with its line counts, the address of the repository in
docs/implementers/ci.md, which pyproject.toml says, and docs/data/lines.json, if
`./check -e lines` has measured here.
What is built lies in docs/_build: html, man.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
BUILD = DOCS / "_build"
sys.path[:0] = [str(DOCS / "_ext"), str(ROOT / "reference"), str(ROOT / "conformance")]

import costs  # noqa: E402
import picture  # noqa: E402
import pictures  # noqa: E402
import tables  # noqa: E402
import unexecuted  # noqa: E402
import whole  # noqa: E402

from daemontools_conformance.contract import clauses  # noqa: E402
from daemontools_conformance.reports import committed  # noqa: E402

# The installer takes the manual pages from here: a server has no Sphinx.
PAGES = ROOT / "reference/daemontools/man"
CI = DOCS / "implementers/ci.md"
MATRIX = DOCS / "diagrams/matrix.svg"

PICTURE = "![Clauses that hold, by program and implementation](docs/diagrams/matrix.svg)"


def as_generated(readme: str) -> str:
    """The README with the text between its marks, and the repository's address, written again."""
    shown = {"reading order": tables.reading_order(readme), "matrix": PICTURE if matrix() else ""}
    for name, text in shown.items():
        head, mark, rest = readme.partition(f"<!-- {name}: docs/build.py --write -->\n")
        _, end, tail = rest.partition("<!-- end -->\n")
        assert mark and end, f"README.md has lost the marks around its {name}"  # noqa: PT018
        readme = f"{head}{mark}\n{text}\n\n{end}{tail}"
    return with_owner(readme)


def with_owner(page: str) -> str:
    """A page with the account that holds the repository in each of its addresses."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    owner, name = urls["Repository"].split("/")[-2:]
    return re.sub(rf"[\w-]+/{name}(?=[@\n])", f"{owner}/{name}", page)


def matrix() -> str:
    """The picture of the committed results; empty as long as there are none."""
    reports = committed.reports()
    return picture.draw(clauses.load(), reports) if reports else ""


def build(*builders: str) -> list[Path]:
    """Build anew with some of Sphinx's builders at once; their folders. SystemExit if one warned.

    They cannot share what they have read: manual pages keep the quotes as they were typed.
    """
    begun = {}
    for builder in builders:
        shutil.rmtree(BUILD / builder, ignore_errors=True)
        flags = ["-E", "-n", "-W", "--keep-going", "-q", "-b", builder]
        read = ["-d", BUILD / f"doctrees-{builder}"]
        sphinx = [sys.executable, "-m", "sphinx", *flags, *read, DOCS, BUILD / builder]
        begun[builder] = subprocess.Popen(sphinx)
    if failed := [builder for builder, sphinx in begun.items() if sphinx.wait() != 0]:
        sys.exit(f"Sphinx, {' and '.join(failed)}: see its warnings above")
    return [BUILD / builder for builder in builders]


def manual_pages(folder: Path) -> dict[str, str]:
    """The manual pages in a folder, by their names."""
    return {page.name: page.read_text() for page in folder.glob("*.8")}


def lint_manual_pages(folder: Path) -> list[str]:
    """What mandoc finds wrong with the manual pages; nothing if there is no mandoc."""
    if not shutil.which("mandoc"):
        print("mandoc is not here: the manual pages are not linted")
        return []
    pages = sorted(folder.glob("*.8"))
    lint = ["mandoc", "-T", "lint", "-W", "error", *pages]
    return subprocess.run(lint, check=False, capture_output=True, text=True).stdout.splitlines()


def main() -> int:
    """Write if asked to, check, build; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(description="build the site and the manual pages")
    parser.add_argument("--write", action="store_true", help="first write what is generated")
    readme = ROOT / "README.md"
    write = parser.parse_args().write
    if write:
        readme.write_text(as_generated(readme.read_text()))
        CI.write_text(with_owner(CI.read_text()))
        tables.draw()
        pictures.write()
        costs.write()
        unexecuted.write()
        if matrix():
            MATRIX.write_text(matrix())
    problems = [] if tables.is_fresh() else ["docs/diagrams is stale"]
    problems += [f"docs/diagrams/{name}.svg is stale" for name in pictures.stale()]
    if not costs.is_fresh():
        problems.append("docs/diagrams/costs is stale")
    if matrix() and (not MATRIX.exists() or MATRIX.read_text() != matrix()):
        problems.append("docs/diagrams/matrix.svg is stale")
    if readme.read_text() != as_generated(readme.read_text()):
        problems.append("the reading order, the matrix or the address in README.md is stale")
    if CI.read_text() != with_owner(CI.read_text()):
        problems.append("docs/implementers/ci.md names another repository than pyproject.toml")
    html, man = build("html", "man")
    problems += [f"a link leads nowhere: {link}" for link in whole.broken_links(html)]
    problems += [f"{page} names a folder here" for page in whole.pages_that_name(ROOT, html)]
    if write:
        for page in PAGES.glob("*.8"):
            page.unlink()
        for name, text in manual_pages(man).items():
            (PAGES / name).write_text(text)
    if manual_pages(PAGES) != manual_pages(man):
        problems.append("reference/daemontools/man is stale")
    problems += lint_manual_pages(man)
    for problem in problems:
        print(problem)
    if problems:
        print("python docs/build.py --write may help")
        return 1
    print(f"{html}/index.html, and {len(list(man.glob('*.8')))} manual pages in {man}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
