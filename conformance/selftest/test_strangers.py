"""Profiles and results of somebody else: each is used, or refused in one clear line."""

import html
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from daemontools_conformance import __version__
from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.plain import plain
from daemontools_conformance.contract.profiles import ProfileError, find, load
from daemontools_conformance.reports import badge, changes, committed, junit, matrix, results
from selftest.builds import judged
from selftest.test_reports import LINES

ACTS = "\x1b]0;owned\x07\x1b[31m\r\x00\x7f\x9b\u202e\u2028\udcff\ufffe"
COMMAND = [sys.executable, "-I", "-m", "daemontools_conformance"]
NO = "svok/exit/never-supervised"


def said(*words: str, within: int = 120) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, timeout=within
    )


def profile(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "theirs.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


# Profiles


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"\x7fELF\x02\x01\xff\xfe\x00", "not a text in UTF-8"),
        (random.Random(1).randbytes(2000), "not a text in UTF-8"),
        (b"\0" * 2_000_000, "larger than"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("", "it has no name"),
        ("name = 5", "name must be a text"),
        ('name = "two\\nlines"', "a text of one line"),
        ('name = "x"\nsetup = "rm -rf x"', "setup must be a list of texts"),
        ('name = "x"\nsetup = [["sh"]]', "setup must be a list of texts"),
        ('name = "x"\nfolder = 7', "folder must be a text or a list"),
        ('name = "x"\nnot_offered = "svok"', "not_offered must be a list"),
        ('name = "x"\nprograms = ["svok"]', "programs must be a table"),
        ('name = "x"\n[programs]\nsvok = "/bin/true"', "of the wrong kind"),
        ('name = "x"\n[programs.svok]\nargv0 = "y"', "needs path"),
        ('name = "x"\ntiming = 1', "timing must be a table"),
        ('name = "x"\nexpect = "all of it"', "expect must be"),
        (f'name = "x"\n[[expect]]\nclause = "{NO}"\nreason = 1', "expect must be"),
        ('name = "x"\n[[expect]]\nclauses = "y"', "expect must be"),
        ('name = "x\\u001b[31m"', "name holds a control character: 'x\\\\x1b[31m'"),
        ('name = "x"\ntitle = "\\u202Eevil"', "title holds a control character"),
        ('name = "x"\nfolder = ["/a\\u0007"]', "folder holds a control character"),
        ('name = "x"\nsuite_version = "9.9.9"', f"for suite 9.9.9, and this is {__version__}"),
        ('name = "x"\nsuite_version = "1;2"', "is not a version of the suite"),
        ('name = "x"\nsuite_version = "' + "9" * 5000 + '"', "is not a version of the suite"),
        ('name = "x"\ninherits = "nobody"', "'nobody' is not a shipped profile"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, complaint: str
) -> None:
    with pytest.raises(ProfileError, match=r"(theirs|nobody)\.toml") as refused:
        load(profile(tmp_path, text))
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//host/", "x"])
def test_a_link_that_is_no_address_is_refused(tmp_path: Path, link: str) -> None:
    entry = f'[[expect]]\nclause = "{NO}"\nkind = "known-bug"\nreason = "so"\nlink = "{link}"'
    with pytest.raises(ProfileError, match="must begin with http:// or https://"):
        load(profile(tmp_path, f'name = "x"\n{entry}'))


def test_the_name_of_a_folder_is_made_plain(tmp_path: Path) -> None:
    folder = tmp_path / "x\x1b[31m\ny"
    folder.mkdir()
    assert find(str(folder)).name == "x\\x1b[31m y"


def test_a_binary_profile_is_a_clear_error_of_the_command(tmp_path: Path) -> None:
    refused = said("--implementation", str(profile(tmp_path, b"\xff\xfe\0")), "--clause", NO)
    assert refused.returncode == 4
    assert "not a text in UTF-8" in refused.stderr
    assert "INTERNALERROR" not in refused.stdout + refused.stderr


# Texts that act


def test_plain_text_shows_what_acts_and_keeps_the_rest() -> None:
    assert plain(ACTS) == (
        "\\x1b]0;owned\\x07\\x1b[31m\\r\\x00\\x7f\\x9b\\u202e\\u2028\\udcff\\ufffe"
    )
    assert (
        plain("line\n\ttab, caf\u00e9 \U0001f600 \u05d0")
        == "line\n\ttab, caf\u00e9 \U0001f600 \u05d0"
    )


def _hostile_lines() -> list[results.Line]:
    """The report of test_reports.py, with what acts in every free text."""
    free = {"detail", "reason", "seen", "title", "version", "profile", "platform", "evidence"}
    lines = [
        {key: f"{value}{ACTS}<b>&" if key in free else value for key, value in line.items()}
        for line in LINES
    ]
    for line in lines:
        if "link" in line:
            line["link"] = "javascript:alert('x')"
        if "test" in line:
            line["test"] += ACTS
    return lines


def test_every_report_of_hostile_results_is_valid_and_harmless(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in _hostile_lines()))
    report = results.read(file)
    known = {clause.id: clause for clause in clauses.load().values()}
    page = matrix.page([report], known, evidence=["."])
    shown = {
        "page": page,
        "xml": junit.document(report),
        "svg": badge.image(report),
        "terminal": "\n".join(changes.differences(report, report)[0]),
    }
    assert {name: plain(text) == text for name, text in shown.items()} == dict.fromkeys(shown, True)
    ElementTree.fromstring(shown["xml"])
    ElementTree.fromstring(shown["svg"])
    addresses = [html.unescape(a) for a in re.findall(r'(?:href|src)="([^"]*)"', page)]
    assert {address.partition(":")[0] for address in addresses if ":" in address} <= {"https"}
    assert "javascript:alert" in html.unescape(page)  # shown, but no link


