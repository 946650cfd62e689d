"""svscanboot: what it ends first, and how it ends itself."""

import os
import signal
from contextlib import suppress

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers import newroot
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import below, is_alive
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscanboot.booting import (
    booted,
    find,
    start_boot,
)


@clause("svscanboot/left-over/services")
@needs("namespaces")
def test_a_left_over_supervise_is_ended(sandbox: Sandbox) -> None:
    sandbox.service("service/a b", "exec sleep 1000")
    old = sandbox.supervise("service/a b")
    boot = start_boot(sandbox)
    eventually(lambda: find(boot, "svscan"), within=60)
    assert old.wait(within=60).code == 0


@clause("svscanboot/left-over/logs")
@needs("namespaces")
def test_a_left_over_supervise_of_a_log_is_ended(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    sandbox.service("service/a/log", "exec sleep 1000")
    old = sandbox.supervise("service/a/log")
    boot = start_boot(sandbox)
    eventually(lambda: find(boot, "svscan"), within=60)
    assert old.wait(within=60).code == 0


@clause("svscanboot/left-over/dotted")
@needs("namespaces")
def test_dotted_left_overs_are_not_touched(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    sandbox.service("service/.b", "exec sleep 1000")
    hidden = sandbox.supervise("service/.b")
    old = sandbox.supervise("service/a")
    boot = start_boot(sandbox)
    eventually(lambda: find(boot, "svscan"), within=60)
    old.wait(within=60)
    never(hidden.has_ended, during=0.5)


@clause("svscanboot/left-over/replaced")
@needs("namespaces")
def test_a_new_supervise_takes_over(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    old = sandbox.supervise("service/a")
    boot, _, _ = booted(sandbox)
    old.wait(within=60)
    eventually(lambda: find(boot, "sleep", "1000"), within=60)


@clause("svscanboot/life/no-directory")
@needs("namespaces")
def test_without_the_directory_all_end(sandbox: Sandbox) -> None:
    boot = start_boot(sandbox, service=False)
    answer = boot.wait(within=60)
    if answer.code == newroot.NOT_PERMITTED:
        raise Unavailable(answer.err.decode())
    assert answer.code == 0


@clause("svscanboot/life/stays")
@needs("namespaces")
def test_without_svscan_the_screen_stays_for_the_services(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    boot, svscan, title = booted(sandbox)
    eventually(lambda: find(boot, "sleep", "1000"), within=60)
    os.kill(svscan, 9)
    never(lambda: boot.has_ended() or not is_alive(title), during=1.0)


@clause("svscanboot/life/ends")
@needs("namespaces")
def test_when_svscan_and_all_writers_are_gone_it_ends(sandbox: Sandbox) -> None:
    boot, svscan, _ = booted(sandbox)
    os.kill(svscan, 9)
    assert boot.wait(within=60).code == 0


@clause("svscanboot/first/runs")
@needs("namespaces")
def test_it_can_be_process_1(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo $$ $PPID >numbers; exec sleep 1000")
    boot, svscan, _ = booted(sandbox, first=True)
    eventually((sandbox.path / "service/a/numbers").read_text, within=60)
    (first,) = below(boot.pid)[:1]
    assert svscan in below(first)


@clause("svscanboot/first/reaps")
@needs("namespaces")
def test_as_process_1_it_reaps_orphans(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "(sleep 999 &); exec sleep 1000")
    boot, _, _ = booted(sandbox, first=True)
    orphan = eventually(lambda: find(boot, "sleep", "999"), within=60)
    os.kill(orphan, 9)
    eventually(lambda: orphan not in below(boot.pid), within=60)


@clause("svscanboot/life/hangup")
@needs("namespaces")
def test_a_hangup_ends_all_of_them(sandbox: Sandbox) -> None:
    # As the kernel does when the session's terminal goes away: HUP to each of its processes.
    sandbox.service("service/a", "exec sleep 1000")
    sandbox.service("service/a/log", "exec cat")
    boot, svscan, title = booted(sandbox)
    eventually(lambda: find(boot, "sleep", "1000") and find(boot, "cat"), within=60)
    script, *others = below(boot.pid)[1:]  # the first is process 1, which is the suite's
    assert {svscan, title} < set(others)
    os.kill(script, signal.SIGSTOP)  # or its end would be the end of the namespace
    for pid in others:
        with suppress(ProcessLookupError):  # the end of one may have been the end of another
            os.kill(pid, signal.SIGHUP)
    eventually(lambda: not any(is_alive(pid) for pid in others), what="all have ended")
    os.kill(script, signal.SIGHUP)
    os.kill(script, signal.SIGCONT)
    assert boot.wait(within=60).code == 255  # what newroot makes of a signal


@clause("svscanboot/life/killed")
@needs("namespaces")
def test_the_signal_that_ended_readproctitle(sandbox: Sandbox) -> None:
    boot, svscan, title = booted(sandbox)
    os.kill(title, 9)
    os.kill(svscan, 15)
    assert boot.wait(within=60).code == 128 + 9
