"""The arithmetic of softlimit: from its argument and the hard limit to the soft limit.

Limits are unsigned 64-bit numbers; the greatest means "unlimited".
Numbers are read as C reads an unsigned long: digits only, modulo 2^64. So 2^64
is 0, and an empty argument is 0 too.
"""

MODULUS = 2**64
UNLIMITED = MODULUS - 1


def soft_limit(amount: bytes, hard: int) -> int:
    """The soft limit to set: `amount`, but never more than `hard`; "=" means `hard`.

    Raises ValueError if `amount` is neither "=" nor a number.

    >>> soft_limit(b"5000", hard=UNLIMITED), soft_limit(b"5000", hard=100)
    (5000, 100)
    >>> soft_limit(b"=", hard=100), soft_limit(b"", hard=100)
    (100, 0)
    >>> soft_limit(b"18446744073709551626", hard=100)
    10
    """
    if amount == b"=":
        return hard
    if amount.strip(b"0123456789"):
        raise ValueError("not a number")
    return min(_modulo(amount), hard)


def _modulo(digits: bytes) -> int:
    """The number modulo 2^64, however many digits there are."""
    result = 0
    for digit in digits:
        result = (result * 10 + digit - ord("0")) % MODULUS
    return result
