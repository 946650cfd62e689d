"""A pytest plugin for the suite's workers that makes a file of notes for each sandbox."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from daemontools_conformance.selection.tests import name_of_test

FOLDER = "DAEMONTOOLS_LINES"  # the variable that names the folder of the notes


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup(
    fixturedef: "pytest.FixtureDef[object]", request: pytest.FixtureRequest
) -> Generator[None, None, None]:
    """Create the notes of a new sandbox, open to all users, and a file with its test's name."""
    yield
    if fixturedef.argname == "sandbox" and fixturedef.cached_result:
        sandbox = fixturedef.cached_result[0]
        folder = Path(os.environ[FOLDER])
        name = sandbox.path.parent.name  # type: ignore[attr-defined]
        (folder / f"name.{name}").write_text(name_of_test(request.node.nodeid))
        notes = folder / name
        notes.write_bytes(bytes(int((folder / "size").read_text())))
        notes.chmod(0o666)
