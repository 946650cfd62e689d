"""Log directories in each state in which a restart can find them."""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from daemontools_conformance.contract.places import folder
from daemontools_conformance.running.sandbox import Sandbox

LABEL_OF_1999 = "@4000000037c219bf2ef02e94"
STATES = tomllib.loads((folder("fixtures") / "logdirs/states.toml").read_text())["state"]


def build(directory: Path, state: dict[str, Any]) -> None:
    """A log directory in this state; each file holds its own name."""
    directory.mkdir(mode=0o700)
    twins = dict([reversed(state["same"])]) if "same" in state else {}
    for name, octal in state["files"].items():
        file = directory / on_disk(name)
        if name in twins:
            os.link(directory / twins[name], file)
        else:
            file.write_text(f"{name}\n")
            file.chmod(int(octal, 8))


def on_disk(name: str) -> str:
    """The name of a file of `states.toml`: old ones have a label."""
    return name.replace("@", LABEL_OF_1999)


def kept_as(sandbox: Sandbox, files: dict[str, str]) -> list[str]:
    """What a restart makes of these files: each text that is left, and under which name."""
    log = sandbox.path / f"log.{len(list(sandbox.path.iterdir()))}"
    build(log, {"files": files})
    sandbox.run("multilog", f"./{log.name}")
    for file in log.iterdir():
        file.chmod(0o600)
    texts = {file.name.rpartition(".")[2]: file.read_text().strip() for file in log.iterdir()}
    return [f"{text} as {name}" for name, text in sorted(texts.items()) if text]


def check_current(sandbox: Sandbox, modes: Iterable[int]) -> None:
    found = {oct(mode): kept_as(sandbox, {"current": f"{mode:o}"}) for mode in modes}
    finished, unfinished = ["current as current"], ["current as u"]
    assert found == {oct(m): finished if m & 0o100 else unfinished for m in modes}


def check_processed(sandbox: Sandbox, modes: Iterable[int]) -> None:
    def found(mode: int) -> list[str]:
        return kept_as(sandbox, {"previous": "744", "processed": f"{mode:o}"})

    complete, incomplete = ["processed as s"], ["previous as u"]
    expected = {oct(mode): complete if mode & 0o100 else incomplete for mode in modes}
    assert {oct(mode): found(mode) for mode in modes} == expected
