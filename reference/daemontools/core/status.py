"""The 18 bytes of `supervise/status`.

    0-7    the second of the last change of the process id, TAI64, big-endian
    8-11   its nanosecond, big-endian
    12-15  the process id of ./run, little-endian; 0 while the service is down
    16     1 while the service is up and paused, else 0
    17     what is wanted: "u" up, "d" down, 0 once (nothing, when it ends)

Monitoring tools read this file, so not a byte of it may change. It really has two byte
orders. A reader takes the first 18 bytes as they are: a file may contain any second,
labels that TAI64 reserves included.
"""

from daemontools.core.tai64 import UNIX_EPOCH, pack_tai64n

SIZE = 18


def pack(stamp: tuple[int, int], pid: int, *, paused: bool, want: bytes) -> bytes:
    """The 18 bytes. `stamp` is Unix seconds and nanoseconds, `want` one byte.

    >>> pack((0, 500), 0x1234, paused=False, want=b"u").hex(" ")
    '40 00 00 00 00 00 00 0a 00 00 01 f4 34 12 00 00 00 75'
    """
    return pack_tai64n(*stamp) + pid.to_bytes(4, "little") + bytes([paused]) + want


def unpack(status: bytes) -> tuple[int, int, bool, bytes]:
    """The TAI64 second (0 to 2^64-1), the process id, paused, and the wanted byte."""
    second = int.from_bytes(status[:8], "big")
    pid = int.from_bytes(status[12:16], "little")
    return second, pid, status[16] != 0, status[17:18]


def age(second: int, now: int) -> int:
    """The seconds from the TAI64 second `second` to the Unix second `now`; 0 if it is later.

    0.76 converts the age to a C double, so an age above 2^53 is rounded.

    >>> age(2**62 + 10 + 100, 160)
    60
    >>> age(2**62 + 10 + 100, 99)
    0
    >>> age(1, 0)
    4611686018427387904
    """
    return int(float(max(UNIX_EPOCH + now - second, 0)))
