"""A private machine: the servers of this one, in namespaces, with a file system of their own.

Each machine has a loopback interface of its own, so that the same ports never collide, and a
copy of all files that is only in memory. svscan runs on it.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[3]
PAGE = CHECKOUT / "docs/howto/servers.md"
SERVICES = "/var/lib/services"
WITHIN_SECONDS = 60.0

NAMESPACES = ["--mount", "--net", "--pid", "--ipc"]
UNSHARE = ["unshare", *NAMESPACES, "--fork", "--mount-proc", "--kill-child"]
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
PATHS = {"djb": SYSTEM, "reference": f"/usr/local/bin:{SYSTEM}"}


def problem() -> str:
    """Why no private machine can be made here; empty if it can."""
    if os.geteuid() != 0:
        return "needs root"
    if not all(shutil.which(tool) for tool in ("unshare", "nsenter", "ip", "pkill")):
        return "needs unshare, nsenter, ip and pkill"
    call = [*UNSHARE, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if subprocess.run(call, capture_output=True, check=False).returncode != 0:
        return "needs namespaces"
    return ""


class State(NamedTuple):
    """What svstat says about a service."""

    pid: int  # 0 if it is down
    line: str


class Machine:
    """A running machine; the methods do what an operator would do at its shell."""

    def __init__(self, folder: Path, programs: str) -> None:
        self.path = PATHS[programs]
        prepare = "useradd --system --no-create-home svlog\n"
        if programs == "reference":
            prepare += "/mnt/install --library /usr/local/lib/daemontools /usr/local/bin\n"
        # The shell outlives svscan. With `&` it would start svscan with SIGINT ignored.
        script = f"{prepare}svscan /service || exec sleep infinity"
        first = str(Path(__file__).parent / "machine.sh")
        self._unshare = subprocess.Popen(
            [*UNSHARE, first, str(folder), str(CHECKOUT), "sh", "-ec", script],
            env={"PATH": self.path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a server may send TERM to its process group
        )
        self._first = 0
        wait_until(self._svscan_runs, "svscan runs")

    def _svscan_runs(self) -> bool:
        assert self._unshare.poll() is None, "the machine did not start"
        number = self._unshare.pid
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        self._first = int(children[0]) if children else 0
        return bool(children) and self.run("pgrep", "-x", "svscan", check=False).returncode == 0

    def end(self) -> None:
        """End all processes; the files vanish with them."""
        self._unshare.kill()
        self._unshare.wait()

    def run(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command in the checkout; AssertionError if it fails and must not."""
        enter = ["nsenter", f"--target={self._first}", *NAMESPACES, "--root", "--wd"]
        variables = [f"PATH={self.path}", "HOME=/root", "LC_ALL=C.UTF-8"]
        call = [*enter, "env", "-i", *variables, "sh", "-c", 'cd /mnt; exec "$@"', "sh"]
        done = subprocess.run([*call, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, (words, done.stdout, done.stderr)
        return done

    def file(self, path: str) -> Path:
        """A file of the machine as seen from here."""
        return Path(f"/proc/{self._first}/root{path}")

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
        client = "/mnt/reference/tests/field/client.py"
        words = [server, str(threads), str(times), str(within)]
        done = self.run("/usr/bin/python3", "-BI", client, *words)
        return Asked(**json.loads(done.stdout))

    def wait_until_answered(self, server: str) -> None:
        """Wait until the server answers a request."""
        asked = self.ask(server, within=WITHIN_SECONDS)
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


def wait_until(condition: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Wait for at most a minute."""
    end = time.monotonic() + WITHIN_SECONDS
    while not condition():
        said = what if isinstance(what, str) else what()
        assert time.monotonic() < end, f"not in time: {said}"
        time.sleep(0.05)
