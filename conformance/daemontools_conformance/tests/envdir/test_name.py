"""envdir: names of files and of variables."""

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import child
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.envdir.entries import of


@clause("envdir/name/lower-case")
@pytest.mark.parametrize("name", ["v", "1v", "_", "a.b"])
def test_names_are_taken_as_they_are(sandbox: Sandbox, name: str) -> None:
    sandbox.write(f"env/{name}", b"x")
    seen = child(sandbox, "envdir", "env", env={})
    assert of([name.encode()], seen.environment) == [f"{name}=x".encode()]


@clause("envdir/name/dot-files")
@pytest.mark.parametrize("name", [".V", "..V", "...", ".=", ".\udcff"])
def test_dot_files_are_skipped(sandbox: Sandbox, name: str) -> None:
    sandbox.write(f"env/{name}", b"x")
    seen = child(sandbox, "envdir", "env", env={})
    assert not [entry for entry in seen.environment if entry.startswith(b".")]


@clause("envdir/name/dot-directory")
def test_dot_directories_are_skipped(sandbox: Sandbox) -> None:
    (sandbox.path / "env/.git").mkdir(parents=True)
    assert of([b".git"], child(sandbox, "envdir", "env", env={}).environment) == []


@clause("envdir/name/equals-sign")
def test_a_name_with_equals_sign_replaces_what_stands_before_it(sandbox: Sandbox) -> None:
    sandbox.write("env/E=F", b"x\n")
    options = ["--empty-environ", "--environ-entry", "E=1", "--environ-entry", "A=3"]
    seen = child(sandbox, "envdir", "env", prepare=options)
    assert of([b"A", b"E"], seen.environment) == [b"A=3", b"E=F=x"]


@clause("envdir/name/equals-sign-empty")
def test_an_empty_file_with_equals_sign_sets_a_variable(sandbox: Sandbox) -> None:
    sandbox.write("env/E=F", b"")
    assert of([b"E"], child(sandbox, "envdir", "env", env={"E": "1"}).environment) == [b"E=F"]


@clause("envdir/name/begins-with-equals")
def test_a_name_that_begins_with_equals_sign(sandbox: Sandbox) -> None:
    sandbox.write("env/=F", b"x\n")
    options = ["--empty-environ", "--environ-entry", "=old", "--environ-entry", "A=1"]
    seen = child(sandbox, "envdir", "env", prepare=options)
    assert of([b"", b"A"], seen.environment) == [b"=F=x", b"A=1"]


@clause("envdir/name/odd")
@pytest.mark.parametrize("name", [b"A B", b"A\nB", b"\xff\xfe", b"-", b"\xc3\xa9"])
def test_odd_bytes_belong_to_the_name(sandbox: Sandbox, name: bytes) -> None:
    sandbox.write(b"env/" + name, b"x\n")
    assert of([name], child(sandbox, "envdir", "env", env={}).environment) == [name + b"=x"]


@clause("envdir/name/odd")
def test_the_longest_name(sandbox: Sandbox) -> None:
    sandbox.write("env/" + 255 * "n", b"x\n")
    seen = child(sandbox, "envdir", "env", env={})
    assert of([255 * b"n"], seen.environment) == [255 * b"n" + b"=x"]


@clause("envdir/name/link")
def test_a_link_counts_as_what_it_leads_to(sandbox: Sandbox) -> None:
    sandbox.write("value", b"x\n")
    (sandbox.path / "env").mkdir()
    (sandbox.path / "env/V").symlink_to("../value")
    assert of([b"V"], child(sandbox, "envdir", "env", env={}).environment) == [b"V=x"]
