"""What the tests of tai64nlocal know about labels, from the specification alone."""

# A label's seconds at Unix time 0.
EPOCH = 2**62 + 10

# Leap seconds that an implementation takes away if it counts them by itself.
LEAP_SECONDS = {"": 0, "leap-seconds": 27}

# 2000-01-18 03:10:56 UTC, a second to convert where the date does not matter.
LABEL = b"@400000003883d9ca00000000"
DATE = b"2000-01-18 03:10:56.000000000"

# The time zone for it. Every test of tai64nlocal says which zone it means.
UTC = {"TZ": "UTC"}


def label(second: int, nanosecond: int = 0) -> bytes:
    """The label of a Unix second."""
    return b"@%016x%08x" % (EPOCH + second, nanosecond)
