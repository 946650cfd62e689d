"""envdir: a file of the directory cannot be opened or read, for every reason."""

import re

import pytest

from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.helpers.strace import messages, under_strace
from daemontools_conformance.running.sandbox import Sandbox

ERRORS = ("EIO", "EACCES", "EINTR", "EISDIR", "ENOMEM", "EMFILE", "ENFILE", "ESTALE")


@heavy("faults")
@clause("envdir/error/unreadable")
@needs("strace")
@pytest.mark.parametrize("when", [1, 2])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("calls", ["openat,open", "read"])
def test_every_error_of_a_file_gives_111(
    sandbox: Sandbox, calls: str, error: str, when: int
) -> None:
    sandbox.write("env/V", "x" * 3000 + "\n")  # 0.76 reads 1024 bytes at a time
    whole = sandbox.path.resolve() / "env/V"
    tampering = ["-e", f"inject={calls}:error={error}:when={when}"]
    script = ["env", "/bin/sh", "-c", "echo ran"]
    answer = under_strace(sandbox, ["V", "env/V", "./V", whole], tampering, script, "envdir").wait()
    was_refused = "(INJECTED)" in (sandbox.path / "trace").read_text()
    if not was_refused or (error == "EINTR" and answer.code == 0):
        # It makes this call only once, or has made it again.
        assert (answer.code, answer.out) == (0, b"ran\n")
        return
    assert (answer.code, answer.out) == (111, b"")
    assert re.fullmatch(rb"envdir: fatal: unable to read env/V: .+\n", messages(answer.err))


@heavy("faults")
@clause("envdir/error/directory-not-readable")
@needs("strace")
@pytest.mark.parametrize("error", ERRORS)
def test_every_error_of_the_directory_gives_111(sandbox: Sandbox, error: str) -> None:
    sandbox.write("env/V", "x\n")
    folder = sandbox.path.resolve() / "env"
    tampering = ["-e", f"inject=getdents64:error={error}:when=1"]
    answer = under_strace(sandbox, [folder], tampering, ["env", "echo", "ran"], "envdir").wait()
    assert (answer.code, answer.out) == (111, b"")
    said = messages(answer.err)
    assert re.fullmatch(rb"envdir: fatal: unable to read directory env: .+\n", said)
