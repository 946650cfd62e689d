"""setlock at scale."""

import fcntl

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import is_asleep
from daemontools_conformance.running.sandbox import Sandbox

WAITERS = 200


@heavy("scale")
@clause("setlock/wait/two-waiters")
def test_two_hundred_wait_for_one_lock(sandbox: Sandbox) -> None:
    turn = "echo in >>log; echo out >>log"
    with open(sandbox.write("lock"), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiters = [sandbox.start("setlock", "lock", "sh", "-c", turn) for _ in range(WAITERS)]
        eventually(lambda: all(is_asleep(waiter.pid) for waiter in waiters), within=120)
        assert not (sandbox.path / "log").exists()
    assert {waiter.wait(within=120).code for waiter in waiters} == {0}
    assert (sandbox.path / "log").read_text() == "in\nout\n" * WAITERS
