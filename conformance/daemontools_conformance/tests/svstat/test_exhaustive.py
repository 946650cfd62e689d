"""svstat: every state with every kind of stamp."""

import itertools
import struct
import time
from contextlib import ExitStack

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import TAI64_UNIX_EPOCH
from daemontools_conformance.tests.svstat.handmade import masked, service

STATES = [*itertools.product([4711, 0], [True, False], [0, 1], [b"u", b"d", b"\0"])]
AGES = (0, 1, 59, 86400, 10**9, -100, -(2**62), TAI64_UNIX_EPOCH // 2)


def expected_line(pid: int, paused: int, want: bytes, *, down: bool) -> bytes:
    """The line, as the manual has it, with S for the number of seconds."""
    parts = [b"up (pid %d) S seconds" % pid if pid else b"down S seconds"]
    if down == bool(pid):
        parts.append(b"normally down" if down else b"normally up")
    if pid and paused:
        parts.append(b"paused")
    if not pid and want == b"u":
        parts.append(b"want up")
    if pid and want == b"d":
        parts.append(b"want down")
    return b", ".join(parts)


@heavy("exhaustive")
@clause("svstat/words/combinations")
def test_every_state_with_every_stamp(sandbox: Sandbox) -> None:
    now = int(time.time())
    cases = [(state, age) for state in STATES for age in AGES]
    with ExitStack() as stack:
        for number, ((pid, down, paused, want), age) in enumerate(cases):
            stamp = struct.pack(">QI", TAI64_UNIX_EPOCH + now - age, 0)
            status = stamp + struct.pack("<IB", pid, paused) + want
            stack.enter_context(service(sandbox, f"s{number}", status, down=down))
        lines = sandbox.run("svstat", *(f"s{number}" for number in range(len(cases)))).out
    for number, (line, ((pid, down, paused, want), _)) in enumerate(
        zip(lines.splitlines(), cases, strict=True)
    ):
        assert masked(line) == b"s%d: " % number + expected_line(pid, paused, want, down=down)
