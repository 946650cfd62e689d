"""Names as long as Linux allows, and one byte longer: 255 bytes for a name, 4095 for a path."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.runners import answer_of
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import supervise_of, waiting_supervise

NAME, PATH = 255, 4095  # bytes
TOO_LONG = "file name too long"


@dataclass(frozen=True)
class Call:
    """How a program is called with a name, and its exit code if the name is too long."""

    words: list[str]  # NAME stands for the operand
    code: int = 111
    make: Callable[[Path], object] = Path.mkdir


def make_spoilt(service: Path) -> None:
    """A service in which no supervise can begin, so that supervise ends with a message."""
    service.mkdir()
    (service / "supervise").touch()


CALLS = {
    "svok": Call(["NAME"]),
    "svc": Call(["-u", "NAME"], 0),
    "svstat": Call(["NAME"], 0),
    "supervise": Call(["NAME"], 111, make_spoilt),
    "setlock": Call(["NAME", "echo", "ran"], 111, Path.touch),
    "envdir": Call(["NAME", "echo", "ran"]),
    "multilog": Call(["NAME"]),
}


def each(topic: str) -> list[object]:
    """One parameter for each of them, which carries its clause PROGRAM/topic."""
    return [pytest.param(name, marks=clause(f"{name}/{topic}")) for name in CALLS]


def answer(sandbox: Sandbox, program: str, name: str) -> tuple[int, bytes, bytes]:
    """What the program answers about the name, which is shown as NAME if it is shown whole."""
    words = [word.replace("NAME", name) for word in CALLS[program].words]
    code, out, err = answer_of(sandbox.run(program, *words, input=b""))
    return code, out.replace(name.encode(), b"NAME"), err.replace(name.encode(), b"NAME")


def check(sandbox: Sandbox, program: str, good: list[str], too_long: str) -> None:
    """Good names get the answer that a short one gets, and one that is too long gets another."""
    call = CALLS[program]
    call.make(sandbox.path / ".short")
    usual = answer(sandbox, program, ".short")
    for name in good:
        assert answer(sandbox, program, name) == usual
    code, out, err = answer(sandbox, program, too_long)
    assert (code, out + err != b"") == (call.code, True)
    assert (code, out, err) != usual


@pytest.mark.parametrize("program", each("operand/longest-name"))
def test_a_name_of_255_bytes_and_one_of_256(sandbox: Sandbox, program: str) -> None:
    good = ["." + "n" * (length - 1) for length in (NAME - 1, NAME)]
    for name in good:
        CALLS[program].make(sandbox.path / name)
    check(sandbox, program, good, "." + "n" * NAME)


@pytest.mark.parametrize("program", each("operand/longest-path"))
def test_a_path_of_4095_bytes_and_one_of_4096(sandbox: Sandbox, program: str) -> None:
    CALLS[program].make(sandbox.path / "n")
    good = ["." + "/" * (length - 2) + "n" for length in (PATH - 1, PATH)]
    check(sandbox, program, good, "." + "/" * (PATH - 1) + "n")


@clause("multilog/status/longest-name")
def test_a_status_file_with_a_name_of_255_bytes(sandbox: Sandbox) -> None:
    for name in ("n" * NAME, "." + "/" * (PATH - 2) + "n"):
        assert answer_of(sandbox.run("multilog", f"={name}", input=b"one\n")) == (0, b"", b"")
        assert (sandbox.path / name).read_bytes().startswith(b"one\n")
    for name in ("n" * (NAME + 1), "." + "/" * (PATH - 1) + "n"):
        message = f"multilog: fatal: unable to create {name}: {TOO_LONG}\n".encode()
        assert answer_of(sandbox.run("multilog", f"={name}", input=b"")) == (111, b"", message)


@clause("svscan/usage/longest-path")
def test_svscan_in_a_directory_with_a_long_path(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    for name in ("." + "n" * (NAME - 1), "." + "/" * (PATH - 2) + "n"):
        (sandbox.path / name / "1000").mkdir(parents=True)
        svscan = sandbox.start("svscan", name)
        eventually(lambda: supervise_of(svscan, "1000"))  # noqa: B023 - it is asked at once
    path = "." + "/" * (PATH - 1) + "n"
    message = f"svscan: fatal: unable to chdir to {path}: {TOO_LONG}\n".encode()
    assert answer_of(sandbox.run("svscan", path)) == (111, b"", message)
