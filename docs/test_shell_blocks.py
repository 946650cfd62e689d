"""Every `sh` block of the pages is a shell program, and every one that can be run is run.

shell_blocks.toml says how, or by which other test, or why not. `console` blocks are parsed here
and run by test_transcripts.py.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from test_transcripts import Session, steps

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DATA = tomllib.loads((ROOT / "docs/shell_blocks.toml").read_text())
ENTRIES: list[dict[str, Any]] = DATA["block"]
RUN = [entry for entry in ENTRIES if not {"by", "same_as", "not_run"} & {*entry}]
RUN_BY = [entry for entry in ENTRIES if "by" in entry]
SAME = [entry for entry in ENTRIES if "same_as" in entry]
SCRIPTS = ["install", "demo", "check", ".ci/run", "conformance/upkeep/fix"]
SCRIPTS += ["packaging/stop-services", "packaging/container/entrypoint"]


def pages() -> list[Path]:
    """All pages that a reader may type from."""
    folders = [ROOT / name for name in ("docs", "conformance", "fixtures", "packaging", "changes")]
    files = [*ROOT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))]
    return sorted(page for page in files if not {"_build", "results"} & {*page.parts})


def blocks() -> list[tuple[str, str]]:
    """Each `sh` block of each page: the name of the page, and the text."""
    return [
        (str(page.relative_to(ROOT)), text)
        for page in pages()
        for text in FENCE.findall(page.read_text())
    ]


def is_meant(entry: dict[str, Any], page: str, text: str) -> bool:
    """Is the entry about this block?"""
    return bool(entry["page"] == page) and text.startswith(entry["begins"])


def title(entry: dict[str, Any]) -> str:
    """How a test of an entry is called."""
    return f"{entry['page']} {entry['begins']}"


def parse(shell: str, script: str) -> None:
    """AssertionError if this is not a program of that shell."""
    parsed = subprocess.run(
        [shell, "-n"], input=script, text=True, capture_output=True, check=False
    )
    assert parsed.returncode == 0, f"{parsed.stderr}\n{script}"


@pytest.mark.parametrize(("page", "text"), blocks())
def test_a_block_is_a_shell_program(page: str, text: str) -> None:  # noqa: ARG001 - names it
    parse("sh", text)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_transcript_are_shell_programs(page: Path) -> None:
    for step in steps(page.read_text()):
        parse("bash", step.command)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_a_shell_program(script: str) -> None:
    text = (ROOT / script).read_text()
    parse("bash" if "bash" in text.split("\n")[0] else "sh", text)


@pytest.mark.parametrize(("page", "text"), blocks())
def test_a_block_is_run_or_there_is_a_reason(page: str, text: str) -> None:
    assert len([entry for entry in ENTRIES if is_meant(entry, page, text)]) == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=title)
def test_an_entry_is_about_a_block(entry: dict[str, Any]) -> None:
    assert any(is_meant(entry, page, text) for page, text in blocks())


@pytest.mark.parametrize("entry", RUN_BY, ids=title)
def test_the_other_test_names_the_page_or_the_command(entry: dict[str, Any]) -> None:
    test = (ROOT / entry["by"]).read_text()
    assert Path(entry["page"]).name in test or entry["begins"].strip() in test


@pytest.mark.parametrize("entry", SAME, ids=title)
def test_the_other_page_has_the_same_command(entry: dict[str, Any]) -> None:
    [block] = [text for page, text in blocks() if is_meant(entry, page, text)]
    command = block.partition("  #")[0].strip()
    assert any(page == entry["same_as"] and text.strip() == command for page, text in blocks()), (
        command
    )


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("entry", RUN, ids=title)
def test_a_block_does_what_its_page_says(
    entry: dict[str, Any], programs: str, tmp_path: Path
) -> None:
    if entry.get("root") and os.geteuid() != 0:
        pytest.skip("needs root")
    [block] = [text for page, text in blocks() if is_meant(entry, page, text)]
    for old, new in entry.get("replace", {}).items():
        assert old in block
        block = block.replace(old, new)
    before = DATA["setups"].get(entry.get("setup"), "") + entry.get("before", "")
    with Session(tmp_path, f"{programs}:/usr/bin:/bin:{Path(sys.executable).parent}") as session:
        said = session.type(f"{before}{block}{entry.get('after', '')}\necho code $?")
    assert said.splitlines()[-1] == "code 0", said
