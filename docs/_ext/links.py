"""Links that nobody has to write: clauses, programs, files of this repository, terms.

A literal leads

    a clause's id, or a beginning of one    `svok/exit/killed`  `svok/exit/...`  `exec/`
        to the clause. An id of this shape that does not exist stops the build.
    the folder of a service                 the folder `supervise`, a link `supervise`
        to the glossary.
    a program, first in its section         `svc`  `svc -d`
        to its manual page.
    a file or folder of this repository     `unix/chain.py`  `fixtures/clone-in-c`
        to a page with its text.

In the book the first plain use of each term in a chapter leads to the glossary; not if the head
of the chapter says `other-meaning: TERM, TERM`.
The front page is README.md, and TEXTS has more such files: their links to files become
such literals, and their links to entries of the glossary lead to these.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from clauses import all_clauses
from docutils import nodes
from lookups import PROGRAMS, ROOT
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

log = logging.getLogger(__name__)
GLOSSARY, CHAPTER = "reference/glossary", "book/[0-9]"
FOLDER = "folder supervise"  # the entry to which "folder `supervise`" leads
# Where a file may be whose name is given without its folder.
FOLDERS = [
    "",
    "reference/daemontools/",
    "conformance/",
    "conformance/daemontools_conformance/",
    "conformance/daemontools_conformance/tests/",
]
# Pages whose text is a file elsewhere; and all files and folders that are pages here.
TEXTS = {
    "index": "README.md",
    "implementers/contract": "conformance/CONTRACT.md",
    "implementers/contributing": "CONTRIBUTING.md",
    "implementers/clone-in-c": "fixtures/clone-in-c/README.md",
}
PAGES = {**{file: page for page, file in TEXTS.items()}, "conformance/spec": "specification/index"}
# What runs leave in a checkout: it may be old, and is not committed.
MADE = ("build/", ".tox/", ".venv/")
LONGEST_SOURCE = 200_000  # bytes; a page with more is of no use


# CLAUSES


@cache
def topics() -> dict[str, str]:
    """All beginnings of ids: `svok`, `svok/exit` -> the program."""
    ids = [clause.id.split("/") for clause in all_clauses().values()]
    return {"/".join(id_[:n]): id_[0] for id_ in ids for n in (1, 2)}


def clause_address(text: str) -> str:
    """The page and anchor of an id or of the beginning of one; empty if it is neither.

    Raises LookupError if it has the shape of one and does not exist.
    """
    if text in all_clauses():
        return f"specification/{all_clauses()[text].program}#{text}"
    is_beginning = text.endswith(("/", "/..."))
    stem = text.removesuffix("...").rstrip("/")
    if text.startswith("specification/"):
        is_beginning, stem = True, text.removeprefix("specification/")
    if stem in topics() and is_beginning:
        anchor = f"#{stem.replace('/', '-')}" if "/" in stem else ""
        return f"specification/{topics()[stem]}{anchor}"
    is_one = re.fullmatch(r"[a-z0-9]+/[a-z-]+/[a-z0-9-]+", stem) or "/..." in text
    if is_one and stem.split("/")[0] in topics():
        raise LookupError(text)
    return ""


# FILES


def file_named(text: str) -> Path | None:
    """The file or folder of this repository that a literal names; None if it names none.

    Raises LookupError if it can only be meant as one and does not exist.
    """
    name = text.partition("::")[0].rstrip("/")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+|[A-Z]+\.md|action\.yml", name):
        return None
    for folder in FOLDERS:
        if (ROOT / folder / name).exists() and not name.startswith(MADE) and "_build" not in name:
            return ROOT / folder / name
    is_ours = name.startswith(("reference/", "conformance/", "fixtures/", "docs/"))
    if is_ours and name.islower() and "_build" not in name:
        raise LookupError(text)
    return None


def page_named(name: str, pages: "Collection[str]") -> str:
    """The page that is made from this file of the repository; empty if none is."""
    page = name.removeprefix("docs/").removesuffix(".md")
    return page if name == f"docs/{page}.md" and page in pages else ""


def source_page(path: Path) -> str:
    """The text of a file, or of the files in a folder (or in its folders), as HTML."""
    files = files_shown(path) if path.is_dir() else [path]
    parts = [f"<h1>{path.name}</h1>\n<p>{path.relative_to(ROOT)}</p>"]
    for file in files:
        if path.is_dir():
            parts.append(f"<h2>{file.relative_to(path)}</h2>")
        if file.stat().st_size > LONGEST_SOURCE:
            parts.append(f"<p>{file.stat().st_size} bytes.</p>")
            continue
        try:
            lexer = get_lexer_for_filename(file.name)
        except ClassNotFound:
            lexer = TextLexer()
        text = file.read_text(errors="replace")
        parts.append(highlight(text, lexer, HtmlFormatter(linenos="inline", lineanchors="line")))
    return "\n".join(parts)


def files_shown(folder: Path) -> list[Path]:
    """The files of a folder, or of the folders in it if it has none itself."""
    own = sorted(file for file in folder.iterdir() if file.is_file())
    below = (file for file in folder.rglob("*") if file.is_file())
    return own or sorted(file for file in below if "__pycache__" not in file.parts)


def source_pages(app: Any) -> "Iterator[tuple[str, dict[str, Any], str]]":
    """The pages of all files to which something leads."""
    for path in sorted(_wanted(app.env)):
        title = str(path.relative_to(ROOT))
        yield f"source/{title}", {"title": title, "body": source_page(path)}, "page.html"


def shared_tree(
    app: Any, page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Let the files of a folder share the tree of pages beside them: to make it takes long.

    No page of a file is in that tree, so the tree depends on the addresses of the others alone.
    """
    if page.startswith("source/"):
        folder, make = page.rpartition("/")[0], context["toctree"]

        def toctree(**options: Any) -> str:
            which = (folder, *sorted(options.items()))
            if which not in app.trees:
                app.trees[which] = make(**options)
            made: str = app.trees[which]
            return made

        context["toctree"] = toctree


