"""What the tests of the pages share: the programs, and an end of all that a page starts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemontools_conformance.running import orphans
from daemontools_conformance.running.processes import children


@pytest.fixture(scope="session", params=["reference", "djb"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory with the 17 programs of one implementation."""
    if request.param == "djb":
        found = next((d for d in ("/command", "/usr/bin") if Path(d, "svscan").exists()), None)
        return found or pytest.skip("djb's daemontools is not installed here")
    directory = tmp_path_factory.mktemp("command")
    install = [sys.executable, "-I", "-m", "daemontools.install", directory]
    subprocess.run(install, check=True)
    return str(directory)


@pytest.fixture
def clean() -> Iterator[set[int]]:
    """Whatever a transcript leaves running is ended; what ran before is spared, and returned."""
    orphans.prepare(is_worker=False)
    before = children()
    yield before
    orphans.end_all_but(before)
