"""What the C library tells one process, changed: nobody touches the machine's clock.

A library that is loaded before the C library shifts the wall clock
(fixtures/clockstep.c), or counts no names of files (fixtures/nolinks.c). A program
that is not linked dynamically does not heed it. Tests that use it need gcc.
"""

import subprocess
from pathlib import Path

from daemontools_conformance.running.sandbox import Sandbox


def preloaded(sandbox: Sandbox, name: str) -> dict[str, str]:
    """An environment in which the library made of fixtures/NAME.c is loaded first."""
    library = sandbox.evidence / f"{name}.so"
    source = sandbox.fixture(f"{name}.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return {**sandbox.environment, "LD_PRELOAD": str(library)}


def with_clock(sandbox: Sandbox, seconds: int) -> tuple[dict[str, str], Path]:
    """An environment whose clock is ahead by what a file says, and that file; at first `seconds`.

    The test has to look whether the program heeds it.
    """
    ahead = sandbox.write("ahead", f"{seconds}\n")
    return {**preloaded(sandbox, "clockstep"), "CLOCKSTEP": str(ahead)}, ahead
