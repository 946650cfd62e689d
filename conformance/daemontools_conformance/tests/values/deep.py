"""A folder whose path is longer than any that the kernel takes: it can be entered, not named."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LEVELS, NAME = 30, "n" * 200  # 6000 bytes; PATH_MAX is 4096


@contextmanager
def deep_folder() -> Iterator[str]:
    """A short name for it, in /proc, as long as it lasts."""
    top = tempfile.mkdtemp(prefix="deep")
    os.chmod(top, 0o755)
    folder = os.open(top, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir(NAME, dir_fd=folder)
        inner = os.open(NAME, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    try:
        yield f"/proc/{os.getpid()}/fd/{folder}"
    finally:
        os.close(folder)
        shutil.rmtree(top)
