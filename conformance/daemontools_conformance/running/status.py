"""The 18 bytes of `supervise/status`, as monitoring tools in the field read them.

This is the suite's own decoder, written from the clauses; it shares nothing
with any implementation.

    0-7   seconds, TAI64, most significant byte first
    8-11  nanoseconds, most significant byte first
    12-15 process id of ./run, least significant byte first; 0: down
    16    1: paused
    17    "u": wanted up, "d": wanted down, 0: once
"""

import struct
import time
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.running.patience import deadline

SIZE = 18
_SECONDS_TO_WRITE = 2  # on a busy machine
TAI64_UNIX_EPOCH = 2**62 + 10  # the label of 1970-01-01 00:00:00 UTC, leap seconds not counted


@dataclass(frozen=True)
class Status:
    """A decoded status file; `since` is Unix time in seconds."""

    since: float
    pid: int
    paused: int
    want: bytes


def read_status(file: Path) -> Status:
    """The decoded file. Raises OSError, ValueError.

    That no reader sees a part of a status is a clause of its own. So a short file gets
    a moment here: a supervise that writes in place falls short of that clause alone.
    """
    end = time.monotonic() + deadline(_SECONDS_TO_WRITE)
    while len(data := file.read_bytes()) < SIZE and time.monotonic() < end:
        time.sleep(0.001)
    return decode(data)


def decode(data: bytes) -> Status:
    """Decode the first 18 bytes. Raises ValueError if there are fewer."""
    if len(data) < SIZE:
        raise ValueError(f"a status file of {len(data)} bytes: {data.hex(' ')}")
    seconds, nanoseconds = struct.unpack(">QI", data[:12])
    (pid,) = struct.unpack("<I", data[12:16])
    return Status(seconds - TAI64_UNIX_EPOCH + nanoseconds / 1e9, pid, data[16], data[17:18])


def encode(since: float, pid: int, paused: int = 0, want: bytes = b"u") -> bytes:
    """The bytes of a status file, for tests that write one by hand."""
    seconds = int(since)
    nanoseconds = int((since - seconds) * 1e9)
    stamp = struct.pack(">QI", seconds + TAI64_UNIX_EPOCH, nanoseconds)
    return stamp + struct.pack("<I", pid) + bytes([paused]) + want
