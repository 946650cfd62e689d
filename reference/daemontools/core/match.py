"""Patterns of multilog: strings of stars and non-stars, matched without looking back.

A non-star matches itself. A star before some character matches everything up to
the first occurrence of that character, and never more; so `*: fatal` does not
match "a: b: fatal", because the star ends at the first colon. A star at the end
matches the rest. There is no quoting: a star that is followed by another star
runs up to the first star in the text.

This is the model. multilog runs the regular expressions of `fast/lines.py`, which a
property test proves equal to it (reference/tests/test_fast_lines.py).
Clauses: multilog/pattern/...
"""

STAR = ord("*")


def match(pattern: bytes, text: bytes) -> bool:
    """Does the whole of `text` match `pattern`?

    >>> match(b"hello", b"hello world")
    False
    >>> match(b"named[*]: Cleaned cache *", b"named[135]: Cleaned cache of 3121 RRs")
    True
    >>> match(b"*: fatal", b"a: b: fatal")
    False
    >>> match(b"**", b"no star"), match(b"**", b"a * in it")
    (False, True)
    """
    position = 0
    for index, character in enumerate(pattern):
        if character == STAR:
            if index + 1 == len(pattern):
                return True
            position = text.find(pattern[index + 1], position)
            if position < 0:
                return False
        else:
            if position == len(text) or text[position] != character:
                return False
            position += 1
    return position == len(text)
