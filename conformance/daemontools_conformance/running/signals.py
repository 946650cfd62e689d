"""Signals: sent, and known to have been taken."""

import re

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, is_asleep


def is_pending(pid: int, number: int) -> bool:
    """Has the process been sent this signal and not taken it yet? False if it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            masks = re.findall(r"^(?:Sig|Shd)Pnd:\s+(\w+)", file.read(), flags=re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def deliver(running: Running, number: int) -> None:
    """Send a signal and wait until it has been taken: what is done next comes after it."""
    running.signal(number)
    eventually(lambda: not is_pending(running.pid, number), what=f"signal {number} is taken")


def interrupt(running: Running, number: int) -> None:
    """Send a signal to a process that waits for input, and has taken what was written before.

    0.76 blocks signals except while it reads: one that comes a moment before the
    read is acted on when the next input comes.
    """
    eventually(lambda: is_asleep(running.pid), what="it waits for input")
    running.signal(number)
