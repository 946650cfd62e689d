"""How long the waits of a test may take, after what became of the tests before it.

Deadlines are generous, since a machine may be slow. Where nothing comes, they cost half
a minute each. So a test of a clause that has waited in vain already gets a short wait,
and so does each test of a program that has waited in vain more often than it has passed:
both are red already. Where that is so of the whole run, a program has a short wait
until a test of it has passed. A test that is known to take long gets that time, too.
"""

import mmap
from collections.abc import Iterable

SHORT, SHORTEST = 2.0, 1.0  # seconds
_ENOUGH, _ENOUGH_OF_ALL = 4, 8  # tests of a program, and of the run, that waited in vain
_TIMES = 3  # as long as the test usually takes
_PASSED, _IN_VAIN = 0, 1


class Hope:
    """Counts of tests that passed and that waited in vain. Forks share them.

    Two workers that count at the same moment may lose one; nothing depends on one.
    """

    def __init__(self, clauses: Iterable[str]) -> None:
        names = sorted({"", *(name for c in clauses for name in (c, _program(c)))})
        self._place = {name: 2 * number for number, name in enumerate(names)}
        self._counts = memoryview(mmap.mmap(-1, 16 * len(names))).cast("Q")

    def note(self, clause: str, *, in_vain: bool) -> None:
        """Count a test of the clause that passed, or that waited in vain."""
        for name in (clause, _program(clause), ""):
            self._counts[self._place[name] + in_vain] += 1

    def longest_wait(self, clause: str, usual: float) -> float:
        """The longest wait, in seconds, of a test that usually takes `usual` seconds."""
        passed, in_vain = self._of(_program(clause))
        if in_vain >= _ENOUGH and in_vain > passed:
            return (SHORT if passed else SHORTEST) + _TIMES * usual
        passed_of_all, in_vain_of_all = self._of("")
        is_hopeless = in_vain_of_all >= _ENOUGH_OF_ALL and in_vain_of_all > passed_of_all
        if self._of(clause)[_IN_VAIN] or (is_hopeless and not passed):
            return SHORT + _TIMES * usual
        return float("inf")

    def _of(self, name: str) -> tuple[int, int]:
        place = self._place[name]
        return self._counts[place + _PASSED], self._counts[place + _IN_VAIN]


def _program(clause: str) -> str:
    return clause.partition("/")[0]