def test_committed_results_of_somebody_else_are_made_plain(tmp_path: Path) -> None:
    text = committed.file_of("djb").read_text()
    file = tmp_path / "djb.cells"
    file.write_text(re.sub(r"(?m)^version: .*", "version: 1\x1b[31m", text, count=1))
    assert committed.read(file).header["version"] == "1\\x1b[31m"


def test_a_line_separator_in_a_detail_does_not_break_the_file(tmp_path: Path) -> None:
    lines = [{**line, "detail": "a\u2028b\x85c"} if "detail" in line else line for line in LINES]
    (tmp_path / "results.jsonl").write_text(results.as_text(lines))
    assert results.read(tmp_path).tests[0]["detail"] == "a\\u2028b\\x85c"


# Results that are broken


def _damaged(text: str, seed: int) -> bytes:
    """The file cut short, or with other bytes in it."""
    dice = random.Random(seed)
    data = bytearray(text.encode())
    if seed % 2:
        return bytes(data[: dice.randrange(len(data) - 1)])
    for _ in range(dice.randrange(1, 20)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_file_is_refused_or_still_a_valid_report(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "results.jsonl"
    file.write_bytes(_damaged(results.as_text(LINES), seed))
    try:
        text = junit.document(results.read(file))
    except results.BrokenReport as refused:
        text = f"<refused>{html.escape(str(refused))}</refused>"
    assert ElementTree.fromstring(text).tag in ("testsuites", "refused")


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "5\n", "null\n", "[]\n", '"x"\n', "{}\n", '{"kind": []}\n', "[" * 100_000,
        '{"kind": "header"}\n{"kind": "footer"}\n', "NaN\n", "1e999999\n", "\0\n",
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(text)
    with pytest.raises(results.BrokenReport):
        results.read(file)


OPTIONAL = {"cause", "difference", "holding", "tests"}  # of schema 1, since 0.1.0


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_line_that_lacks_a_member_is_refused(number: int) -> None:
    for member in LINES[number].keys() - OPTIONAL:
        lines = [dict(line) for line in LINES]
        del lines[number][member]
        with pytest.raises(results.BrokenReport):
            results.checked(lines)


@pytest.mark.parametrize("number", range(len(LINES)))
@pytest.mark.parametrize("value", [None, [], {}, 5.5, ["x"]])
def test_a_member_of_another_kind_is_refused_or_can_be_shown(number: int, value: object) -> None:
    for member in LINES[number]:
        lines = [dict(line) for line in LINES]
        lines[number][member] = value
        try:
            report = results.checked(lines)
        except results.BrokenReport:
            continue
        junit.document(report)
        badge.image(report)


def test_a_device_or_a_pipe_is_no_results_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(results.BrokenReport, match="not a file"):
            results.read(file)


STATIC = """
#include <stdio.h>
#include <time.h>
int main(void) {
    struct timespec now;
    int byte, starts = 1;
    while ((byte = getchar()) != EOF) {
        clock_gettime(CLOCK_REALTIME, &now);
        if (starts)
            printf("@%016llx%08lx ", (1ULL << 62) + 10 + now.tv_sec, now.tv_nsec);
        putchar(byte);
        starts = byte == '\\n';
    }
}
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_a_clock_that_cannot_be_shifted_leaves_a_clause_untested(tmp_path: Path) -> None:
    (tmp_path / "tai64n.c").write_text(STATIC)
    (tmp_path / "bin").mkdir()
    compiler = ["gcc", "-static", "-o", "bin/tai64n", "tai64n.c"]
    subprocess.run(compiler, cwd=tmp_path, check=True)
    asked = ["--clause", "tai64n/label/any-year", "--clause", "tai64n/label/each-line"]
    code, report = judged(tmp_path / "bin", tmp_path / "report", *asked)
    assert code == 0
    assert report.outcome("tai64n/label/each-line") == Outcome.PASS
    assert report.outcome("tai64n/label/any-year") == Outcome.UNTESTED
