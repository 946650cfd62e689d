"""Clocks and stamps beyond what 32 bits of seconds hold, and before 1970."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.clockstep import with_clock
from daemontools_conformance.helpers.logdirs import old_files
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import TAI64_UNIX_EPOCH, encode
from daemontools_conformance.tests.multilog.logging import put_away, running
from daemontools_conformance.tests.svstat.handmade import answer, service

DAY = 86400
# Unix time: the first day of a machine without a clock, 1969, and around 2038 and 2106.
MOMENTS = [DAY, -DAY, 2**31 - DAY, 2**31 + DAY, 2**32 - DAY, 2**32 + DAY, 2**33 + DAY]
AGES = [1000, 2**31, 2**32 + 1000]  # seconds
SLACK = 3600  # seconds: a test takes less, and the moments are further apart


def at_each_moment(sandbox: Sandbox) -> Iterator[tuple[int, dict[str, str]]]:
    """Each moment, with an environment in which the wall clock stands there."""
    environment, ahead = with_clock(sandbox, 0)
    for moment in MOMENTS:
        ahead.write_text(f"{moment - int(time.time())}\n")
        yield moment, environment


def check_label(label: bytes | str, moment: int) -> None:
    """The label must be of this moment. Raises Unavailable if it is of the real present."""
    text = label.decode() if isinstance(label, bytes) else label
    found = re.match(r"@([0-9a-f]{16})[0-9a-f]{8}", text)
    assert found, label
    second = int(found[1], 16) - TAI64_UNIX_EPOCH
    if abs(second - time.time()) < SLACK:
        raise Unavailable("the clock of this program cannot be shifted")
    assert 0 <= second - moment < SLACK


@clause("tai64n/label/any-year")
@needs("gcc")
def test_tai64n_labels_at_any_time(sandbox: Sandbox) -> None:
    for moment, environment in at_each_moment(sandbox):
        check_label(sandbox.run("tai64n", input=b"a\n", env=environment).out, moment)


@clause("multilog/stamp/any-year")
@needs("gcc")
def test_multilog_stamps_at_any_time(sandbox: Sandbox) -> None:
    for moment, environment in at_each_moment(sandbox):
        sandbox.run("multilog", "t", f"./log{moment}", input=b"a\n", env=environment)
        check_label((sandbox.path / f"log{moment}/current").read_bytes(), moment)


@clause("multilog/rotate/any-year")
@needs("gcc")
def test_multilog_names_old_files_at_any_time(sandbox: Sandbox) -> None:
    for moment, environment in at_each_moment(sandbox):
        log = f"log{moment}"
        sandbox.run("multilog", "s4096", f"./{log}", input=b"x" * 4097, env=environment)
        (old,) = old_files(sandbox.path / log)
        check_label(old.name, moment)


@clause("supervise/clock/any-year")
@needs("gcc")
def test_supervise_stamps_at_any_time(sandbox: Sandbox) -> None:
    for moment, environment in at_each_moment(sandbox):
        sandbox.service(f"s{moment}", "exec sleep 1000", down=True)
        sandbox.supervise(f"s{moment}", env=environment)
        status = (sandbox.path / f"s{moment}/supervise/status").read_bytes()
        check_label("@" + status[:12].hex(), moment)


@clause("svstat/seconds/any-year")
@needs("gcc")
def test_svstat_counts_from_any_time(sandbox: Sandbox) -> None:
    for moment, environment in at_each_moment(sandbox):
        sandbox.environment = environment
        for age in AGES:
            name = f"s{moment}.{age}"
            with service(sandbox, name, status=encode(moment - age, 4711)):
                found = re.fullmatch(rb"up \(pid 4711\) (\d+) seconds", answer(sandbox, name))
            assert found
            if abs(int(found[1]) - (time.time() - moment + age)) < SLACK:
                raise Unavailable("the clock of this svstat cannot be shifted")
            assert age <= int(found[1]) < age + SLACK


@clause("multilog/rotate/order-across-years")
@needs("gcc")
@pytest.mark.parametrize("moment", [2**31, 2**32])
def test_names_keep_their_order_across_the_end_of_32_bits(sandbox: Sandbox, moment: int) -> None:
    environment, ahead = with_clock(sandbox, moment - DAY - int(time.time()))
    multilog = running(sandbox, env=environment)
    put_away(sandbox, multilog, 1)
    ahead.write_text(f"{moment + DAY - int(time.time())}\n")
    multilog.write(b"later\n")
    eventually((sandbox.path / "log/current").read_bytes)
    put_away(sandbox, multilog, 2)
    check_order(sandbox.path / "log", moment)


def check_order(log: Path, moment: int) -> None:
    """The first old file is of the day before, the second of the day after."""
    first, second = old_files(log)
    check_label(first.name, moment - DAY)
    check_label(second.name, moment + DAY)
    assert (first.read_bytes(), second.read_bytes()) == (b"begun\n", b"later\n")
