"""Run collected tests on one mutant after another: a plugin for pytest.

A pytest that has imported and collected its tests is forked for each mutant, which costs a few
hundredths of a second. The tests that noticed a mutant of the same function or file run first,
then the cheapest ones, until one fails.
"""

import contextlib
import gc
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, BinaryIO, Never

import pytest

Begin = Callable[[], object]

PROCESSOR_SECONDS, SECONDS = 5, 25  # that a test may use in this process, and take in all
QUICK = 3  # processor seconds of a test that is worth its time


@dataclass
class Loop:
    """Try the mutants in place of running the tests once.

    `load(mutant)` makes the change, in the fork; load(None) makes none. `asked(mutant, test)` is 0
    if the test cannot notice, and the greater the less likely that is. `tell(mutant, test)` is
    told the first that did, or "". With `watch`, each test runs once without a change before
    all mutants, and begins with what watch(test) has returned.
    """

    mutants: Sequence[Any]
    load: Callable[[Any], None]
    asked: Callable[[Any, pytest.Item], float]
    tell: Callable[[Any, str], None]
    most: int | None = None  # tests that a mutant is shown to
    watch: Callable[[pytest.Item], Begin] | None = None  # what begins to watch a test
    seconds: dict[str, float] = field(default_factory=dict)  # of the processor, by test
    noticed: Counter[tuple[str, ...]] = field(default_factory=Counter)  # by place and test
    sound: set[str] = field(default_factory=set)  # tests that pass without a change
    unsound: set[str] = field(default_factory=set)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try each mutant."""
        gc.collect()
        gc.freeze()  # so that no collection in a fork copies the pages that it shares
        if self.watch:
            self._watched(session, {item: self.watch(item) for item in session.items})
        tests = [item for item in session.items if item.nodeid not in self.unsound]
        for mutant in self.mutants:
            asked = {item: self.asked(mutant, item) for item in tests}
            items = sorted((item for item in asked if asked[item]), key=self._cost(mutant, asked))
            items = items[: self.most]
            while test := self._noticing(session, mutant, items):
                if self._is_sound(session, test):
                    self.noticed[mutant.file, test] += 1
                    self.noticed[mutant.file, mutant.mutation.function, test] += 1
                    break
                items = [item for item in items if item.nodeid != test]
            self.tell(mutant, test)
        return True

    def _cost(
        self, mutant: Any, asked: Mapping[pytest.Item, float]
    ) -> Callable[[pytest.Item], tuple[float, ...]]:
        file, function = mutant.file, mutant.mutation.function

        def cost(item: pytest.Item) -> tuple[float, ...]:
            test = item.nodeid
            in_function, in_file = self.noticed[file, function, test], self.noticed[file, test]
            return -in_function, -in_file, asked[item] * self.seconds.get(test, 0.1)

        return cost

    def _watched(self, session: pytest.Session, begins: Mapping[pytest.Item, Begin]) -> None:
        """Run each test once, and leave out those that fail or take too long."""
        left = list(begins)
        while test := self._noticing(session, None, left, begins):
            self.unsound.add(test)
            left = left[1 + [item.nodeid for item in left].index(test) :]
        self.unsound |= {test for test, took in self.seconds.items() if took > QUICK}

    def _is_sound(self, session: pytest.Session, test: str) -> bool:
        """Does the test pass without a change? "" stands for a module that cannot be imported."""
        items = [item for item in session.items if item.nodeid == test]
        if items and test not in self.sound | self.unsound:
            fails = self._noticing(session, None, items)
            (self.unsound if fails else self.sound).add(test)
        return test not in self.unsound

    def _noticing(
        self,
        session: pytest.Session,
        mutant: Any,
        items: list[pytest.Item],
        begins: Mapping[pytest.Item, Begin] = MappingProxyType({}),
    ) -> str:
        """The first test that fails; "" if none does."""
        with tempfile.TemporaryFile() as said:
            pid = os.fork()
            if pid == 0:
                _run(session, lambda: self.load(mutant), items, said, begins)
            status = _ended(pid, said)
            said.seek(0)
            *passed, last = said.read().decode().split("\n")
        self.seconds |= {test: float(took) for test, took in (line.split("\t") for line in passed)}
        return last.rstrip("\t") or ("the import" if status else "")


def _ended(pid: int, said: BinaryIO) -> int:
    """Wait for the child, and kill it if it says nothing for too long. Returns its status."""
    length, end = 0, time.monotonic() + SECONDS
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if (now := os.fstat(said.fileno()).st_size) > length:
            length, end = now, time.monotonic() + SECONDS
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what a changed program has left running
    return ended[1]


def _run(
    session: pytest.Session,
    load: Callable[[], None],
    items: list[pytest.Item],
    said: BinaryIO,
    begins: Mapping[pytest.Item, Begin],
) -> Never:
    """In a fork: write each test's name before it runs, and the seconds after it has passed."""
    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        load()
        for item in items:
            os.write(said.fileno(), f"{item.nodeid}\t".encode())
            if item in begins:
                begins[item]()
            before = sum(os.times()[:4])  # the processor time of this process and its children
            signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                break
            os.write(said.fileno(), f"{sum(os.times()[:4]) - before:.2f}\n".encode())
        else:
            code = 0
    finally:
        os._exit(code)
