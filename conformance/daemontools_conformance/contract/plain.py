"""Text from strangers, made safe to show: programs, profiles and results may hold anything."""

import re
from typing import Any

# All but: controls other than newline and tab, what turns the direction of a line around, line
# separators, halves of surrogate pairs, and what is no character and never will be.
_ACTS = re.compile(
    "[^\n\t\x20-\x7e\xa0-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff"
    "\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010fffd]"
)


def plain(text: str) -> str:
    r"""The text with every character that acts on a terminal, or that XML forbids, as an escape.

    >>> plain("red \x1b[31m, late \u202e, half \udcff")
    'red \\x1b[31m, late \\u202e, half \\udcff'
    """
    return _ACTS.sub(lambda found: ascii(found[0])[1:-1], text)


def all_plain(value: Any) -> Any:
    """A value as JSON has it, with every text in it made plain."""
    match value:
        case str():
            return plain(value)
        case list():
            return [all_plain(item) for item in value]
        case dict():
            return {all_plain(key): all_plain(item) for key, item in value.items()}
        case _:
            return value


def clipped(text: str, most: int) -> str:
    """The text, or its beginning and how long it is."""
    return text if len(text) <= most else f"{text[:most]} ... ({len(text)} characters in all)"
