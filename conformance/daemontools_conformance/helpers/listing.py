"""What ps, pgrep and pidof print, and what files there are."""

import subprocess
from pathlib import Path


def output(*command: str) -> list[str]:
    """The lines that a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, time of change in nanoseconds, and mode of everything below a folder."""
    found = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        found[str(path)] = (stat.st_ino, stat.st_ctime_ns, stat.st_mode)
    return found
