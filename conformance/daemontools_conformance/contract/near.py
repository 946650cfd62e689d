"""What a word that nobody knows was meant to be."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The names most like the word, as the end of a message; "" if none is like it."""
    near = difflib.get_close_matches(word, list(names), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
