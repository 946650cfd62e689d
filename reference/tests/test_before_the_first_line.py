"""What the interpreter does before our first line runs, as the deviations page declares it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemontools import install


@pytest.fixture
def svok(tmp_path: Path) -> Path:
    """The launcher of svok: without an operand it exits 100."""
    install.install(tmp_path / "bin", sys.executable, str(Path(install.__file__).parents[1]))
    return tmp_path / "bin/svok"


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_a_directory_as_a_standard_descriptor_stops_it(svok: Path, descriptor: int) -> None:
    script = f'exec "$0" {descriptor}</'
    finished = subprocess.run(["sh", "-c", script, svok], check=False, capture_output=True)
    assert finished.returncode == 1


def test_a_fifo_named_by_tz_is_waited_for(svok: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen([svok], env={"TZ": f":{fifo}"}, stderr=subprocess.DEVNULL) as running:
        os.close(_opened_by_a_reader(fifo))
        assert running.wait(60) == 100


def _opened_by_a_reader(fifo: Path) -> int:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.01)
    raise AssertionError("nobody opened the FIFO")
