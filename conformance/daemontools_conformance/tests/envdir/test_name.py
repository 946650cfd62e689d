"""envdir: names of files and of variables."""

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.states import child
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.envdir.entries import block, of


@clause("envdir/name/lower-case")
def test_names_are_taken_as_they_are(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/name/dot-files")
def test_dot_files_are_skipped(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/name/dot-directory")
def test_dot_directories_are_skipped(sandbox: Sandbox) -> None:
    (sandbox.path / "env/.git").mkdir(parents=True)
    assert of([b".git"], child(sandbox, "envdir", "env", env={}).environment) == []


@clause("envdir/name/equals-sign")
def test_an_equals_sign_ends_the_name(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/name/equals-sign-empty")
def test_an_empty_file_with_equals_sign_sets_a_variable(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/name/begins-with-equals")
def test_a_name_that_begins_with_equals_sign(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/name/odd")
def test_odd_bytes_belong_to_the_name(sandbox: Sandbox, vector: Vector) -> None:
    assert sorted(block(sandbox, vector)) == sorted(vector.answer["environment"])


@clause("envdir/name/link")
def test_a_link_counts_as_what_it_leads_to(sandbox: Sandbox) -> None:
    sandbox.write("value", b"x\n")
    (sandbox.path / "env").mkdir()
    (sandbox.path / "env/V").symlink_to("../value")
    assert of([b"V"], child(sandbox, "envdir", "env", env={}).environment) == [b"V=x"]
