"""unix/closing.py: what exec would have closed is closed, and nothing else."""

import subprocess
import sys

import pytest

# With these numbers closed at the start, and others opened later: what is open after the call?
SCRIPT = """
import os, sys
from daemontools.unix.closing import close_all_but, kept_by_exec
for word in sys.argv[1:]:
    os.close(int(word))
kept = kept_by_exec()
later = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
os.dup2(later[0], 100)
close_all_but([*kept, 100])
def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
still = [fd for fd in range(200) if is_open(fd)]
os.write(100 if 1 in sys.argv[1:] else 9, b"") if False else None
os.execv("/bin/echo", ["echo", *map(str, still)]) if 1 in still else os._exit(sum(still) % 256)
"""
