"""What chapters 6 and 11 say of O_NONBLOCK: svscan's pipe keeps it, and lines get lost."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemontools import install
from daemontools.installing import files

[CURE] = re.findall(
    r"`(python3 -c [^`]*set_blocking[^`]*)`",
    (Path(__file__).parents[2] / "docs/book/11-trouble.md").read_text(),
)
DJBS = Path("/usr/bin")

# Nobody reads the pipe. The first run sets the flag, and a file `cure` takes it away.
RUN = f"""#!/bin/sh
echo $$ >>starts
[ "$(grep -c . starts)" != 1 ] || python3 -c 'import os; os.set_blocking(1, False)'
[ ! -e cure ] || {CURE}
exec 2>"complaints.$$"
n=0; while [ $n -lt 9000 ]; do n=$((n + 1)); echo "line $n"; done
: >"written.$$"
exec sleep 1000
"""


@pytest.fixture(params=["reference", "0.76"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "reference":
        library = str(Path(install.__file__).parents[1])
        install.install(tmp_path / "bin", os.path.realpath(sys.executable), library)
        return f"{tmp_path}/bin:/usr/bin:/bin"
    if not (DJBS / "svscan").is_file() or files.is_ours(DJBS / "svscan"):
        pytest.skip("0.76 is not installed")
    return "/usr/bin:/bin"


def wait_until(question: Callable[[], object]) -> None:
    """Ask until the answer is yes; a minute at most."""
    deadline = time.monotonic() + 60
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_run_sets_o_nonblock_and_each_run_loses_lines_until_one_takes_it_away(
    path: str, tmp_path: Path
) -> None:
    service = tmp_path / "tree/s"
    (service / "log").mkdir(parents=True)
    (service / "log/down").touch()
    (service / "run").write_text(RUN)
    (service / "run").chmod(0o755)
    svscan = subprocess.Popen(["svscan", "tree"], cwd=tmp_path, env={"PATH": path}, process_group=0)

    def next_run(number: int) -> str:
        """The process id of this run."""
        starts = service / "starts"
        wait_until(lambda: starts.exists() and len(starts.read_text().split()) == number)
        return starts.read_text().split()[-1]

    def flags(pid: str) -> int:
        [shown] = re.findall(r"flags:\s*0(\d+)", Path(f"/proc/{pid}/fdinfo/1").read_text())
        return int(shown, 8)

    try:
        for number in (1, 2):
            pid = next_run(number)
            wait_until((service / f"written.{pid}").exists)
            assert len((service / f"complaints.{pid}").read_text().splitlines()) > 1000
            assert flags(pid) & os.O_NONBLOCK
            if number == 2:
                (service / "cure").touch()
            subprocess.run(["svc", "-t", "tree/s"], cwd=tmp_path, env={"PATH": path}, check=True)
        pid = next_run(3)
        wait_until((service / f"complaints.{pid}").exists)
        assert not flags(pid) & os.O_NONBLOCK
        time.sleep(0.5)
        assert not (service / f"written.{pid}").exists()
    finally:
        os.killpg(svscan.pid, signal.SIGKILL)
        svscan.wait()