def _wanted(env: Any) -> set[Path]:
    if not hasattr(env, "wanted_sources"):
        env.wanted_sources = set()
    wanted: set[Path] = env.wanted_sources
    return wanted


# TERMS


@cache
def terms() -> dict[str, tuple[str, str]]:
    """A term, as it is written -> the id of its entry, and the first name of that entry.

    A term in small letters may also begin with a capital: it may begin a sentence.
    """
    found = {}
    block = (ROOT / f"docs/{GLOSSARY}.md").read_text().partition("```{glossary}\n")[2]
    for entry in re.split(r"\n\n|```", block):
        names = [line for line in entry.splitlines() if line and line[0] != " "]
        for name in names:
            for written in (name, name[:1].upper() + name[1:]):
                found[written] = (f"term-{name.replace(' ', '-')}", names[0])
    return found


@cache
def any_term() -> "re.Pattern[str]":
    """Matches a term as a word of its own, in the singular or the plural."""
    longest_first = sorted(terms(), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})e?s?(?![\w-])")


def used_in(env: Any) -> dict[str, set[str]]:
    """The terms in each chapter that this build has written."""
    if not hasattr(env, "terms_used"):
        env.terms_used = {}
    found: dict[str, set[str]] = env.terms_used
    return found


class LinkTerms(SphinxPostTransform):
    """In a chapter, link the first plain use of each term to its entry."""

    default_priority = 600
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Sphinx calls this for each page."""
        if not re.match(CHAPTER, self.env.docname):
            return
        # The words that mean something else in this chapter, from its head.
        others = self.env.metadata[self.env.docname].get("other-meaning", "").split(", ")
        used = set(others)
        for text in list(self.document.findall(nodes.Text)):
            if is_plain(text):
                self._link(text, used)
        used_in(self.env)[self.env.docname] = used.difference(others)

    def _link(self, text: nodes.Text, used: set[str]) -> None:
        """Link the terms in a piece of text. A literal must be a term as a whole."""
        words, is_literal = text.astext(), isinstance(text.parent, nodes.literal)
        parts: list[nodes.Node] = []
        at = 0
        for match in any_term().finditer(words):
            id_, entry = terms()[match[1]]
            if entry not in used and (not is_literal or match[0] == words):
                used.add(entry)
                uri = self.app.builder.get_relative_uri(self.env.docname, GLOSSARY)
                link = nodes.reference("", match[0], refuri=f"{uri}#{id_}", internal=True)
                link["classes"].append("term")
                parts += [nodes.Text(words[at : match.start()]), link]
                at = match.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(words[at:])])


# LITERALS


def is_plain(node: nodes.Node) -> bool:
    """Is it in no link, no heading and no block of code, and not the term of a list?"""
    others = (nodes.reference, nodes.title, nodes.FixedTextElement, nodes.raw, nodes.term,
              addnodes.download_reference)  # fmt: skip
    while node := node.parent:
        if isinstance(node, others) or "clause-id" in node.get("classes", ()):
            return False
    return True


class LinkLiterals(SphinxPostTransform):
    """Link literals that name a clause, a file, or, first in its section, a program."""

    default_priority = 590
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Sphinx calls this for each page."""
        seen: set[tuple[int, str]] = set()
        for literal in list(self.document.findall(nodes.literal)):
            if not is_plain(literal):
                continue
            try:
                uri = self._address(literal, seen)
            except LookupError as error:
                log.warning("there is no %s", error, location=literal)
                continue
            if uri:
                link = nodes.reference("", "", refuri=uri, internal=True)
                literal.replace_self(link)
                link += literal

    def _address(self, literal: nodes.literal, seen: set[tuple[int, str]]) -> str:
        text = literal.astext()
        if address := clause_address(text):
            page, _, anchor = address.partition("#")
            return self._relative(page) + (f"#{anchor}" if anchor else "")
        index = literal.parent.index(literal)
        before = literal.parent[index - 1].astext() if index else ""
        if text == "supervise" and before.endswith(("folder ", "link ")):
            return f"{self._relative(GLOSSARY)}#term-{FOLDER.replace(' ', '-')}"
        if program := self._program(literal, seen):
            return self._relative(f"man/{program}")
        file = file_named(text)
        if not file:
            return ""
        name = str(file.relative_to(ROOT))
        if page := PAGES.get(name) or page_named(name, self.env.found_docs):
            return self._relative(page)
        _wanted(self.env).add(file)
        return self._relative(f"source/{name}")

    def _program(self, literal: nodes.literal, seen: set[tuple[int, str]]) -> str:
        """The program that the literal calls, if this is the first time in its section."""
        name, _, rest = literal.astext().partition(" ")
        if rest and rest[0] != "-":
            return ""
        section = literal.parent
        while section.parent and not isinstance(section, nodes.section):
            section = section.parent
        if name not in PROGRAMS or self.env.docname == f"man/{name}" or (id(section), name) in seen:
            return ""
        seen.add((id(section), name))
        return name

    def _relative(self, page: str) -> str:
        return self.app.builder.get_relative_uri(self.env.docname, page)


