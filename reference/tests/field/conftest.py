"""The private machine of each test of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from private_machine import found

from daemontools.installing.files import is_ours
from field.machine import Machine, problem


@pytest.fixture(params=["reference", "djb"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine with the programs of an implementation."""
    if problem():
        pytest.skip(problem())
    svscan = found("/usr/bin/svscan")
    if request.param == "djb" and (svscan is None or is_ours(svscan)):
        pytest.skip("0.76 is not installed")
    with Machine(tmp_path, request.param) as made:
        yield made
