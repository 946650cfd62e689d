"""Run a command in its own root directory, in which it may create /command and /service.

    newroot.py BASE KEPT [--bind=FROM=TO | --absent=PATH | --child]... -- COMMAND [ARGUMENT]...

This runs as the first process of fresh mount and process namespaces (`unshare -m
-p -f`), so its mounts and files are invisible outside, and disappear with its last
process. The new root is an overlay of the real one and keeps its writes in memory;
folders that are separate mounts (/dev, perhaps /tmp) are bound in.

BASE is an empty folder to mount the root on. KEPT is a folder that stays shared
with the outside. FROM appears as TO, which is created if needed. PATH is removed.
The command becomes process 1, or with --child a child of process 1. Exit code 77:
the system does not permit this.
"""

import os
import subprocess
import sys
from pathlib import Path

NOT_PERMITTED = 77


def mount(*words: str) -> None:
    """Call mount; end with NOT_PERMITTED if it fails."""
    finished = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        print(f"newroot: {finished.stderr.strip()}", file=sys.stderr)
        sys.exit(NOT_PERMITTED)


def mounted_apart(root: Path) -> list[str]:
    """The outermost mount points other than /, /proc and our own."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = sorted({line.split()[4] for line in lines} - {"/", "/proc"})
    outermost: list[str] = []
    for point in points:
        inside = [*outermost, "/proc", str(root)]
        if not any(point == other or point.startswith(other + "/") for other in inside):
            outermost.append(point)
    return outermost


def enter_root(base: Path, kept: str) -> None:
    """Mount the new root below `base`, share the folder `kept`, and change into the root."""
    apart = mounted_apart(base)
    mount("-t", "tmpfs", "tmpfs", str(base))
    root, upper, work = base / "root", base / "upper", base / "work"
    for folder in (root, upper, work):
        folder.mkdir()
    options = f"lowerdir=/,upperdir={upper},workdir={work}"
    mount("-t", "overlay", "overlay", "-o", options, str(root))
    for point in apart:
        if (root / point[1:]).exists():
            mount("--rbind", point, str(root / point[1:]))
    mount("-t", "proc", "proc", str(root / "proc"))
    mount("--bind", kept, str(root / kept[1:]))
    os.chroot(root)
    os.chdir("/")


def bind(source: str, target: str) -> None:
    """Let `source` appear as `target`. Call it inside, where links cannot lead out of the root."""
    Path(target).mkdir(parents=True, exist_ok=True)
    mount("--bind", source, target)


def make_absent(path: str) -> None:
    """Remove a link from the overlay. A folder stays, because it may be a mount."""
    if os.path.islink(path):
        os.unlink(path)
    if os.path.exists(path):
        print(f"newroot: this machine has {path}", file=sys.stderr)
        sys.exit(NOT_PERMITTED)


def main() -> None:
    """See the module's docstring."""
    end = sys.argv.index("--")
    base, kept, *options = sys.argv[1:end]
    command = sys.argv[end + 1 :]
    enter_root(Path(base), kept)
    as_child = False
    for option in options:
        name, _, value = option.partition("=")
        match name:
            case "--bind":
                bind(*value.split("=", 1))
            case "--absent":
                make_absent(value)
            case "--child":
                as_child = True
    if as_child:
        become_first_of(os.fork())
    os.execv(command[0], command)


def become_first_of(child: int) -> None:
    """Fork. The parent reaps until the child has ended, and ends as it did; the child returns."""
    while child:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
