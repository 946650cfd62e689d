"""The page "Write a test" names every helper and need of a test; its examples run."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemontools_conformance.running import needs

DOCS = Path(__file__).parent
SUITE = DOCS.parent / "conformance/daemontools_conformance"
PAGE = (DOCS / "implementers/write-a-test.md").read_text()
needs_djb = pytest.mark.skipif(
    not Path("/usr/bin/pgrphack").exists(), reason="djb's daemontools is not installed here"
)


def helpers() -> Iterator[str]:
    """Each public function of a module of helpers/. A script is named as a file."""
    for file in sorted((SUITE / "helpers").glob("*.py")):
        source = file.read_text()
        if "\nif __name__ ==" in source:
            yield file.name
            continue
        yield from (f"{name}(" for name in public(ast.parse(source).body))


def methods() -> Iterator[str]:
    """Each public method of Sandbox."""
    for node in ast.parse((SUITE / "running/sandbox.py").read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == "Sandbox":
            yield from (f"sandbox.{name}(" for name in public(node.body))


def needs_of_the_suite() -> Iterator[str]:
    """Each need that a test or a helper names."""
    for folder in ("tests", "helpers"):
        for file in sorted((SUITE / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "needs":
                    yield from (ast.literal_eval(argument) for argument in node.args)


def public(body: list[ast.stmt]) -> list[str]:
    """The names of the functions that do not begin with an underscore."""
    return [n.name for n in body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


@pytest.mark.parametrize("name", sorted({*helpers(), *methods()}))
def test_the_page_names_it(name: str) -> None:
    assert name in PAGE


def test_the_page_lists_every_need() -> None:
    section = PAGE.partition("## What a test needs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", section, re.MULTILINE)
    listed = [need for names, _ in rows for need in re.findall(r"`(.*?)`", names)]
    assert sorted(listed) == sorted({*needs_of_the_suite()})


@pytest.mark.parametrize(
    ("need", "why"),
    [("sh", ""), ("no-such", "needs no-such"), ("/", ""), ("/no/such", "needs /no/such")],
)
def test_any_other_need_is_a_program_or_a_path(need: str, why: str) -> None:
    assert needs.missing(need) == why


def test_a_run_is_by_root_or_by_a_user() -> None:
    is_root = os.geteuid() == 0
    assert (needs.missing("root") == "", needs.missing("user") == "") == (is_root, not is_root)


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a shell does with a command of the page in this folder."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "outcome"),
    [pytest.param("djb", "PASS", marks=needs_djb), ("reference", "VARIANT")],
)
def test_a_declared_variant_is_a_variant(name: str, outcome: str, tmp_path: Path) -> None:
    command = f"daemontools-conformance --implementation {name} --clause process/names/exe"
    assert f"\n{command}\n" in PAGE
    ran = typed(command, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(rf"^ +{outcome}\nprocess +1$", ran.stdout, re.MULTILINE), ran.stdout


@pytest.mark.parametrize("name", [pytest.param("djb", marks=needs_djb), "reference"])
def test_the_clause_of_the_walk_has_four_tests(name: str, tmp_path: Path) -> None:
    command = f"daemontools-conformance --implementation {name} --clause svc/letters/duplicates"
    assert f"\n{command}\n" in PAGE
    assert "report `4 passed`" in PAGE
    assert "\n4 passed, " in typed(command, tmp_path).stdout


@needs_djb
def test_two_clauses_fall_short_for_one_cause(tmp_path: Path) -> None:
    shown = re.search(r"^```sh\n(mkdir bin\n.*?)^```\n\n```text\n(.*?)^```", PAGE, re.M | re.S)
    assert shown
    ran = typed(shown[1], tmp_path)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert shown[2] in ran.stdout
