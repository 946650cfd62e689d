"""The readers on the page of the vectors do what the page says."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (Path(__file__).parent / "implementers/vectors.md").read_text()
FILES = sorted((ROOT / "fixtures/vectors").glob("*.json"))


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_page_lists_all_files() -> None:
    assert re.findall(r"^\| `(.*\.json)` ", PAGE, re.M) == [file.name for file in FILES]


def test_the_reader_finds_what_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec("".join(blocks("python")), {})
    assert shown.getvalue() == blocks("text")[0]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_the_reader_in_javascript() -> None:
    command = ["node", "-e", "".join(blocks("javascript"))]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    vectors = json.loads((ROOT / "fixtures/vectors/envdir.json").read_text())["vectors"]
    expected = [
        f"{one['clause']} {len(one['input']['files'])} {len(one['answer']['environment'])}"
        for one in vectors
    ]
    assert shown.splitlines() == expected
