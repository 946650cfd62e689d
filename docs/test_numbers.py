"""The numbers in the text are counted: each is compared with what the code says today."""

import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

from daemontools import install
from daemontools.core import lines, scan, script, status, tai64
from daemontools.programs import multilog, svscan, svscanboot, svstat
from daemontools.unix import streams
from daemontools_conformance.contract import clauses
from daemontools_conformance.differential import compare

DOCS = Path(__file__).parent
CATALOGUE = DOCS.parent / "conformance/upkeep/mutants/catalogue.toml"
MOST_KILLED = multilog.MOST_BLOCK_BYTES + lines.LONGEST_JUDGED
SEVENTEEN = len(install.commands()) - 1  # the command daemontools stands beside them


def cases() -> int:
    """The cases of a differential run: 760 for each program, 200 if they hold pauses."""
    return 760 * (SEVENTEEN - len(compare.SLOW)) + 200 * len(compare.SLOW)


def combinations() -> tuple[int, int]:
    """The lines of svstat, and their causes: pid, down file, paused byte, want byte."""
    text = clauses.load()["svstat/words/combinations"].text
    assert (
        "pid or none, `down` file or not, paused byte 0 or 1, and want byte `u`, `d` or 0" in text
    )
    inputs = list(product((0, 1), (False, True), (False, True), (b"u", b"d", b"\0")))
    found = {
        svstat.describe(status.pack((0, 0), pid, paused=paused, want=want), 0, normally_up=not down)
        for pid, down, paused, want in inputs
    }
    return len(found), len(inputs)


def test_runs_without_linux_judge_four_fifths_of_the_clauses() -> None:
    page = (DOCS / "implementers/platforms.md").read_text()
    row = r"\| (djb's|the reference) \| (root|nobody) \| (\d+) \| (\d+) \| (.*) % \|"
    rows = re.findall(row, page)
    assert len({(programs, user) for programs, user, *_ in rows}) == len(rows) == 4
    for *_, judged, whole, share in rows:
        assert 0.95 * len(clauses.load()) <= int(whole) <= len(clauses.load())  # some came later
        assert int(judged) >= 0.8 * int(whole)
        assert f"{100 * int(judged) / int(whole):.1f}" == share


def grouped(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"


@pytest.mark.parametrize(
    ("page", "sentence", "number"),
    [
        ("book/01-why.md", "## The {}", "seventeen" if SEVENTEEN == 17 else SEVENTEEN),
        ("book/04-svc.md", "on all {} lines", combinations()[0]),
        ("book/04-svc.md", "of the {} combinations", combinations()[1]),
        ("book/04-svc.md", "UNIX_EPOCH is 2^62 + {},", tai64.UNIX_EPOCH - 2**62),
        ("book/05-svscan.md", "every {} seconds", "five" if svscan.SCAN_SECONDS == 5 else "?"),
        ("book/05-svscan.md", "svscan handles at most {} services", scan.LIMIT),
        ("man/svscan.md", "svscan handles at most {} services", scan.LIMIT),
        ("book/06-logs.md", "its first {} characters, and `...` if", lines.LONGEST_ALERT),
        ("book/06-logs.md", "multilog writes {} bytes", lines.STATUS_BYTES),
        ("book/06-logs.md", "the first {} characters of a line", lines.LONGEST_JUDGED),
        ("book/06-logs.md", "finish a file at SIZE bytes (default {})", script.SIZE),
        ("book/06-logs.md", "keep at most NUM files (default {})", script.NUMBER),
        ("book/06-logs.md", "`s` is at least {} and", script.SMALLEST),
        ("book/06-logs.md", "and `n` at least {};", script.FEWEST),
        ("book/06-logs.md", "`s{}` is the largest file size", script.LARGEST),
        ("book/06-logs.md", "at most {} bytes under the reference", grouped(MOST_KILLED)),
        ("book/07-time.md", "UNIX_EPOCH is 2^62 + {};", tai64.UNIX_EPOCH - 2**62),
        ("explain/fast-path.md", "{} bytes (LEAST_BLOCK_BYTES)", streams.LEAST_BLOCK_BYTES),
        ("explain/fast-path.md", "SPARE is {} MB", streams.SPARE >> 20),
        ("man/multilog.md", "KILL loses at most {} bytes", grouped(MOST_KILLED)),
        ("man/multilog.md", f"from {script.SMALLEST} to {{}}", script.LARGEST),
        ("man/svscanboot.md", "and {} dots", svscanboot.SCREEN_BYTES),
        ("howto/check-your-implementation.md", "there are {} cases in all", grouped(cases())),
    ],
)
def test_a_number_is_the_codes(page: str, sentence: str, number: object) -> None:
    assert sentence.format(number) in (DOCS / page).read_text()


def test_chapter_1_names_each_of_the_seventeen_once_and_counts_them() -> None:
    page = (DOCS / "book/01-why.md").read_text()
    _, _, text = page.partition("## The seventeen\n")
    rows = re.findall(r"^- (Six|Four|Seven) (.*)$", text, re.MULTILINE)
    named = {count: re.findall(r"\.\./man/(\w+)\.md", row) for count, row in rows}
    assert [*map(len, named.values())] == [6, 4, 7]
    every = [name for names in named.values() for name in names]
    assert sorted(every) == sorted({*install.commands()} - {"daemontools"})


def test_chapters_2_to_5_make_the_clock_that_the_books_first_page_names() -> None:
    first = (DOCS / "book/index.md").read_text()
    assert "Chapters 2 to 5 use the same small service, a clock." in first
    chapters = {page.name[:2]: page.read_text() for page in (DOCS / "book").glob("0*-*.md")}
    having = [number for number, text in chapters.items() if re.search("mkdir .*clock", text)]
    assert sorted(having) == ["02", "03", "04", "05"]


def test_the_mutants_are_more_than_the_page_says_but_not_many_more() -> None:
    count = len(tomllib.loads(CATALOGUE.read_text())["mutant"])
    [said] = re.findall(r"more than ([0-9]+) mutants", (DOCS / "explain/mutants.md").read_text())
    assert int(said) < count < int(said) + 100
