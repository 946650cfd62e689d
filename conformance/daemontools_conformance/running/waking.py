"""Go on when a program under test stops the suite (`kill -STOP $PPID`).

A stopped process cannot help itself, so a fork of it watches, in a session of its own. Ctrl-Z
stops the suite as usual: that is another signal.
"""

import mmap
import os
import select
import signal
import warnings

from daemontools_conformance.running.table import HAS_PROC

_NAP = 500  # milliseconds between two looks

_PAUSED, _WOKEN = 0, 1  # bytes of the shared memory: has Ctrl-Z stopped us; how often woken
_shared: mmap.mmap | None = None
_lifeline = -1  # a pipe that closes when this process ends


def keep_awake() -> None:
    """Continue this process from now on when a signal has stopped it, if /proc tells so."""
    global _shared, _lifeline
    if not HAS_PROC:
        return
    _shared = mmap.mmap(-1, 2)
    watched = os.getpid()
    end, _lifeline = os.pipe()
    with warnings.catch_warnings():  # xdist has a thread here, of which the fork needs nothing
        warnings.simplefilter("ignore", DeprecationWarning)
        first = os.fork()
    if not first:
        os.setsid()
        if not os.fork():
            _watch(watched, end, _shared)
        os._exit(0)
    os.waitpid(first, 0)
    os.close(end)
    if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
        signal.signal(signal.SIGTSTP, _pause)


def times_woken() -> int:
    """How often this process has been woken, modulo 256."""
    return _shared[_WOKEN] if _shared else 0


def _pause(_number: int, _frame: object) -> None:
    """Stop because of Ctrl-Z, until `fg` or `bg`."""
    assert _shared
    _shared[_PAUSED] = 1
    os.kill(os.getpid(), signal.SIGSTOP)
    _shared[_PAUSED] = 0


def _watch(watched: int, end: int, shared: mmap.mmap) -> None:
    os.dup2(end, 0)
    os.closerange(1, max(end, _lifeline) + 1)  # or others would wait for their end
    os.closerange(3, 1024)
    os.chdir("/")
    poll = select.poll()
    poll.register(0)
    while not poll.poll(_NAP):
        if _is_stopped(watched) and not shared[_PAUSED]:
            shared[_WOKEN] = (shared[_WOKEN] + 1) % 256
            os.kill(watched, signal.SIGCONT)
    os._exit(0)


def _is_stopped(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False
