"""A folder whose path is longer than any that the kernel takes: it can be entered, not named."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from daemontools_conformance.running import journal

LEVELS, NAME = 30, "n" * 200  # 6000 bytes; PATH_MAX is 4096


@contextmanager
def deep_folder() -> Iterator[str]:
    """A short name for it, in /proc, as long as it lasts; in it e/, s/, f/ and f/supervise."""
    top = tempfile.mkdtemp(prefix="deep")
    os.chmod(top, 0o755)
    folder = os.open(top, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir(NAME, dir_fd=folder)
        inner = os.open(NAME, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    short = f"/proc/{os.getpid()}/fd/{folder}"
    for name in ("e", "s", "f"):
        os.mkdir(f"{short}/{name}")
    os.mknod(f"{short}/f/supervise")
    journal.note("shell", line=by_hand(folder))
    try:
        yield short
    finally:
        os.close(folder)
        shutil.rmtree(top)


def by_hand(fd: int) -> str:
    """The shell line that makes such a folder again, open as descriptor `fd`."""
    inside = f"/proc/$$/fd/{fd}"
    deeper = f"mkdir {inside}/$n && exec {fd}< {inside}/$n"
    return (
        f"n=$(printf n%.0s {{1..{len(NAME)}}}); mkdir ../deep; exec {fd}< ../deep; "
        f"for i in {{1..{LEVELS}}}; do {deeper}; done; "
        f"mkdir {inside}/e {inside}/s {inside}/f; : > {inside}/f/supervise"
    )
