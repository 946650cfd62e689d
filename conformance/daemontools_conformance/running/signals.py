"""Send signals, and know that they have been taken."""

import re

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, is_alive, is_asleep
from daemontools_conformance.running.table import HAS_PROC, proc


def is_pending(pid: int, number: int) -> bool:
    """Has the process been sent this signal and not taken it yet? False if it is gone."""
    try:
        with proc(pid, "status").open() as file:
            masks = re.findall(r"^(?:Sig|Shd)Pnd:\s+(\w+)", file.read(), flags=re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def deliver(running: Running, number: int) -> None:
    """Send a signal and wait until it has been taken, so that the next step comes after it.

    Where nothing tells what is pending, the process must sleep before, and again: the signal
    wakes it at once.
    """
    pid = running.pid
    if HAS_PROC:
        running.signal(number)
        eventually(lambda: not is_pending(pid, number), what=f"signal {number} is taken")
        return
    interrupt(running, number)
    eventually(lambda: is_asleep(pid) or not is_alive(pid), what=f"signal {number} is taken")


def interrupt(running: Running, number: int) -> None:
    """Send a signal to a process once it waits for input and has read the earlier input.

    0.76 blocks signals except while it reads: it acts on a signal that comes a
    moment before the read only when the next input comes.
    """
    eventually(lambda: is_asleep(running.pid), what="it waits for input")
    running.signal(number)
