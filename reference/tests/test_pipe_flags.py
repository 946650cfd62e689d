"""What chapters 6 and 11 say of O_NONBLOCK: svscan's pipe keeps it, and lines get lost."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from companion import launchers, supervised, wait_until

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
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "reference":
        return launchers(tmp_path / "bin").parent
    if not (DJBS / "svscan").is_file() or files.is_ours(DJBS / "svscan"):
        pytest.skip("0.76 is not installed")
    return DJBS


def test_one_run_sets_o_nonblock_and_each_run_loses_lines_until_one_takes_it_away(
    programs: Path, tmp_path: Path
) -> None:
    service = tmp_path / "tree/s"
    (service / "log").mkdir(parents=True)
    (service / "log/down").touch()
    (service / "run").write_text(RUN)
    (service / "run").chmod(0o755)

    def next_run(number: int) -> str:
        """The process id of this run."""
        starts = service / "starts"
        wait_until(
            lambda: starts.exists() and len(starts.read_text().split()) == number, "it starts"
        )
        return starts.read_text().split()[-1]

    def flags(pid: str) -> int:
        [shown] = re.findall(r"flags:\s*0(\d+)", Path(f"/proc/{pid}/fdinfo/1").read_text())
        return int(shown, 8)

    with supervised(tmp_path / "tree", programs):
        for number in (1, 2):
            pid = next_run(number)
            wait_until((service / f"written.{pid}").exists, "it has written all")
            assert len((service / f"complaints.{pid}").read_text().splitlines()) > 1000
            assert flags(pid) & os.O_NONBLOCK
            if number == 2:
                (service / "cure").touch()
            subprocess.run([programs / "svc", "-t", service], check=True)
        pid = next_run(3)
        wait_until((service / f"complaints.{pid}").exists, "it has taken the flag away")
        assert not flags(pid) & os.O_NONBLOCK
        time.sleep(0.5)
        assert not (service / f"written.{pid}").exists()
