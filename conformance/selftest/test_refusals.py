"""Calls that strace refuses: those that the clause is about, and no others."""

import shutil
import sys
from pathlib import Path

import pytest

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.contract.profiles import Profile
from daemontools_conformance.helpers.strace import run_refused
from daemontools_conformance.running.implementation import Implementation
from daemontools_conformance.running.sandbox import Sandbox

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")

ENTERS = """#!{python} -IS
import os, sys
here = os.open(".", os.O_RDONLY)
for name in sys.argv[1:]:
    os.mkdir(name)
    os.fchdir(os.open(name, os.O_RDONLY))
    print("in", name, flush=True)
    try:
        {back}
    except OSError as error:
        sys.exit(error.strerror)
"""


def box(tmp_path: Path, back: str) -> Sandbox:
    """A sandbox whose svok enters directories by fchdir, and comes back in this way."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/svok"
    program.write_text(ENTERS.format(python=sys.executable, back=back))
    program.chmod(0o755)
    return Sandbox(Implementation(Profile("mine"), tmp_path / "bin"), tmp_path / "box")


def test_a_program_enters_by_the_call_that_must_not_lead_back(tmp_path: Path) -> None:
    sandbox = box(tmp_path, "os.fchdir(here)")
    answer = run_refused(sandbox, "fchdir", "EIO", "svok", "a", "b")
    sandbox.close()
    assert (answer.out, answer.err) == (b"in a\n", b"Input/output error\n")


def test_a_program_comes_back_by_another_call(tmp_path: Path) -> None:
    sandbox = box(tmp_path, "os.chdir('..')")
    with pytest.raises(Unavailable):
        run_refused(sandbox, "fchdir", "EIO", "svok", "a")
    sandbox.close()
