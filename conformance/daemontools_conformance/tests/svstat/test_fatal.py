"""svstat: what ends it."""

from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.helpers.strace import run_refused
from daemontools_conformance.running.sandbox import Sandbox


@clause("svstat/fatal/working-directory")
def test_a_working_directory_that_cannot_be_opened_ends_it(sandbox: Sandbox) -> None:
    (sandbox.path / "closed").mkdir(mode=0o111)
    finished = sandbox.run("svstat", "/", cwd="closed", prepare=AS_USER)
    assert (finished.code, finished.out) == (111, b"")
    assert finished.err == b"svstat: fatal: unable to open current directory: access denied\n"


@clause("svstat/fatal/way-back")
@needs("strace")
def test_without_a_way_back_it_ends(sandbox: Sandbox) -> None:
    finished = run_refused(sandbox, "fchdir", "EACCES", "svstat", "nowhere", "nowhere")
    assert finished.code == 111
    assert finished.err == b"svstat: fatal: unable to set directory: access denied\n"


@clause("svstat/fatal/removed-working-directory")
def test_a_removed_working_directory_is_no_way_to_other_names(sandbox: Sandbox) -> None:
    sandbox.write("s/file")
    (sandbox.path / "gone").mkdir()
    script = 'cd gone; rmdir ../gone; exec svstat "$1" s'
    finished = sandbox.start_command(["/bin/sh", "-c", script, "sh", sandbox.path / "s"]).wait()
    first, second = finished.out.splitlines()
    assert first.endswith(b"unable to open supervise/ok: file does not exist")
    assert second == b"s: unable to chdir: file does not exist"