# THE INDEX AND THE FRONT PAGE


def index_entries(app: Any, doctree: nodes.document) -> None:
    """Enter the programs and the topics of clauses into the index."""
    name = app.env.docname
    page = name.rpartition("/")[2]
    entries: list[tuple[str, str, str]] = []
    if name.startswith("man/") and page in PROGRAMS:
        entries = [(f"{page}; manual page", "", page)]
    elif name.startswith("specification/") and page in topics():
        entries = [
            (f"{page}; {topic.partition('/')[2]} (clauses)", topic.replace("/", "-"), page)
            for topic in topics()
            if topic.startswith(f"{page}/")
        ]
    if entries:
        made = [("single", text, id_, "", None) for text, id_, _ in entries]
        doctree.insert(0, addnodes.index(entries=made))


def front_page(app: Any, docname: str, content: list[str]) -> None:
    """Make README.md the front page, and each other file in TEXTS its page."""
    if docname not in TEXTS:
        return
    file = ROOT / TEXTS[docname]
    text = file.read_text()
    app.env.note_dependency(str(file))

    def link(match: "re.Match[str]") -> str:
        words, target, anchor = match.groups()
        path = str((file.parent / target).resolve().relative_to(ROOT))
        if anchor and anchor.startswith("#term-"):
            return f"{{term}}`{words} <{anchor.removeprefix('#term-').replace('-', ' ')}>`"
        page = f"{PAGES[path]}.md" if path in PAGES else path.removeprefix("docs/")
        if page == path:
            return f"`{words.strip('`')}`"
        return f"[{words}]({'../' * docname.count('/')}{page}{anchor or ''})"

    text = re.sub(r"\[([^]]*)\]\(((?!https?:)[\w./-]+)(#[\w-]+)?\)", link, text)
    content[0] = f"{text}\n{content[0]}"


def unused_terms(app: Any) -> "Iterator[tuple[str, dict[str, Any], str]]":
    """Warn of terms that no chapter uses, if all chapters were written. (No pages.)"""
    used = used_in(app.env)
    if len(used) == sum(bool(re.match(CHAPTER, name)) for name in app.env.found_docs):
        for entry in sorted(
            {entry for _, entry in terms().values()}.difference([FOLDER], *used.values())
        ):
            log.warning("no chapter uses the term %r of the glossary", entry)
    return iter(())


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_post_transform(LinkLiterals)
    app.add_post_transform(LinkTerms)
    app.connect("doctree-read", index_entries)
    app.connect("source-read", front_page)
    app.connect("html-collect-pages", source_pages)
    app.trees = {}
    app.connect("html-page-context", shared_tree, priority=400)  # before the theme asks for it
    app.connect("html-collect-pages", unused_terms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
