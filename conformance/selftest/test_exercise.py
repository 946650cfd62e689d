"""The verb `exercise` grades programs in any language (docs/book/exercises.md)."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemontools_conformance.commands.exercise import EXERCISES
from daemontools_conformance.contract import clauses

ROOT = Path(__file__).parents[2]
HALF = ROOT / "docs/answers/exercises"


# A setlock whose file anybody may write.
OPEN_TO_ALL = """
import fcntl, os, sys
os.umask(0)
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o666)
os.set_inheritable(fd, True)
fcntl.flock(fd, fcntl.LOCK_EX)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def grade(name: str, program: Path) -> "subprocess.CompletedProcess[str]":
    """What the command says about a program."""
    command = [
        sys.executable,
        "-I",
        "-m",
        "daemontools_conformance",
        "exercise",
        name,
        str(program),
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def pages(read: str) -> list[Path]:
    """The pages that a step names as people do: a chapter, a manual page, the reference."""
    found = [next(ROOT.glob(f"docs/book/{int(n):02}-*.md")) for n in re.findall(r"ter (\d+)", read)]
    found += [ROOT / f"docs/man/{name}.md" for name in re.findall(r"(\w+)\(8\)", read)]
    named = re.findall(r"(\w+) in the reference", read)
    return found + [ROOT / f"docs/reference/{name.lower()}.md" for name in named]


@pytest.mark.parametrize("name", EXERCISES)
def test_each_step_names_clauses_that_exist_and_a_page_that_exists(name: str) -> None:
    for step in EXERCISES[name]:
        assert {f"{name}/{clause}" for clause in step.clauses.split()} <= set(clauses.load())
        text = "".join(page.read_text() for page in pages(step.read))
        assert text
        assert all(f"## {title}\n" in text for title in step.read.split("'")[1::2])


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler here")
def test_a_right_program_in_c_passes_all_steps(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fixtures/clone-in-c", tmp_path / "c")
    subprocess.run(["make", "-s", "-C", tmp_path / "c", "bin/svok"], check=True)
    graded = grade("svok", tmp_path / "c/bin/svok")
    assert "all steps hold" in graded.stdout
    assert "asks all its clauses:" in graded.stdout
    assert graded.returncode == 0


def test_half_a_program_in_shell_stops_at_its_step() -> None:
    graded = grade("svok", HALF / "shell/svok")
    assert "3 of 4 clauses hold" in graded.stdout
    assert "svok/exit/killed" in graded.stdout
    assert "step 2" not in graded.stdout
    assert "read chapter 2 of the book, 'Code: svok'" in graded.stdout
    assert graded.returncode == 1


def test_a_wrong_program_in_python_is_told_what_was_seen(tmp_path: Path) -> None:
    program = tmp_path / "hello.py"
    program.write_text(f"#!{sys.executable}\nprint('hi')\n")
    program.chmod(0o755)
    graded = grade("tai64n", program)
    assert "0 of 4 clauses hold" in graded.stdout
    assert "is the output buffered?" in graded.stdout
    assert "tai64n(8)" in graded.stdout
    assert graded.returncode == 1


def test_a_legal_variant_does_not_hold(tmp_path: Path) -> None:
    program = tmp_path / "tai64n"
    text = (HALF / "wrong/tai64n").read_text().replace("+ 10 +", "+ 37 +")
    program.write_text(text.replace("label + line)", "label + line); sys.stdout.flush()"))
    program.chmod(0o755)
    assert "leap-seconds" in clauses.load()["tai64n/label/offset"].variants
    assert "\n  tai64n/label/offset\n" in grade("tai64n", program).stdout


def test_a_mode_is_shown_in_octal(tmp_path: Path) -> None:
    program = tmp_path / "setlock"
    program.write_text(f"#!{sys.executable}\n{OPEN_TO_ALL}")
    program.chmod(0o755)
    assert "seen: expected '0600', seen '0666'" in grade("setlock", program).stdout


def test_the_line_by_hand_shows_the_fault_of_a_program_with_any_name(tmp_path: Path) -> None:
    program = tmp_path / "my setlock.py"
    program.write_text(f"#!{sys.executable}\n{OPEN_TO_ALL}")
    program.chmod(0o755)
    said = grade("setlock", program).stdout
    [first] = re.findall(r"put your setlock first on PATH:\n  (.*)$", said, re.MULTILINE)
    line = "setlock new true; ls -l new"
    assert f"    by hand: {line}\n" in said
    assert "more: daemontools-conformance --implementation FOLDER --clause CLAUSE\n" in said
    (tmp_path / "empty").mkdir()
    typed = ["bash", "-c", f"{first}\n{line}"]
    shown = subprocess.run(
        typed, cwd=tmp_path / "empty", check=True, capture_output=True, text=True
    )
    assert shown.stdout.startswith("-rw-rw-rw-")


def test_a_file_that_cannot_be_executed_is_said(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    graded = grade("svok", tmp_path / "plain")
    assert "chmod +x" in graded.stderr
    assert graded.returncode == 2


def test_a_folder_stands_for_the_program_in_it() -> None:
    assert "3 of 4 clauses hold" in grade("svok", HALF / "shell").stdout


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    graded = grade("svok", tmp_path / "nowhere")
    assert graded.stderr.endswith("there is no file " + str(tmp_path / "nowhere") + "\n")
    assert graded.returncode == 2
