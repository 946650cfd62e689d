"""A machine that has been up for decades: the clock that measures pauses beyond 32 bits."""

import os
import time
from itertools import pairwise
from typing import Unpack

import pytest

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers import history
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import PIPE, Argument, Options, Sandbox
from daemontools_conformance.tests.supervise.services import FAILS_AT_ONCE, SLEEP
from daemontools_conformance.tests.svscan.scanning import CANARY, scans, services

NOT_PERMITTED = 77
# Seconds: the monotonic clock passes 2^31 during the test, or is beyond 2^31 or 2^32.
UPTIMES = {"passes 2^31": "$((2147483648 - up - 3))", "beyond": "2147483648", "far": "4294967296"}
SCRIPT = """\
read -r up rest </proc/uptime
up=${up%%.*}
script=$1
shift
eval "offset=$script"
unshare -T --monotonic 1 true 2>/dev/null || exit 77
exec unshare -T -f --kill-child --monotonic "$offset" "$@"
"""


def up_for(
    sandbox: Sandbox, uptime: str, program: str, *words: Argument, **options: Unpack[Options]
) -> Running:
    """Start the program in a time namespace whose machine has been up for so long."""
    file, argv = sandbox.argv(program, *words)
    command: list[Argument] = ["sh", "-c", SCRIPT, "sh", UPTIMES[uptime], file, *argv[1:]]
    return sandbox.start_command(command, **options)


def check_permitted(running: Running) -> None:
    """Raise Unavailable if there are no time namespaces."""
    if running.has_ended() and running.wait().code == NOT_PERMITTED:
        raise Unavailable("time namespaces are not permitted here")


@clause("supervise/clock/any-uptime")
@needs("root", "unshare")
@pytest.mark.parametrize("uptime", UPTIMES)
def test_the_pause_lasts_a_second_at_any_uptime(sandbox: Sandbox, uptime: str) -> None:
    sandbox.service("s", FAILS_AT_ONCE)
    born = history.births(sandbox.path / "s/history")
    supervise = up_for(sandbox, uptime, "supervise", "s")
    eventually(lambda: supervise.has_ended() or len(born()) >= 4, within=20)
    check_permitted(supervise)
    assert history.too_soon(born(), 1) == []


@slow
@clause("svscan/scan/any-uptime")
@needs("root", "unshare")
@pytest.mark.parametrize("uptime", UPTIMES)
def test_a_scan_follows_after_five_seconds_at_any_uptime(sandbox: Sandbox, uptime: str) -> None:
    (services(sandbox) / CANARY).symlink_to("nowhere")
    sandbox.service("service/s", SLEEP)
    svscan = up_for(sandbox, uptime, "svscan", "service")
    eventually(lambda: svscan.has_ended() or scans(svscan))
    check_permitted(svscan)
    never(lambda: scans(svscan) > 1, during=3)
    eventually(lambda: scans(svscan) == 2, within=20)


@slow
@clause("multilog/fault/five-seconds")
@needs("root", "unshare")
@pytest.mark.parametrize("uptime", UPTIMES)
def test_multilog_tries_again_after_five_seconds_at_any_uptime(
    sandbox: Sandbox, uptime: str
) -> None:
    os.mkfifo(sandbox.path / "fifo")  # a status file that cannot be rewound
    reader = os.open(sandbox.path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    multilog = up_for(sandbox, uptime, "multilog", "=fifo", stdin=PIPE)
    multilog.write(b"one\n")

    def warned(times: int) -> float:
        eventually(lambda: multilog.has_ended() or multilog.err.count(b"\n") >= times, within=20)
        check_permitted(multilog)
        return time.monotonic()

    moments = [warned(1), warned(2), warned(3)]
    os.close(reader)
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert not multilog.has_ended()
    assert min(pauses) > 3  # how long exactly: tests/timing/test_pauses.py
    assert min(pauses) < 8
