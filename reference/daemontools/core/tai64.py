"""TAI64 labels: a second, a nanosecond, an attosecond, as bytes and as text.

A TAI64 label is the number of a second, eight bytes, big-endian. TAI64N adds
four bytes of nanoseconds, TAI64NA four more of attoseconds. In text a label is
an `@` and its bytes in lower-case hexadecimal:

    @4000000037c219bf2ef02e94
     |               |
     second          nanosecond

Second 2^62 is the one that began 1970 in TAI. daemontools counts as if TAI had
always been 10 seconds ahead of Unix time: its label for Unix second s is
2^62 + 10 + s, and no leap second is ever looked up. So a label here is Unix
time in another form, and every function takes or returns Unix time: whole seconds since
1970-01-01 00:00:00 UTC (negative before), then nanoseconds 0..999999999, then
attoseconds 0..999999999.

>>> pack_tai64(0).hex()
'400000000000000a'
>>> format_tai64n(935467445, 787492500)
b'@4000000037c219bf2ef02e94'
>>> parse_tai64n(b"@4000000037c219bf2ef02e94")
(935467445, 787492500)

The specification reserves labels of 2^63 and more. They raise ValueError, and so do
fields outside their ranges.
Source: http://cr.yp.to/libtai/tai64.html; the 10 is in 0.76's own library.
"""

# What daemontools/tai64.py gives to other programs.
__all__ = [
    "FIRST_SECOND",
    "LAST_SECOND",
    "UNIX_EPOCH",
    "format_tai64",
    "format_tai64n",
    "format_tai64na",
    "pack_tai64",
    "pack_tai64n",
    "pack_tai64na",
    "parse_tai64",
    "parse_tai64n",
    "parse_tai64na",
    "unpack_tai64",
    "unpack_tai64n",
    "unpack_tai64na",
]

# The label of Unix second 0.
UNIX_EPOCH = 2**62 + 10

# The first and the last Unix second that have a label.
FIRST_SECOND = -UNIX_EPOCH
LAST_SECOND = 2**63 - 1 - UNIX_EPOCH

# The length of a packed label in bytes, and of a label in text.
TAI64_BYTES, TAI64N_BYTES, TAI64NA_BYTES = 8, 12, 16
TAI64_TEXT, TAI64N_TEXT, TAI64NA_TEXT = 17, 25, 33

_DIGITS = frozenset(b"0123456789abcdef")


def pack_tai64(seconds: int) -> bytes:
    """The 8 bytes for a Unix second. Raises ValueError if it has no label."""
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError(f"no TAI64 label for Unix second {seconds}")
    return (UNIX_EPOCH + seconds).to_bytes(8, "big")


def pack_tai64n(seconds: int, nanoseconds: int) -> bytes:
    """The 12 bytes for a Unix second and nanosecond. Raises ValueError."""
    return pack_tai64(seconds) + _pack_billionths(nanoseconds, "nanoseconds")


def pack_tai64na(seconds: int, nanoseconds: int, attoseconds: int) -> bytes:
    """The 16 bytes for a Unix second, nanosecond and attosecond. Raises ValueError."""
    return pack_tai64n(seconds, nanoseconds) + _pack_billionths(attoseconds, "attoseconds")


def unpack_tai64(label: bytes) -> int:
    """The Unix second of an 8-byte label. Raises ValueError.

    >>> unpack_tai64(bytes.fromhex("400000000000000a"))
    0
    """
    _check_length(label, TAI64_BYTES)
    second = int.from_bytes(label, "big")
    if second >= 2**63:
        raise ValueError(f"a reserved TAI64 label: {label.hex()}")
    return second - UNIX_EPOCH


def unpack_tai64n(label: bytes) -> tuple[int, int]:
    """The Unix second and nanosecond of a 12-byte label. Raises ValueError."""
    _check_length(label, TAI64N_BYTES)
    return unpack_tai64(label[:8]), _unpack_billionths(label[8:], "nanoseconds")


def unpack_tai64na(label: bytes) -> tuple[int, int, int]:
    """The Unix second, nanosecond and attosecond of a 16-byte label. Raises ValueError."""
    _check_length(label, TAI64NA_BYTES)
    return *unpack_tai64n(label[:12]), _unpack_billionths(label[12:], "attoseconds")


def format_tai64(seconds: int) -> bytes:
    """The label of a Unix second as text, 17 characters. Raises ValueError."""
    return b"@" + pack_tai64(seconds).hex().encode()


def format_tai64n(seconds: int, nanoseconds: int) -> bytes:
    """The label of a Unix second and nanosecond as text, 25 characters. Raises ValueError."""
    return b"@" + pack_tai64n(seconds, nanoseconds).hex().encode()


def format_tai64na(seconds: int, nanoseconds: int, attoseconds: int) -> bytes:
    """The label of an instant with attoseconds as text, 33 characters. Raises ValueError."""
    return b"@" + pack_tai64na(seconds, nanoseconds, attoseconds).hex().encode()


def parse_tai64(text: bytes) -> int:
    """The Unix second of a label in text, exactly 17 characters. Raises ValueError."""
    return unpack_tai64(_bytes_of(text, TAI64_TEXT))


def parse_tai64n(text: bytes) -> tuple[int, int]:
    """The Unix second and nanosecond of a label in text, 25 characters. Raises ValueError."""
    return unpack_tai64n(_bytes_of(text, TAI64N_TEXT))


def parse_tai64na(text: bytes) -> tuple[int, int, int]:
    """The Unix second, nanosecond and attosecond of a label in text. Raises ValueError."""
    return unpack_tai64na(_bytes_of(text, TAI64NA_TEXT))


def _pack_billionths(amount: int, name: str) -> bytes:
    if not 0 <= amount <= 999_999_999:
        raise ValueError(f"{name} go from 0 to 999999999, not {amount}")
    return amount.to_bytes(4, "big")


def _unpack_billionths(field: bytes, name: str) -> int:
    amount = int.from_bytes(field, "big")
    if amount > 999_999_999:
        raise ValueError(f"{name} go from 0 to 999999999, not {amount}")
    return amount


def _check_length(label: bytes, length: int) -> None:
    if len(label) != length:
        raise ValueError(f"a label of {length} bytes was expected, not {len(label)}")


def _bytes_of(text: bytes, length: int) -> bytes:
    digits = text[1:]
    if len(text) != length or text[:1] != b"@" or not _DIGITS.issuperset(digits):
        raise ValueError(f"not a label (`@`, {length - 1} lower-case hexadecimal digits): {text!r}")
    return bytes.fromhex(digits.decode())
