"""What the tests of the whole tree share: svscan over real services."""

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, argv_of
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import supervise_of


def plant(sandbox: Sandbox, *names: str) -> Running:
    """Start svscan over services that sleep; wait until each ./run is there."""
    for name in names:
        sandbox.service(f"service/{name}", "exec sleep 1000")
    svscan = sandbox.start("svscan", "service")
    for name in names:
        wait_until_runs(sandbox, name)
    return svscan


def wait_until_runs(sandbox: Sandbox, name: str, program: bytes = b"sleep") -> int:
    """The process id of the service's ./run, once its script has become `program`."""

    def pid() -> int:
        found = sandbox.status(f"service/{name}").pid
        return found if any(program in word for word in argv_of(found)[:1]) else 0

    return eventually(pid, within=30, what=f"the service {name} runs")


def wait_until_supervised(svscan: Running, name: str) -> int:
    """The process id of the service's supervise, as soon as svscan has it as a child."""
    return eventually(lambda: supervise_of(svscan, name), within=40)
