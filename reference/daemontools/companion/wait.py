"""`daemontools wait`: return as soon as services are in a state.

    svc -d /service/web && daemontools wait -t 30 down /service/web

`up` and `steady` include the loggers of the services that are named: a service whose logger
does not run will stop in a write. `down` and `gone` do not: a logger ends after its service.

Python's library has no call that tells when a file has changed, so this module looks PAUSE
apart. It sleeps longer where it knows that the answer cannot come sooner: for `steady`.

The stamp of a status is the wall clock's. If that clock is set forward, the stamp is too old, so
a process counts as no older than /proc says. If that clock is set back, the stamp lies in the
future; so `steady` is also what this process has seen unchanged for long enough.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from daemontools import services
from daemontools.companion import when
from daemontools.companion.status import in_words
from daemontools.companion.words import printable

DESCRIPTION = """Wait until all these services are: up (the process exists, and that of the
logger); down (it does not, and supervise will not start it); steady (the same processes, the
logger's included, have been up for some seconds, and none is paused); gone (no supervise runs).
Exit code 0: they are; 1: not in time; 100: wrong usage; 111: never, since a directory does not
exist or cannot be asked."""

PAUSE = 0.05  # seconds
_MISSING = "unable to chdir: file does not exist"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("state", choices=("up", "down", "steady", "gone"), help="what to wait for")
    parser.add_argument("directory", nargs="+", type=Path, help="a service directory")
    parser.add_argument(
        "-t", type=when.seconds, metavar="SECONDS", help="give up after so long (default: never)"
    )
    parser.add_argument(
        "-s",
        type=when.seconds,
        default=3,
        metavar="SECONDS",
        help="how long is steady (default: 3)",
    )


def main(options: argparse.Namespace) -> int:
    """Wait, and say what is still missing if that takes too long."""
    end = time.monotonic() + options.t if options.t is not None else float("inf")
    everything = missing = directories(options.directory, options.state)
    since: dict[Path, tuple[bytes, float]] = {}
    while True:
        statuses = [services.status(directory) for directory in missing]
        never = [s for s in statuses if not since and s.problem == _MISSING]
        pauses = {
            status: pause_before(status, options.state, options.s, age(status, since))
            for status in statuses
        }
        late = never + [status for status, pause in pauses.items() if pause]
        if not late and missing is everything:
            return 0
        if not late:  # one that was in the state may have left it meanwhile
            missing = everything
            continue
        missing = [status.directory for status in late]
        hopeless = never or [s for s in late if s.is_unknown]
        if hopeless or time.monotonic() >= end:
            for status in hopeless or late:
                name = printable(status.directory)
                print(f"daemontools wait: {name}: {in_words(status)}", file=sys.stderr)
            return 111 if hopeless else 1
        time.sleep(max(min(max(pauses.values()), end - time.monotonic()), 0.001))


def directories(named: list[Path], state: str) -> list[Path]:
    """What must be in the state: for `up` and `steady`, the loggers too."""
    if state in ("down", "gone"):
        return named
    loggers = [services.logger(directory) for directory in named]
    return list(dict.fromkeys([*named, *filter(None, loggers)]))


def age(status: services.Status, since: dict[Path, tuple[bytes, float]]) -> float:
    """For how many seconds the service has been as it is, whatever happened to the wall clock."""
    return max(min(status.age, process_age(status.pid)), unchanged(status, since))


def process_age(pid: int) -> float:
    """For how many seconds a process has existed; 0 if /proc does not tell."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2]
        begun = int(after_name.split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) - begun
    except OSError:  # no /proc, or another pid namespace
        return 0


def unchanged(status: services.Status, since: dict[Path, tuple[bytes, float]]) -> float:
    """For how many seconds the last change has been this one, as far as this process has seen.

    `since` has the last change of each service, and when this process first saw the change.
    """
    now = time.monotonic()
    if since.get(status.directory, (None, now))[0] != status.change:
        since[status.directory] = status.change, now
    return now - since[status.directory][1]


def pause_before(status: services.Status, state: str, steady: float, age: float) -> float:
    """The seconds until it is worth looking again; 0 if the service is in the state.

    >>> up = services.Status(Path("clock"), 4711, wanted="up")
    >>> [pause_before(up, state, steady=3, age=1) for state in ("up", "down", "steady")]
    [0, 0.05, 2]
    """
    match state:
        case "gone":
            ends = (services.NOT_RUNNING, services.NEVER_RUN, _MISSING)
            return 0 if status.problem in ends else PAUSE
        case "down":
            is_down = not status.problem and not status.pid and status.wanted != "up"
            return 0 if is_down else PAUSE
    if status.problem or not status.pid or (state == "steady" and status.is_paused):
        return PAUSE
    return max(steady - age, 0) if state == "steady" else 0
