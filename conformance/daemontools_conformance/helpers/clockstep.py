"""A wall clock that a test shifts for one process; nobody touches the machine's clock.

A library that is loaded before the C library (fixtures/clockstep.c) shifts what
the process is told. Tests that use it need gcc.
"""

import subprocess
from pathlib import Path

from daemontools_conformance.running.sandbox import Sandbox


def with_clock(sandbox: Sandbox, seconds: int) -> tuple[dict[str, str], Path]:
    """An environment whose clock is ahead by what a file says, and that file; at first `seconds`.

    A program that is not linked dynamically does not heed it; the test has to look.
    """
    library = sandbox.evidence / "clockstep.so"
    source = sandbox.fixture("clockstep.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    ahead = sandbox.write("ahead", f"{seconds}\n")
    clock = {"LD_PRELOAD": str(library), "CLOCKSTEP": str(ahead)}
    return {**sandbox.environment, **clock}, ahead
