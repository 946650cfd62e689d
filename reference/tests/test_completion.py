"""What bash and zsh offer for a command line that has been begun."""

import argparse
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pexpect
import pytest
from private_machine import Machine, problem

from daemontools import install
from daemontools.companion import SUBCOMMANDS

pytestmark = pytest.mark.once

FOLDER = Path(install.__file__).parent / "completion"
MARK = "the-end"
ZSH = f"""\
PROMPT=; fpath=({{folder}} $fpath); cd {{where}}
autoload -U compinit; compinit -u -D; bindkey '^G' list-choices; LISTMAX=1000
echo {MARK[0]}''{MARK[1:]}"""

Offers = Callable[[str, Path], list[str]]


def bash(typed: str, where: Path) -> list[str]:
    """What bash offers there."""
    words = typed.split(" ")
    script = (
        f"source {FOLDER}/daemontools.bash; COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); "
        f"COMP_CWORD={len(words) - 1}; _daemontools; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    call = ["bash", "-c", script]
    return subprocess.run(
        call, cwd=where, capture_output=True, text=True, check=True
    ).stdout.split()


@contextmanager
def zsh_at_a_terminal(where: Path, *enter: str | Path) -> Iterator["pexpect.spawn[str]"]:
    """A zsh with our completion and with nobody's settings."""
    command, *words = [str(word) for word in (*enter, "zsh", "-f", "-i")]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb", "LC_ALL": "C"}
    terminal = pexpect.spawn(command, words, env=environment, encoding="utf-8", timeout=60)
    try:
        terminal.setwinsize(60, 200)
        terminal.sendline(ZSH.format(folder=FOLDER, where=where))
        terminal.expect_exact(f"{MARK}\r\n")
        yield terminal
    finally:
        terminal.close(force=True)


def zsh(typed: str, where: Path) -> list[str]:
    """What zsh lists there."""
    with zsh_at_a_terminal(where) as terminal:
        terminal.send(f"{typed}\x07")  # list the choices
        terminal.sendline(f"\x15echo {MARK[0]}''{MARK[1:]}")  # instead of the command
        terminal.expect_exact(f"{MARK}\r\n")
        shown = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", terminal.before or "")
    _typed, *listed, _typed_again, _end = shown.split("\n")
    return [word.rstrip("/") for line in listed for word in line.split(" -- ")[0].split()]


SHELLS = [
    pytest.param(
        offers,
        id=offers.__name__,
        marks=pytest.mark.skipif(not shutil.which(offers.__name__), reason="is not installed"),
    )
    for offers in (bash, zsh)
]


@pytest.mark.parametrize("offers", SHELLS)
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("svc -", "-u -d -o -x -p -c -h -a -i -t -k"),
        ("svc -d -", "-u -d -o -x -p -c -h -a -i -t -k"),
        ("svc cl", "clock"),
        ("svc -u cl", "clock"),
        ("svok cl", "clock"),
        ("svstat clock si", "site"),
        ("daemontools ", " ".join(SUBCOMMANDS)),
        ("daemontools wait ", "up down steady gone"),
        ("daemontools wait up cl", "clock"),
        ("daemontools status cl", "clock"),
        ("daemontools logs --follow cl", "clock"),
        ("daemontools check cl", "clock"),
        ("daemontools watch cl", "clock"),
    ],
)
def test_a_shell_offers_what_can_follow(
    offers: Offers, typed: str, offered: str, tmp_path: Path
) -> None:
    for name in ("clock", "site"):
        (tmp_path / name).mkdir()
    assert set(offers(typed, tmp_path)) == set(offered.split())


@pytest.mark.parametrize("offers", SHELLS)
@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_a_shell_offers_each_option_that_a_subcommand_has(
    offers: Offers, subcommand: str, tmp_path: Path
) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    import_module(f"daemontools.companion.{subcommand}").add_options(parser)
    options = {word for action in parser._actions for word in action.option_strings}  # noqa: SLF001
    assert set(offers(f"daemontools {subcommand} -", tmp_path)) == options


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_offers_further_letters_in_one_word(tmp_path: Path) -> None:
    assert {"-x", "-k"} <= set(zsh("svc -ud", tmp_path))


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_offers_the_services_of_the_machine_from_anywhere(tmp_path: Path) -> None:
    if problem():
        pytest.skip(problem())
    completion = (FOLDER / "_daemontools").read_text()
    files = {"usr/local/share/zsh/site-functions/_daemontools": completion}
    with Machine(tmp_path, "sleep", "infinity", files=files) as machine:
        machine.file("/service/the-only-one").mkdir(parents=True)
        with zsh_at_a_terminal(Path("/"), *machine.enter()) as terminal:
            terminal.send("svstat the-on\t")
            terminal.sendline("\x01echo ")  # before the command
            terminal.expect_exact("\nsvstat /service/the-only-one\r\n")
