"""tai64nlocal: the date for a label."""

from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.tai64nlocal.labels import UTC, label

EPOCH = datetime(1970, 1, 1)
FIRST = (datetime(1000, 1, 1) - EPOCH) // timedelta(seconds=1)
LAST = (datetime(9999, 12, 30) - EPOCH) // timedelta(seconds=1)


@clause("tai64nlocal/date/form")
def test_numbers_have_their_leading_zeros(sandbox: Sandbox, vector: Vector) -> None:
    out = sandbox.run("tai64nlocal", input=vector.input["stdin"], env=UTC).out
    assert out == vector.answer["stdout"]


@clause("tai64nlocal/date/golden-vectors")
def test_golden_vectors_are_shown_as_written(
    sandbox: Sandbox, vector: Vector, variant: str
) -> None:
    zone = vector.input["zone"].decode()
    if "/" in zone and not Path("/usr/share/zoneinfo", zone).exists():
        pytest.skip(f"no zone {zone} here")
    line = vector.input["label"]
    if variant == "leap-seconds":
        line = label(int(vector.answer["second"]), int(vector.answer["nanosecond"]), variant)
    answer = sandbox.run("tai64nlocal", input=line + b" mice\n", env={"TZ": zone})
    assert answer.out == vector.answer["date"] + b" mice\n"


@clause("tai64nlocal/date/any-time")
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.generate],  # a smaller example would take minutes, and say no more
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(times=st.lists(st.tuples(st.integers(FIRST, LAST), st.integers(0, 10**9 - 1)), min_size=50))
def test_dates_are_those_of_an_independent_calendar(
    sandbox: Sandbox, variant: str, times: list[tuple[int, int]]
) -> None:
    text = b"".join(label(*time, variant) + b"\n" for time in times)
    dates = [
        f"{at:%Y-%m-%d %H:%M:%S}.{nanosecond:09d}\n"
        for second, nanosecond in times
        for at in [EPOCH + timedelta(seconds=second)]
    ]
    assert sandbox.run("tai64nlocal", input=text, env=UTC).out == "".join(dates).encode()


@clause("tai64nlocal/date/any-time")
def test_dates_around_the_ends_of_32_bits(sandbox: Sandbox, variant: str) -> None:
    ends = (0, 2**31, 2**32, 2**33, -(2**31), -(2**32))
    times = [end + step for end in ends for step in (-1, 0, 1)]
    text = b"".join(label(second, 999_999_999, variant) + b"\n" for second in times)
    dates = [f"{EPOCH + timedelta(seconds=second)}.999999999\n" for second in times]
    assert sandbox.run("tai64nlocal", input=text, env=UTC).out == "".join(dates).encode()


@clause("tai64nlocal/date/of-now")
def test_a_line_labelled_now_reads_as_now(sandbox: Sandbox) -> None:
    before = datetime.now(UTC_ZONE)
    labelled = sandbox.run("tai64n", input=b"a\n").out
    out = sandbox.run("tai64nlocal", input=labelled, env=UTC).out.decode()
    after = datetime.now(UTC_ZONE)
    read = datetime.strptime(out[:26], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC_ZONE)
    assert before - timedelta(microseconds=1) <= read <= after
    assert out[29:] == " a\n"


@clause("tai64nlocal/date/year-of-five-digits")
def test_years_after_9999(sandbox: Sandbox, variant: str) -> None:
    # 400 years of this calendar are 146097 days.
    cycle = 146097 * 86400
    text = b"".join(label(n * cycle, 0, variant) + b" x\n" for n in (21, 100, 5_000_000))
    years = [1970 + 400 * n for n in (21, 100, 5_000_000)]
    out = sandbox.run("tai64nlocal", input=text, env=UTC).out
    assert out == b"".join(b"%d-01-01 00:00:00.000000000 x\n" % year for year in years)


@clause("tai64nlocal/date/year-before-zero")
def test_years_before_zero_are_unsigned(sandbox: Sandbox) -> None:
    second = (1970 // 400 + 1) * -146097 * 86400  # the first of January of the year -30
    out = sandbox.run("tai64nlocal", input=label(second) + b" x\n", env=UTC).out
    assert out == b"%d-01-01 00:00:00.000000000 x\n" % (2**64 - 30)


@clause("tai64nlocal/date/year-wraps")
def test_the_last_years_come_round(sandbox: Sandbox) -> None:
    answer = sandbox.run("tai64nlocal", input=b"@40f0c2ab443b8abee553fb51 x\n", env=UTC)
    assert answer.out.startswith(b"18446744071562069838-03-05 ")


@clause("tai64nlocal/date/year-before-1000")
def test_early_years_have_no_leading_zeros(sandbox: Sandbox, vector: Vector) -> None:
    out = sandbox.run("tai64nlocal", input=vector.input["stdin"], env=UTC).out
    assert out == vector.answer["stdout"]


@clause("tai64nlocal/date/any-time")
def test_thousands_of_times_in_one_run(sandbox: Sandbox) -> None:
    """All before the first leap second, and each in a minute of its own."""
    times = [86400 + 61 * number for number in range(10_000)]
    out = sandbox.run(
        "tai64nlocal", input=b"".join(label(t, 0) + b"\n" for t in times), env=UTC
    ).out
    dates = [EPOCH + timedelta(seconds=t) for t in times]
    assert out.decode().splitlines() == [f"{date:%Y-%m-%d %H:%M:%S}.000000000" for date in dates]
