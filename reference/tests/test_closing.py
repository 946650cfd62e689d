"""unix/closing.py: what exec would have closed is closed, and nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

# With some of 0, 1 and 2 closed at the start, files are opened: which descriptors are open
# after the call, and which were open before?
SCRIPT = """
import os, sys
from daemontools.unix.closing import close_all_but, kept_by_exec
answer, *missing = sys.argv[1:]
for word in missing:
    os.close(int(word))
kept = kept_by_exec()
opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
os.dup2(opened[-1], 100)
close_all_but([*kept, 100])
still = [fd for fd in range(200) if os.path.exists(f"/proc/self/fd/{fd}")]
open(answer, "w").write(repr((still, sorted(kept))))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")
@pytest.mark.parametrize("missing", [[], ["0"], ["1"], ["0", "1"], ["0", "1", "2"]], ids=str)
def test_what_was_open_at_the_start_stays_open(missing: list[str], tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    command = [sys.executable, "-c", SCRIPT, str(answer), *missing]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    still, kept = ast.literal_eval(answer.read_text())
    assert still == [*kept, 100]
    assert kept[: 3 - len(missing)] == [fd for fd in range(3) if str(fd) not in missing]
