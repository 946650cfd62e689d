"""The letters n N x X: what they mean, and what setlock says of a held lock."""

HELD = b"setlock: fatal: unable to lock lock: temporary failure\n"


def letters_of(word: str) -> tuple[bool, bool]:
    """What the manual says of the letters: is there no delay, is it silent?"""
    no_delay = silent = False
    for letter in word:
        no_delay = {"n": True, "N": False}.get(letter, no_delay)
        silent = {"x": True, "X": False}.get(letter, silent)
    return no_delay, silent
