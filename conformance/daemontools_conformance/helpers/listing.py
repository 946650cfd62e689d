"""What ps, pgrep and pidof print, and what files there are."""

import stat
import subprocess
from pathlib import Path

from daemontools_conformance.running import journal


def output(*command: str) -> list[str]:
    """The lines that a command prints."""
    journal.note_look("runs", argv=[word.encode() for word in command])
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def files(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Inode, time of change in nanoseconds, and mode as ls shows it, for everything below."""
    found = {}
    for path in folder.rglob("*"):
        about = path.lstat()
        found[str(path)] = (about.st_ino, about.st_ctime_ns, stat.filemode(about.st_mode))
    return found
