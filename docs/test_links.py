"""The links that nobody writes lead where they should, or stop the build."""

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent / "conformance")]

import links  # noqa: E402
import whole  # noqa: E402
from pygments.token import Generic  # noqa: E402
from transcript import TranscriptLexer  # noqa: E402


@pytest.mark.parametrize(
    ("literal", "address"),
    [
        ("svok/exit/killed", "specification/svok#svok/exit/killed"),
        ("svok/exit/...", "specification/svok#svok-exit"),
        ("exec/", "specification/exec"),
        ("specification/exec", "specification/exec"),
        ("supervise/status", ""),  # a file
        ("main/current", ""),
        ("a word", ""),
    ],
)
def test_a_literal_leads_to_its_clause(literal: str, address: str) -> None:
    assert links.clause_address(literal) == address


@pytest.mark.parametrize("literal", ["svok/exit/never", "svok/nothing/..."])
def test_a_clause_that_does_not_exist_is_noticed(literal: str) -> None:
    with pytest.raises(LookupError):
        links.clause_address(literal)


@pytest.mark.parametrize(
    ("literal", "file"),
    [
        ("unix/chain.py", "reference/daemontools/unix/chain.py"),
        ("fixtures/clone-in-c", "fixtures/clone-in-c"),
        ("CONTRACT.md", "conformance/CONTRACT.md"),
        ("action.yml", "action.yml"),
        (
            "svok/test_exit.py::test_running_supervise_gives_0",
            "conformance/daemontools_conformance/tests/svok/test_exit.py",
        ),
        ("reference/tests/test_late.py::test_x", "reference/tests/test_late.py"),
        ("env/PORT", None),
        ("service/clock", None),
    ],
)
def test_a_literal_leads_to_its_file(literal: str, file: str | None) -> None:
    assert links.file_named(literal) == (links.ROOT / file if file else None)


def test_a_file_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(LookupError):
        links.file_named("conformance/nowhere.py")


def test_a_folder_with_the_name_of_a_page_is_not_that_page() -> None:
    pages = ["book/03-supervise"]
    assert links.page_named("docs/book/03-supervise.md", pages) == "book/03-supervise"
    assert links.page_named("docs/book/03-supervise", pages) == ""


def test_every_term_of_the_glossary_is_found_in_the_book() -> None:
    book = "\n".join(page.read_text() for page in DOCS.glob("book/[0-9]*.md"))
    book = book.replace("folder `supervise`", links.FOLDER)
    found = {links.terms()[match[1]][1] for match in links.any_term().finditer(book)}
    assert found == {entry for _, entry in links.terms().values()}


def test_a_term_is_a_word_of_its_own() -> None:
    found = [
        match[0]
        for match in links.any_term().finditer("FIFOs pipelines self-pipe re-exec tai64n Pipe")
    ]
    assert found == ["FIFOs", "self-pipe", "Pipe"]


def test_the_glossary_is_in_alphabetical_order() -> None:
    first = list(dict.fromkeys(entry for _, entry in links.terms().values()))
    assert first == sorted(first, key=str.lower)


@pytest.mark.parametrize("page", links.TEXTS)
def test_a_page_made_from_a_file_has_links_that_count_from_the_page(page: str) -> None:
    class App:
        class env:  # noqa: N801 - Sphinx's name
            note_dependency = staticmethod(lambda _file: None)

    content = [""]
    links.front_page(App, page, content)
    for target in re.findall(r"\]\(([^)#]+)", content[0]):
        there = (DOCS / page).parent / target
        generated = target.startswith("../specification") or "specification/" in target
        assert target.startswith("http") or generated or there.exists(), target


def test_what_is_typed_differs_from_what_comes_out() -> None:
    text = "$ cat <<E\n> x\n> E\nx\n> not typed\n"
    shown = [(token, words) for _, token, words in TranscriptLexer().get_tokens_unprocessed(text)]
    assert [words for token, words in shown if token is Generic.Strong] == [
        "cat <<E\n",
        "x\n",
        "E\n",
    ]
    assert [w for token, w in shown if token is Generic.Output] == ["x\n", "> not typed\n"]


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="x"><a href="b.html#y">1</a><a href="b.html#z">2</a><a href="c.html">3</a>'
        '<a href="#x">4</a><a href="https://example.org/">5</a></p>'
    )
    (tmp_path / "b.html").write_text('<p id="y"><a href="a.html?q=1#x">6</a></p>')
    assert whole.broken_links(tmp_path) == ["a.html: b.html#z", "a.html: c.html"]


def test_a_folder_without_files_shows_those_of_its_folders(tmp_path: Path) -> None:
    (tmp_path / "nginx").mkdir()
    (tmp_path / "nginx/run").write_text("exec nginx\n")
    assert links.files_shown(tmp_path) == [tmp_path / "nginx/run"]
    (tmp_path / "README").write_text("about\n")
    assert links.files_shown(tmp_path) == [tmp_path / "README"]


def test_the_page_names_every_input_and_output_of_the_action() -> None:
    head = (links.ROOT / "action.yml").read_text().partition("runs:")[0]
    named = re.findall(r"^  ([a-z-]+):$", head, re.MULTILINE)
    page = (DOCS / "implementers/ci.md").read_text()
    assert named
    assert [name for name in named if f"`{name}`" not in page and f"{name}: " not in page] == []
