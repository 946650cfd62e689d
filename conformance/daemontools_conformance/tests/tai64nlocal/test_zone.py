"""tai64nlocal: time zones."""

import os
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.tai64nlocal.labels import DATE, LABEL, label

EPOCH = datetime(1970, 1, 1, tzinfo=UTC_ZONE)
TOKYO = b"1971-06-04 01:16:37.305441741"  # DATE there

ZONES = [
    "America/Los_Angeles",
    "America/St_Johns",  # half hours, and changes one minute after midnight
    "America/Caracas",
    "Europe/London",
    "Europe/Dublin",  # winter time is the one with the negative shift
    "Africa/Casablanca",  # changes with Ramadan
    "Africa/Monrovia",  # was off by seconds until 1972
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",  # summer time is half an hour
    "Pacific/Apia",  # left out a day
    "Antarctica/Troll",  # two hours of summer time
]


@clause("tai64nlocal/zone/tz")
@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", b"1971-06-03 16:16:37"),
        ("Asia/Tokyo", b"1971-06-04 01:16:37"),
        ("America/Los_Angeles", b"1971-06-03 09:16:37"),
        ("Asia/Kolkata", b"1971-06-03 21:46:37"),
    ],
)
def test_tz_names_the_zone(sandbox: Sandbox, zone: str, text: bytes) -> None:
    known(zone)
    assert local(sandbox, zone) == text + b".305441741"


@clause("tai64nlocal/zone/every-change")
@pytest.mark.parametrize("zone", ZONES)
def test_every_change_of_local_time(sandbox: Sandbox, zone: str, variant: str) -> None:
    table = known(zone)
    seconds = [change + n for change in changes(table) for n in (-3600, -1, 0, 1, 3599)]
    assert len(seconds) >= 10
    text = b"".join(label(second, 0, variant) + b"\n" for second in seconds)
    out = sandbox.run("tai64nlocal", input=text, env={"TZ": zone}).out.decode()
    dates = [EPOCH + timedelta(seconds=second) for second in seconds]
    expected = [f"{at.astimezone(table):%Y-%m-%d %H:%M:%S}.000000000" for at in dates]
    assert out.splitlines() == expected


def known(zone: str) -> ZoneInfo:
    """The zone's table; the test cannot run where there is none."""
    try:
        return ZoneInfo(zone)
    except ZoneInfoNotFoundError:
        pytest.skip(f"no zone {zone} here")


def changes(table: ZoneInfo) -> list[int]:
    """The Unix seconds from 1850 to 2060 at which the offset of a zone changes."""

    def offset(second: int) -> timedelta | None:
        return (EPOCH + timedelta(seconds=second)).astimezone(table).utcoffset()

    found = []
    day = 86400
    for start in range(-120 * 365 * day, 90 * 365 * day, 5 * day):
        low, high = start, start + 5 * day
        if offset(low) == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        found.append(high)
    return found


@clause("tai64nlocal/zone/posix-string")
@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("<+0530>-5:30", b"1971-06-03 21:46:37"),
        ("EST5EDT,M3.2.0,M11.1.0", b"1971-06-03 12:16:37"),
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", b"1971-06-04 04:16:37"),
        ("XXX24", b"1971-06-02 16:16:37"),
        ("XXX1:02:03", b"1971-06-03 15:14:34"),
    ],
)
def test_tz_may_be_a_rule(sandbox: Sandbox, rule: str, text: bytes) -> None:
    assert local(sandbox, rule) == text + b".305441741"


@clause("tai64nlocal/zone/colon")
def test_tz_may_begin_with_a_colon(sandbox: Sandbox) -> None:
    known("Asia/Tokyo")
    assert local(sandbox, ":Asia/Tokyo") == TOKYO


@clause("tai64nlocal/zone/file")
def test_tz_may_be_a_path(sandbox: Sandbox) -> None:
    source = Path("/usr/share/zoneinfo/Asia/Tokyo")
    if not source.exists():
        pytest.skip(f"no {source} here")
    sandbox.write("zone", source.read_bytes())
    assert local(sandbox, str(sandbox.path / "zone")) == TOKYO


@clause("tai64nlocal/zone/unknown")
@pytest.mark.parametrize("zone", ["No/Where", "No/W-3", "abc", "", "?", "../../../../../dev/null"])
def test_an_unknown_zone_is_utc(sandbox: Sandbox, zone: str) -> None:
    assert local(sandbox, zone) == DATE


@clause("tai64nlocal/zone/unset")
def test_without_tz_it_is_the_machines_zone(sandbox: Sandbox) -> None:
    try:
        with open("/etc/localtime", "rb") as file:
            table: ZoneInfo | None = ZoneInfo.from_file(file)
    except FileNotFoundError:
        table = None
    at = datetime(1971, 6, 3, 16, 16, 37, tzinfo=UTC_ZONE).astimezone(table or UTC_ZONE)
    out = sandbox.run("tai64nlocal", input=LABEL + b"\n", env={"HOME": "/"}).out
    assert out.decode() == f"{at:%Y-%m-%d %H:%M:%S}.305441741\n"


@needs("zic")
@clause("tai64nlocal/zone/leap-seconds")
def test_a_zone_with_leap_seconds(sandbox: Sandbox) -> None:
    sandbox.write("leaps", "Leap\t1971\tJun\t30\t23:59:60\t+\tS\n")
    sandbox.write("source", "Zone\tLeaping\t1:00\t-\tXXX\n")
    zic = ["zic", "-b", "fat", "-d", "zones", "-L", "leaps", "source"]
    path = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    assert sandbox.start_command(zic, env=path).wait().code == 0
    midnight = 47174400  # 1971-07-01 00:00:00 UTC
    text = b"".join(label(midnight + n) + b"\n" for n in (-1, 0, 1, 86400))
    zone = {"TZ": str(sandbox.path / "zones/Leaping")}
    assert sandbox.run("tai64nlocal", input=text, env=zone).out.decode().splitlines() == [
        "1971-07-01 00:59:59.000000000",
        "1971-07-01 00:59:60.000000000",
        "1971-07-01 01:00:00.000000000",
        "1971-07-02 00:59:59.000000000",
    ]


def local(sandbox: Sandbox, zone: str) -> bytes:
    """LABEL's date in a zone."""
    out = sandbox.run("tai64nlocal", input=LABEL + b" x\n", env={"TZ": zone}).out
    assert out.endswith(b" x\n")
    return out[:-3]
