"""The entries of an environment block that a test of envdir is about."""

from collections.abc import Iterable


def of(names: Iterable[bytes], block: Iterable[bytes]) -> list[bytes]:
    """The entries of these variables, in the order of the block.

    What else a program sets is the matter of one clause, envdir/set/no-files,
    and not of every one.
    """
    wanted = set(names)
    return [entry for entry in block if entry.partition(b"=")[0] in wanted]
