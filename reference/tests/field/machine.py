"""A private machine on which svscan runs, with the programs of an implementation.

It has a loopback interface of its own, so that the same ports never collide.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import private_machine
from companion import wait_until
from private_machine import LOCAL, ROOT, SYSTEM

PAGE = ROOT / "docs/howto/servers.md"
SERVICES = "/var/lib/services"
PATHS = {"djb": SYSTEM, "reference": LOCAL}
SETUP = """\
ip link set lo up
mkdir -p /service
mount -t tmpfs -o mode=0755 none /service
useradd --system --no-create-home svlog
"""
INSTALL = "/checkout/install --library /usr/local/lib/daemontools /usr/local/bin\n"
# The shell outlives svscan. With `&` it would start svscan with SIGINT ignored.
SVSCAN = "svscan /service || exec sleep infinity"


def problem() -> str:
    """Why no such machine can be made here; empty if it can."""
    tools = [tool for tool in ("ip", "pkill") if not shutil.which(tool)]
    return f"needs {' and '.join(tools)}" if tools else private_machine.problem()


class State(NamedTuple):
    """What svstat says about a service."""

    pid: int  # 0 if it is down
    line: str


class Machine(private_machine.Machine):
    """A running machine; the methods do what an operator would do at its shell."""

    def __init__(self, folder: Path, programs: str) -> None:
        setup = SETUP + (INSTALL if programs == "reference" else "")
        super().__init__(folder, "sh", "-c", SVSCAN, files={"setup": setup}, path=PATHS[programs])
        self.wait_until(lambda: self.succeeds("pgrep -x svscan"), "svscan runs")

    def svc(self, letters: str, *names: str) -> None:
        """Send commands to services by their names below /service."""
        self.run("svc", letters, *(f"/service/{name}" for name in names))

    def state(self, directory: str) -> State:
        """What svstat says now."""
        line = self.run("svstat", directory).stdout
        found = re.search(r"up \(pid (\d+)\)", line)
        return State(int(found[1]) if found else 0, line)

    def wait_until_state(self, name: str, condition: Callable[[State], bool], what: str) -> State:
        """The state of a service as soon as it is as wanted."""
        seen: list[State] = []

        def is_so() -> bool:
            seen.append(self.state(f"/service/{name}"))
            return condition(seen[-1])

        wait_until(is_so, lambda: f"{name}: {what}: {seen[-1].line}")
        return seen[-1]

    def ask(self, server: str, *, threads: int = 1, times: int = 1, within: float = 0) -> "Asked":
        """Send requests; with `within`, repeat one of them for so long until it is answered."""
        client = "/checkout/reference/tests/field/client.py"
        words = [server, str(threads), str(times), str(within)]
        done = self.run("/usr/bin/python3", "-BI", client, *words)
        return Asked(**json.loads(done.stdout))

    def wait_until_answered(self, server: str) -> None:
        """Wait until the server answers a request."""
        asked = self.ask(server, within=private_machine.WITHIN_SECONDS)
        assert asked.answered == 1, (asked, self.log(server)[-2000:])

    def log(self, server: str) -> str:
        """All that is in the log of a service, old files first, without labels."""
        main = self.file(f"{SERVICES}/{server}/log/main")
        files = [*sorted(main.glob("@*")), main / "current"]
        text = b"".join(file.read_bytes() for file in files if file.exists())
        return re.sub(r"(?m)^@[0-9a-f]{24} ", "", text.decode(errors="replace"))


class Asked(NamedTuple):
    """What came of requests."""

    answered: int
    failed: list[str]  # what went wrong, for each request without an answer
