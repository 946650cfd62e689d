"""Signals: sent, and known to have been taken."""

import re

from daemontools_conformance.patience import eventually
from daemontools_conformance.processes import Running


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
