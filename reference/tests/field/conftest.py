"""The private machine of each test of this folder."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from daemontools.installing.files import is_ours
from field.machine import SYSTEM, Machine, problem


@cache
def no_machine() -> str:
    """Why no private machine can be made; asked once."""
    return problem()


@pytest.fixture(params=["reference", "djb"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine with the programs of an implementation."""
    if no_machine():
        pytest.skip(no_machine())
    svscan = shutil.which("svscan", path=SYSTEM)
    if request.param == "djb" and (svscan is None or is_ours(Path(svscan))):
        pytest.skip("0.76 is not installed")
    made = Machine(tmp_path, request.param)
    yield made
    made.end()
