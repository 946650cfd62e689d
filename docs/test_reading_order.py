"""The README's reading order names the files that a file imports before that file."""

import ast
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "reference/daemontools"
sys.path.insert(0, str(DOCS / "_ext"))

from tables import READING_ORDER  # noqa: E402

ORDER = [file for file, _ in READING_ORDER]
LAST = ["unix/start.py", "unix/chain.py"]


def imported(file: str) -> set[str]:
    """The modules of the package that a file imports, also in its functions, as names of files."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / file).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("daemontools."):
            module = str(node.module).removeprefix("daemontools.").replace(".", "/")
            names = [f"{module}.py", *(f"{module}/{alias.name}.py" for alias in node.names)]
            found |= {name for name in names if (PACKAGE / name).is_file()}
    return found


def test_a_file_is_read_after_those_that_it_imports() -> None:
    for number, file in enumerate(ORDER):
        assert imported(file) <= {*ORDER[:number], *LAST}, file


def test_start_and_chain_come_last() -> None:
    assert ORDER[-2:] == LAST


def test_each_fast_module_stands_right_after_its_model() -> None:
    fast = sorted(f"fast/{file.name}" for file in PACKAGE.glob("fast/[a-z]*.py"))
    assert sorted(file for file in ORDER if file.startswith("fast/")) == fast
    for file in fast:
        assert ORDER[ORDER.index(file) - 1] == file.replace("fast/", "core/")


def test_the_front_page_explains_only_names_that_the_files_before_use() -> None:
    text = "".join((PACKAGE / file).read_text() for file in ORDER if file not in LAST)
    page = (DOCS.parent / "README.md").read_text()
    used = re.findall(r"^- `(chain\.\w+)\(", page, re.MULTILINE)
    assert used
    assert [name for name in used if name not in text] == []
