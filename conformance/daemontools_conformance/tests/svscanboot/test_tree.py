"""svscanboot: what it starts, and with what."""

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import argv_of
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscanboot.booting import (
    SCREEN_BYTES,
    booted,
    find,
    screen,
)

PATH = b"PATH=/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"


@clause("svscanboot/tree/svscan")
@needs("namespaces")
def test_it_runs_svscan_on_its_directory(sandbox: Sandbox) -> None:
    _, svscan, _ = booted(sandbox)
    service = sandbox.implementation.profile.service.encode()
    assert argv_of(svscan) == (b"svscan", service)


@clause("svscanboot/tree/readproctitle")
@needs("namespaces")
def test_it_runs_readproctitle_with_400_dots(sandbox: Sandbox) -> None:
    _, _, title = booted(sandbox)
    dots = b"." * SCREEN_BYTES
    assert argv_of(title) == (b"readproctitle", b"service", b"errors:", dots)


@clause("svscanboot/tree/services-run")
@needs("namespaces")
def test_services_and_logs_run(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo hello; exec sleep 1000")
    sandbox.service("service/a/log", "exec cat >caught")
    booted(sandbox)
    caught = sandbox.path / "service/a/log/caught"
    eventually(lambda: caught.read_bytes().startswith(b"hello\n"), within=60)


@clause("svscanboot/environment/svscan")
@needs("namespaces")
def test_svscan_has_one_variable(sandbox: Sandbox) -> None:
    sandbox.environment["HOME"] = "/somewhere"
    _, svscan, _ = booted(sandbox)
    assert record(svscan).environment == (PATH,)


@clause("svscanboot/environment/readproctitle")
@needs("namespaces")
def test_readproctitle_has_one_variable(sandbox: Sandbox) -> None:
    sandbox.environment["HOME"] = "/somewhere"
    _, _, title = booted(sandbox)
    assert record(title).environment == (PATH,)


@clause("svscanboot/environment/services")
@needs("namespaces")
def test_a_service_sees_neither_the_callers_variables_nor_its_path(sandbox: Sandbox) -> None:
    sandbox.environment["LD_LIBRARY_PATH"] = "/somewhere"
    sandbox.script("service/a/run", "", "/usr/bin/tail -f")
    boot, _, _ = booted(sandbox)
    run = eventually(lambda: find(boot, "/usr/bin/tail"), within=60)
    assert record(run).environment == (PATH,)


@clause("svscanboot/descriptors/svscan")
@needs("namespaces")
def test_svscan_reads_nothing_and_writes_into_the_pipe(sandbox: Sandbox) -> None:
    _, svscan, title = booted(sandbox)
    descriptors = record(svscan).descriptors
    pipe = record(title).descriptors[0]
    assert pipe.startswith("pipe:")
    assert (descriptors[1], descriptors[2]) == (pipe, pipe)
    assert descriptors[0].endswith("/dev/null")  # seen from outside its root


@clause("svscanboot/descriptors/readproctitle")
@needs("namespaces")
def test_readproctitle_writes_nowhere(sandbox: Sandbox) -> None:
    _, _, title = booted(sandbox)
    descriptors = record(title).descriptors
    assert descriptors[1].endswith("/dev/null")  # seen from outside its root
    assert descriptors[2] == descriptors[1]


@clause("svscanboot/descriptors/silent")
@needs("namespaces")
def test_the_caller_reads_nothing(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo out; echo err >&2; exec sleep 1000")
    boot, _, title = booted(sandbox)
    eventually(lambda: b"err\n" in screen(title), within=60)
    assert (boot.out, boot.err) == (b"", b"")


@clause("svscanboot/errors/supervise")
@needs("namespaces")
def test_what_supervise_complains_of_is_shown(sandbox: Sandbox) -> None:
    (sandbox.path / "service/a").mkdir(parents=True)
    _, _, title = booted(sandbox)
    eventually(lambda: screen(title), within=60)


@clause("svscanboot/errors/svscan")
@needs("namespaces")
def test_what_svscan_complains_of_is_shown(sandbox: Sandbox) -> None:
    (sandbox.path / "service").mkdir()
    (sandbox.path / "service/a").symlink_to("nowhere")
    _, _, title = booted(sandbox)
    eventually(lambda: screen(title), within=60)


@clause("svscanboot/errors/service-output")
@needs("namespaces")
def test_the_output_of_a_service_without_a_log_is_shown(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo here I am; exec sleep 1000")
    _, _, title = booted(sandbox)
    eventually(lambda: b"here I am" in screen(title), within=60)


@clause("svscanboot/tree/process-group")
@needs("namespaces")
def test_all_are_in_the_callers_session(sandbox: Sandbox) -> None:
    boot, svscan, title = booted(sandbox)
    sessions = {record(pid).session for pid in (boot.pid, svscan, title)}
    assert len(sessions) == 1
