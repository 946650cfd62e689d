"""A multilog directory, as a reader of logs sees it from outside.

This is the suite's own reader, written from the clauses: old files begin with "@"
and sort by their labels, and `current` comes last. It shares nothing with any
implementation.
"""

import os
import stat
from pathlib import Path

MARGIN = 2000  # a newline this close to the largest size ends a file


def old_files(directory: Path) -> list[Path]:
    """The old files in the order of their labels."""
    names = sorted(name for name in os.listdir(directory) if name.startswith("@"))
    return [directory / name for name in names]


def old_contents(directory: Path) -> list[bytes]:
    """The contents of the old files in the order of their labels."""
    return [file.read_bytes() for file in old_files(directory)]


def contents(directory: Path) -> bytes:
    """The whole log, oldest first, with what an outage left behind.

    A complete output of a processor counts instead of its input. A file with two
    names (linked, and the first not yet removed) counts once.
    """
    files = old_files(directory)
    known = {file.stat().st_ino for file in files}
    processed = directory / "processed"
    is_complete = processed.exists() and bool(processed.stat().st_mode & stat.S_IXUSR)
    for file in (processed if is_complete else directory / "previous", directory / "current"):
        if file.exists() and file.stat().st_ino not in known:
            files.append(file)
    return b"".join(file.read_bytes() for file in files)


def mode(file: Path) -> str:
    """The permission bits in octal: "0644"."""
    return f"{stat.S_IMODE(file.stat().st_mode):04o}"


def codes(directory: Path) -> list[str]:
    """The codes of the old files, oldest first: s and u."""
    return [file.name.rpartition(".")[2] for file in old_files(directory)]


def check_bounds(directory: Path, size: int) -> None:
    """Check each old file's size, and that it ends at a newline if the margin holds one."""
    for file in old_files(directory):
        text = file.read_bytes()
        assert size - MARGIN <= len(text) <= size, f"{file.name} has {len(text)} bytes"
        newline = text.rfind(b"\n")
        if newline >= size - MARGIN:
            assert text.endswith(b"\n"), f"{file.name} has a newline at {newline}, but goes on"


def lines(count: int, length: int = 60) -> bytes:
    """This many numbered lines of this length, newline included. No two are equal."""
    rest = b" " + b"x" * (length - 10) + b"\n"
    return b"".join([b"%08d" % number + rest for number in range(count)])
