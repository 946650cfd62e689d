"""Chains of our own programs in one interpreter.

    prepare(argv)    call this before the first effect, with the words of the next program

(Under construction: for now every program is executed.)
"""


def prepare(argv: list[bytes]) -> None:
    """Get ready to run the chain programs among the words `argv` in this process."""
    del argv
