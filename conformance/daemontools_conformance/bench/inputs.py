"""The benchmark's input: the same bytes in every run, on every machine."""

import random
from pathlib import Path

_PROGRAMS = [b"sshd", b"kernel", b"cron", b"httpd", b"named", b"postfix"]
_LEVELS = [b"debug", b"info", b"info", b"info", b"warning", b"error"]

# About 100 lines a second, in time order, from 2023-11-14 22:13:20 UTC on.
_FIRST_SECOND = 2**62 + 10 + 1_700_000_000
_MOST_NANOSECONDS_APART = 20_000_000


def make_plain(path: Path, size: int) -> None:
    """At least `size` bytes of lines `program: level: words`, 15 to 170 bytes each."""
    chance = random.Random(1)
    letters = b"abcdefghijklmnopqrstuvwxyz0123456789"
    words = [bytes(chance.choices(letters, k=chance.randint(1, 12))) for _ in range(5000)]
    with path.open("wb") as file:
        written = 0
        while written < size:
            text = b" ".join(chance.choices(words, k=chance.randint(1, 20)))
            start = b"%b: %b: " % (chance.choice(_PROGRAMS), chance.choice(_LEVELS))
            written += file.write(start + text + b"\n")


def make_stamped(path: Path, plain: Path) -> None:
    """The lines of `plain`, each with a TAI64N label and a blank in front."""
    chance = random.Random(2)
    at = _FIRST_SECOND * 10**9
    with plain.open("rb") as source, path.open("wb") as file:
        for line in source:
            at += chance.randint(0, _MOST_NANOSECONDS_APART)
            # As 0.76 stamps lines: whole microseconds and 500 ns.
            second, nanosecond = divmod(at - at % 1000 + 500, 10**9)
            file.write(b"@%016x%08x " % (second, nanosecond) + line)


def make_lines(path: Path, count: int, length: int) -> None:
    """`count` lines of `length` bytes each, the newline included."""
    text = b"kernel: info: " + b"abcdefghi " * (length // 10 + 1)
    line = text[: length - 1] + b"\n"
    with path.open("wb") as file:
        for _ in range(count):
            file.write(line)
