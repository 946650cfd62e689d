"""Change what the C library tells one process, without touching the machine's clock.

A library loaded before the C library shifts the wall clock (fixtures/clockstep.c),
or hides the number of a file's links (fixtures/nolinks.c). It has no effect on a
program that is not linked dynamically. Tests that use this module need gcc.
"""

import shlex
import subprocess
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.running import journal
from daemontools_conformance.running.sandbox import Sandbox


def preloaded(sandbox: Sandbox, name: str) -> dict[str, str]:
    """An environment in which the library made from fixtures/NAME.c is loaded first.

    Raises Unavailable if it cannot be made.
    """
    library = sandbox.evidence / f"{name}.so"
    source = sandbox.fixture(f"{name}.c")
    command = ["gcc", "-shared", "-fPIC", "-o", str(library), str(source)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Unavailable(f"gcc does not take {source.name} here: {made.stderr[:500]}")
    folder = shlex.quote(str(library.parent))
    journal.note("shell", line=f"mkdir -p {folder}; {shlex.join(command)}")
    return {**sandbox.environment, "LD_PRELOAD": str(library)}


def with_clock(sandbox: Sandbox, seconds: int) -> tuple[dict[str, str], Path]:
    """An environment with the clock ahead, and the file that says by how much: `seconds` at first.

    The test must check whether the program obeys that clock.
    """
    ahead = sandbox.write("ahead", f"{seconds}\n")
    return {**preloaded(sandbox, "clockstep"), "CLOCKSTEP": str(ahead)}, ahead
