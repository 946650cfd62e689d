"""Services under supervise, and what their processes noted."""

from typing import Unpack

from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.history import Event
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import Options, Sandbox
from daemontools_conformance.running.table import argv_of, parent_of

SLEEP = "exec sleep 1000"
LETTERS = b"udopchaitkx"  # the commands
FAILS_AT_ONCE = f"{history.NOTE_START}\nexit 1"


def noted(sandbox: Sandbox, name: str = "s") -> list[Event]:
    """The history of the service."""
    return history.read(sandbox.path / name / "history")


def witnessed(
    sandbox: Sandbox, *ends: str, down: bool = False, **options: Unpack[Options]
) -> Running:
    """A supervise whose service `s` is a witness; the signals `ends` end it."""
    sandbox.service("s", history.witness(*ends), down=down)
    supervise = sandbox.supervise("s", **options)
    if not down:
        wait_until_ready(sandbox)
    return supervise


def wait_until_ready(sandbox: Sandbox) -> int:
    """Wait until the witness last started notes signals; its process id."""

    def pid() -> int:
        events = noted(sandbox)
        current = [event.pid for event in events if event.what == "start"][-1:]
        if not current or Event(current[0], "ready") not in events:
            return 0
        return current[0] if current[0] == sandbox.status("s").pid else 0

    return eventually(pid, within=30, what="the witness is ready")


def wait_until_restarted(sandbox: Sandbox, old: int) -> int:
    """Wait until another witness than `old` is ready; its process id."""
    eventually(lambda: sandbox.status("s").pid not in (0, old))
    return wait_until_ready(sandbox)


def number_of_starts(sandbox: Sandbox) -> int:
    """How often ./run was started."""
    return len(history.starts(noted(sandbox)))


def wait_until_up(sandbox: Sandbox, name: str = "s", within: float = 30) -> int:
    """Wait until the service is up, and ./run has been executed; its process id.

    Between fork and exec the child still has what supervise has: its lock and its FIFOs.
    """

    def pid() -> int:
        found = sandbox.status(name).pid
        return found if found and argv_of(found) not in ((), argv_of(parent_of(found))) else 0

    return eventually(pid, within=within, what=f"{name} is up")


def wait_until_down(sandbox: Sandbox, name: str = "s") -> None:
    """Wait until the service is down."""
    eventually(lambda: sandbox.status(name).pid == 0, what=f"{name} is down")


def wait_until_received(sandbox: Sandbox, *signals: str, within: float = 30) -> None:
    """Wait until the witness has noted exactly these signals, in whatever order."""
    wanted = sorted(signals)
    eventually(
        lambda: sorted(history.signals(noted(sandbox))) == wanted,
        within=within,
        what=f"signals {wanted}",
    )


def wait_until_obeyed(sandbox: Sandbox) -> None:
    """Wait until supervise has obeyed all commands so far, by pausing and continuing ./run."""
    sandbox.control("s", b"p")
    eventually(lambda: sandbox.status("s").paused == 1)
    sandbox.control("s", b"c")
    eventually(lambda: sandbox.status("s").paused == 0)


def wait_until_wanted(sandbox: Sandbox, want: bytes) -> None:
    """Wait until this is what is wanted."""
    eventually(lambda: sandbox.status("s").want == want, what=f"{want!r} is wanted")


def brought_into(sandbox: Sandbox, state: str) -> Running:
    """A supervise whose witness is in that state."""
    supervise = witnessed(sandbox, down=state == "down")
    if state == "paused":
        sandbox.control("s", b"p")
        eventually(lambda: sandbox.status("s").paused)
    elif state == "once":
        sandbox.control("s", b"o")
        wait_until_wanted(sandbox, b"\0")
    elif state == "ending":
        sandbox.control("s", b"d")
        wait_until_received(sandbox, "TERM", "CONT")
        wait_until_wanted(sandbox, b"d")
    elif state == "exiting":
        sandbox.control("s", b"xa")
        wait_until_received(sandbox, "ALRM")
    return supervise
