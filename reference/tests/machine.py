"""A machine of namespaces: this machine's files under an overlay, and an init as process 1.

The variable DAEMONTOOLS_BOOT names another root file system for it, as `/var/tmp/trixie`, or
one with more files to be laid over it, as `/:/var/tmp/openrc`.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOWER, *MORE = os.environ.get("DAEMONTOOLS_BOOT", "/").split(":")
NAMESPACES = ["--pid", "--fork", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--kill-child"]

# $1 is an empty folder, $2 the name of a control group; then a command, to be run in that group.
GROUP = """
mount -t cgroup2 none "$1" && mkdir -p "$1/$2" && echo $$ > "$1/$2/cgroup.procs" || exit 1
umount "$1"
shift 2
exec "$@"
"""

# $1: an empty folder; $2: files to be laid over the others; $3: is seen as /tree and outlives
# the machine; then process 1. /setup is run before it. What belongs to the kernel, and so to
# everybody, is read-only; devices are nodes of the machine's own, since an init changes their
# modes.
BOOT = f"""
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
for files in {shlex.join(MORE)} "$2"; do cp -a "$files/." "$1/upper"; done
mount -t overlay -o "lowerdir={LOWER},upperdir=$1/upper,workdir=$1/work" none "$1/root"
cd "$1/root"
mkdir -p tree checkout
mount --bind "$3" tree
mount --bind {shlex.quote(str(ROOT))} checkout
mount -t proc proc proc
mount --bind -o ro proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup
for own in run tmp dev etc/systemd/system; do
    [ ! -d $own ] || mount -t tmpfs -o mode=755 none $own
done
chmod 1777 tmp
for device in null zero full random urandom; do cp -a /dev/$device dev/$device; done
cp -a /dev/null dev/console
ln -s /proc/self/fd dev/fd
shift 3
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=namespaces \\
    chroot . sh -ec '. /setup; cd /; : > /tree/.ready; exec "$@"' setup "$@"
"""


def has(program: str) -> bool:
    """Does the machine have this program itself, and not a link to another one of this name?"""
    files = (Path(f"{folder}/{program}") for folder in (LOWER, *MORE))
    return any(file.is_file() and not file.is_symlink() for file in files)


def can_boot() -> bool:
    """May this process make such a machine? One interpreter is enough: it has its own."""
    python = Path(f"{LOWER}/usr/bin/python3")
    if os.geteuid() != 0 or not shutil.which("setpriv") or not python.exists():
        return False
    if sys.version_info[:2] != (3, 11):
        return False
    trial = "mount -t tmpfs none /mnt && cd /mnt && mkdir u w r && mount -t overlay "
    trial += f"-o lowerdir={LOWER},upperdir=u,workdir=w none r"
    trial += " && mount -t cgroup2 none r/mnt && cp -a /dev/null u"
    call = ["unshare", *NAMESPACES, "sh", "-c", trial]
    return subprocess.run(call, capture_output=True, check=False).returncode == 0


class Machine:
    """A machine that runs; its tree is a folder of the test, and stays."""

    def __init__(self, folder: Path, init: list[str], files: dict[str, str]) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir(exist_ok=True)
        (folder / "base").mkdir()
        for name, text in files.items():
            file = folder / "files" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        self.base = str(folder / "base")
        self.group = f"daemontools-test-{os.getpid()}-{time.monotonic_ns()}"
        words = [self.base, str(folder / "files"), str(self.tree)]
        within = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "sh",
            "-c",
            GROUP,
            "group",
            self.base,
            self.group,
        ]
        with (folder / "console").open("wb") as console:
            self.namespaces = subprocess.Popen(
                [*within, "unshare", *NAMESPACES, "sh", "-c", BOOT, "boot", *words, *init],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self.console = folder / "console"
        # Nothing may be run in the machine before: it would change the real one.
        self.wait_until((self.tree / ".ready").exists, "the root is changed")

    def process_1(self) -> str:
        """The process id of the init, as seen from outside."""
        own = self.namespaces.pid
        return Path(f"/proc/{own}/task/{own}/children").read_text().split()[0]

    def run(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run shell commands within the machine."""
        enter = ["nsenter", "-t", self.process_1(), "-p", "-m", "-u", "-i", "-n", "-C", "-r", "-w"]
        path = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        call = [*enter, "env", "-i", path, "sh", "-c", script]
        return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)

    def answers(self, script: str) -> str:
        """What shell commands print, which must not fail."""
        finished = self.run(script)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout.strip()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for at most a minute, or until the machine is off."""
        end = time.monotonic() + 60
        while not condition():
            assert self.namespaces.poll() is None, f"off, not {what}:\n{self.console.read_text()}"
            assert time.monotonic() < end, f"not in time: {what}:\n{self.console.read_text()}"
            time.sleep(0.05)

    def wait_until_off(self) -> None:
        """Wait until process 1 has ended, and so the machine."""
        self.namespaces.wait(60)

    def end(self) -> None:
        """Pull the plug."""
        self.namespaces.kill()
        self.namespaces.wait()
        remove = 'mount -t cgroup2 none "$1" && find "$1/$2" -depth -type d -exec rmdir {} ";"'
        words = ["unshare", "--mount", "sh", "-c", remove, "remove", self.base, self.group]
        subprocess.run(words, check=False)
