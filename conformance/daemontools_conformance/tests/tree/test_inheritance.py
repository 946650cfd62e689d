"""What comes down the tree from svscan to ./run."""

import os
import signal

from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.helpers.states import direct
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.probe import has_noted, need_probe, probe
from daemontools_conformance.running.record import Record, record
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.table import HAS_PROC
from daemontools_conformance.tests.svscan.scanning import pipes_of, supervise_of
from daemontools_conformance.tests.tree.planting import plant, wait_until_runs

ODD_ENTRIES = [b"TWICE=1", b"no equals sign", b"TWICE=2", b"=nameless", b"EMPTY=", b"B\xff=\xfe"]


SIGNALS = ["--ignore", "HUP", "--block", "USR1", "--block", "CHLD"]


def planted(sandbox: Sandbox, *prepare: str | bytes) -> tuple[int, int]:
    """The process ids of svscan and of a ./run that only waits and changes nothing of itself."""
    need_probe()
    interpreter = "/usr/bin/tail -f" if HAS_PROC else probe()[0]
    sandbox.script("service/a/run", "", interpreter)
    svscan = sandbox.start("svscan", "service", prepare=prepare)
    run = wait_until_runs(sandbox, "a", os.path.basename(interpreter.split()[0]).encode())
    eventually(lambda: HAS_PROC or has_noted(run))
    return svscan.pid, run


def given_and_run(sandbox: Sandbox, *prepare: str | bytes) -> tuple[Record, Record]:
    """The record of a process that is started as svscan is, and that of ./run."""
    _, run = planted(sandbox, *prepare)
    return direct(sandbox, prepare=prepare), record(run)


@clause("tree/inherited/environment")
def test_run_has_the_original_environment(sandbox: Sandbox) -> None:
    options = [word for entry in ODD_ENTRIES for word in (b"--environ-entry", entry)]
    given, run = given_and_run(sandbox, *options)
    assert set(ODD_ENTRIES) <= set(run.environment)
    assert run.environment == given.environment


@clause("tree/inherited/signals")
def test_run_has_the_original_signals(sandbox: Sandbox) -> None:
    run = record(planted(sandbox, "--default", "QUIT", *SIGNALS)[1])
    assert (set(run.ignored), set(run.blocked)) == ({signal.SIGHUP}, {signal.SIGUSR1})


@clause("tree/inherited/group")
def test_run_is_in_svscans_process_group_and_session(sandbox: Sandbox) -> None:
    svscan, run = planted(sandbox)
    assert (os.getpgid(run), os.getsid(run)) == (os.getpgid(svscan), os.getsid(svscan))


@clause("tree/inherited/descriptors")
def test_run_has_svscans_three_descriptors(sandbox: Sandbox) -> None:
    svscan, run = map(record, planted(sandbox))
    own = {fd: target for fd, target in run.descriptors.items() if not target.endswith("/run")}
    assert own.keys() - {0, 1, 2} <= {3, 4}  # tail's own: what it watches by
    assert [own[fd] for fd in (0, 1, 2)] == [svscan.descriptors[fd] for fd in (0, 1, 2)]


@clause("tree/inherited/supervise-descriptors")
def test_no_supervise_holds_what_is_svscans(sandbox: Sandbox) -> None:
    svscan = plant(sandbox, "a", "a/log", "b", "b/log")
    pipes = set(pipes_of(svscan.pid).values())
    pid = supervise_of(svscan, "b")
    descriptors = record(pid).descriptors
    assert [fd for fd, target in descriptors.items() if target in pipes] == [1]
    folder = os.path.realpath(sandbox.path / "service")
    assert folder not in descriptors.values()


@clause("tree/immune/working-directory")
def test_files_beside_the_services_change_nothing(sandbox: Sandbox) -> None:
    for folder in ("service", "service/a", "."):
        for name in ("os.py", "signal.py", "errno.py", "time.py", "daemontools.py"):
            sandbox.write(f"{folder}/{name}", "raise SystemExit('read from here')\n")
    svscan = plant(sandbox, "a")
    assert svscan.err == b""


@clause("tree/immune/interpreter-variables")
def test_an_interpreters_variables_change_nothing_and_arrive(sandbox: Sandbox) -> None:
    nowhere = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "PYTHONINSPECT": "1"}
    sandbox.environment.update(nowhere)
    given, run = given_and_run(sandbox)
    assert {f"{k}={v}".encode() for k, v in nowhere.items()} <= set(run.environment)
    assert run.environment == given.environment


@clause("tree/immune/directory-as-input")
@needs("linux")
def test_a_directory_as_input_of_svscan_does_not_matter(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    directory = os.open(sandbox.path, os.O_RDONLY)
    sandbox.start("svscan", "service", stdin=directory)
    os.close(directory)
    assert wait_until_runs(sandbox, "a")


@clause("tree/scale/thousand")
@slow
def test_a_thousand_services_and_a_hundred_logs(sandbox: Sandbox) -> None:
    names = [f"s{number}" for number in range(1000)] + [f"s{number}/log" for number in range(100)]
    for name in names:
        sandbox.service(f"service/{name}", "exec sleep 1000", down=True)
    sandbox.start("svscan", "service", prepare=["--limit", "NOFILE=1024"])
    left = set(names)

    def all_answer() -> bool:
        left.difference_update([n for n in left if sandbox.is_supervised(f"service/{n}")])
        return not left

    eventually(all_answer, within=180, what="supervise answers for all 1100")
