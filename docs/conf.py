"""The site: `tox -e docs` builds it, HTML and manual pages, warnings as errors."""

import sys
from pathlib import Path
from typing import Any

from docutils import nodes

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE / "_ext"),
    str(HERE.parent / "reference"),
    str(HERE.parent / "conformance"),
]

import daemontools  # noqa: E402
from daemontools import install  # noqa: E402

project = "daemontools-reference"
author = "the daemontools-reference authors"
copyright = "2026, the daemontools-reference authors"  # noqa: A001 - Sphinx's name
version = release = daemontools.__version__

extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "clauses",
    "costs",
    "diffs",
    "links",
    "lookups",
    "pictures",
    "tables",
    "transcript",
    "words",
]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext", "requirements.txt", "README.md"]
nitpicky = True

# Copying takes what is typed: the lines after `$ ` and `> `, without these.
copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .go"

html_theme = "furo"
html_title = "daemontools-reference"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False


def _manual(program: str) -> tuple[str, str, str, str, int]:
    """One line of `man_pages`; the summary is the page's title after the dash."""
    title = (HERE / "man" / f"{program}.md").read_text().splitlines()[0]
    return (f"man/{program}", program, title.partition(" — ")[2], author, 8)


man_pages = [
    _manual(page.stem) for page in sorted((HERE / "man").glob("*.md")) if page.stem != "index"
]
man_show_urls = True
today = "November 2026"  # of the manual pages, which are committed

# Every program has its page, and no page is without its program.
if (HERE / "man").exists():
    pages, programs = {page[1] for page in man_pages}, set(install.commands())
    assert programs <= pages, f"no manual page: {sorted(programs - pages)}"


def _plain(app: Any, doctree: nodes.document, _: str) -> None:
    """A link from one manual page to another has no address there: keep its words alone."""
    if app.builder.name == "man":
        for link in list(doctree.findall(nodes.reference)):
            if not link.get("refuri", "").startswith("http"):
                link.replace_self(link.children)


def setup(app: Any) -> None:
    """Sphinx calls this."""
    app.connect("doctree-resolved", _plain)
