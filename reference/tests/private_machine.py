"""A private machine: namespaces, this machine's files under an overlay, and any process 1.

What a test changes there is gone afterwards. The variable DAEMONTOOLS_MACHINE names another
root file system for it, as `/var/tmp/trixie`, or more files to be laid over it, as
`/:/var/tmp/openrc`.
"""

import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
LAYERS = os.environ.get("DAEMONTOOLS_MACHINE", "/").split(":")
TOOLS = ("unshare", "nsenter", "setpriv", "mount")
UNSHARE = ["unshare", "--pid", "--fork", "--mount", "--uts", "--ipc", "--net", "--cgroup"]
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
LOCAL = f"/usr/local/bin:{SYSTEM}"
WITHIN_SECONDS = 180.0


def found(program: str) -> Path | None:
    """The file of a program, named by its path, on such a machine: the topmost layer has it."""
    for layer in reversed(LAYERS):
        file = Path(f"{layer}/{program}")
        if os.path.lexists(file):
            return None if stat.S_ISCHR(file.lstat().st_mode) else file
    return None


def is_installed(command: str) -> bool:
    """Is there such a command, named as for a shell, on such a machine?"""
    folders = [""] if "/" in command else SYSTEM.split(":")
    return any(found(f"{folder}/{command}") for folder in folders)


@cache
def problem() -> str:
    """Why no private machine can be made here; empty if it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        return f"needs {', '.join(missing)}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            Machine(Path(folder), "sleep", "infinity").end()
        except AssertionError:
            return "needs namespaces and overlay file systems"
    return ""


class Machine:
    """A machine that runs; the methods look at it from outside, or run commands there."""

    def __init__(
        self,
        folder: Path,
        *command: str,
        files: Mapping[str, str] | None = None,
        path: str = SYSTEM,
        within: Sequence[str] = (),
    ) -> None:
        """Start `command` as process 1, after the file `setup` of `files`.

        `folder/tree` is seen as /tree, and stays. `within` runs the words that follow it.
        """
        self.path = path
        self.tree = folder / "tree"
        self.tree.mkdir(exist_ok=True)
        (folder / "base").mkdir()
        for name, text in {"setup": "", **(files or {})}.items():
            file = folder / "files" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        self.console = folder / "console"
        first = Path(__file__).with_suffix(".sh")
        words: list[str | Path] = [folder / "base", folder / "files", self.tree, ROOT, path]
        kill = ["setpriv", "--pdeathsig", "KILL", *UNSHARE, "--kill-child"]
        with self.console.open("wb") as console:
            self.process = subprocess.Popen(
                [*within, *kill, first, *words, *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,  # a server may send TERM to its process group
            )
        self.started: list[subprocess.Popen[bytes]] = []
        # Nothing may be run in the machine before: it would change the real one.
        self.wait_until((self.tree / ".ready").exists, "process 1 runs")

    def __enter__(self) -> Self:
        """End it at the end of a block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Pull the plug."""
        self.end()

    def end(self) -> None:
        """Pull the plug: all processes end, and what they have written vanishes."""
        self.process.kill()
        for process in (self.process, *self.started):
            process.wait()

    @property
    def process_1(self) -> int:
        """Process 1, as seen from outside."""
        own = self.process.pid
        return int(Path(f"/proc/{own}/task/{own}/children").read_text())

    def file(self, path: str | Path) -> Path:
        """A file of the machine, named by its path there, as seen from outside."""
        return Path(f"/proc/{self.process_1}/root{path}")

    def enter(self, *words: str | Path) -> list[str]:
        """The words that run a command there, in the checkout, with an environment of its own."""
        namespaces = ["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd"]
        variables = [f"PATH={self.path}", "HOME=/root", "LC_ALL=C.UTF-8", "TERM=dumb"]
        shell = ["env", "-i", *variables, "sh", "-c", 'cd /checkout; exec "$@"', "sh"]
        enter = ["nsenter", f"--target={self.process_1}", *namespaces, *shell]
        return [*enter, *(str(word) for word in words)]

    def start(self, *words: str | Path) -> "subprocess.Popen[bytes]":
        """Start a command there, which may go on until the end."""
        null = subprocess.DEVNULL
        self.started.append(subprocess.Popen(self.enter(*words), stdout=null, stderr=null))
        return self.started[-1]

    def run(self, *words: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command there; AssertionError if it fails and must not."""
        done = subprocess.run(
            self.enter(*words), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0 or not check, (words, done.stdout, done.stderr)
        return done

    def answers(self, script: str) -> str:
        """What a shell script prints there; it must not fail."""
        return self.run("sh", "-ec", script).stdout.strip()

    def succeeds(self, script: str) -> bool:
        """Does a shell script exit with 0 there?"""
        return self.run("sh", "-c", script, check=False).returncode == 0

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for at most three minutes, or until the machine is off."""
        end = time.monotonic() + WITHIN_SECONDS
        while not condition():
            assert self.process.poll() is None, f"off, not {what}:\n{self.console.read_text()}"
            assert time.monotonic() < end, f"not in time: {what}:\n{self.console.read_text()}"
            time.sleep(0.05)

    def wait_until_off(self) -> None:
        """Wait until process 1 has ended, and so the machine."""
        self.process.wait(WITHIN_SECONDS)
