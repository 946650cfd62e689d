"""unix/forking.py: no child is lost, and none returns into the code of its parent."""

import os
import subprocess
import sys

import pytest

from daemontools.unix.forking import ended_child, fork, let_go

# The child raises; if it returned to the caller, it would print.
RAISING = """
import os
from daemontools.unix.forking import fork
def child():
    raise {error}
pid = fork(("tool: fatal: unable to start ", b"x", ": "), child)
_, status = os.waitpid(pid, 0)
print("came back", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("OSError(13, '')", "access denied"),
        ("MemoryError()", "out of memory"),
        ("ValueError()", "internal error: ValueError()"),
    ],
)
def test_a_child_that_fails_says_why_and_never_comes_back(error: str, reason: str) -> None:
    code = RAISING.format(error=error)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == f"tool: fatal: unable to start x: {reason}\n"
    assert ended.stdout == "came back 111\n"


def test_an_ended_child_is_found_until_it_is_let_go() -> None:
    pid = fork(("tool: fatal: ",), lambda: os._exit(3))
    while not ended_child():
        pass
    assert ended_child() == pid
    let_go(pid)
    with pytest.raises(ChildProcessError):
        ended_child()
