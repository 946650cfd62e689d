"""What must not be lost when there is no memory, even for a warning."""

import os
from collections.abc import Callable

import pytest

from daemontools.programs import supervise as supervise_program
from daemontools.programs import svscan as svscan_program
from daemontools.unix import logdir


def test_a_command_is_obeyed_again_if_memory_ran_out(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def take(actions: tuple[str, ...]) -> None:
        taken.append(actions)
        if len(taken) == 1:
            raise MemoryError

    monkeypatch.setattr(supervise_program, "_take", take)
    monkeypatch.setattr(supervise_program, "_state", (True, b"u", False, False))
    take_command = vars(supervise_program)["_take_command"]
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, b"at")
    with pytest.raises(MemoryError):
        take_command(reader)
    assert [take_command(reader) for _ in range(3)] == [True, True, False]
    assert taken == [("ALRM",), ("ALRM",), ("TERM",), ()]
    os.close(reader)
    os.close(writer)


class Enough(BaseException):
    """The loop has run often enough."""


@pytest.mark.parametrize("times", [1, 2, 3, 10])
def test_the_loops_that_must_not_end_do_not_end_for_want_of_memory(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    calls: list[None] = []

    def fail(*_arguments: object) -> None:
        calls.append(None)
        if len(calls) > times:
            raise Enough
        raise MemoryError

    for module in (svscan_program, logdir):
        for name in ("reap", "scan", "warn", "pause"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, fail)
    for name in ("set_title", "survive_writing"):
        monkeypatch.setattr(svscan_program, name, lambda *_words: None)
    loops: list[Callable[[], object]] = [
        lambda: svscan_program.main([b"svscan"]),
        lambda: logdir.insist(fail, "unable"),
    ]
    for loop in loops:
        calls.clear()
        with pytest.raises(Enough):
            loop()
        assert len(calls) == times + 1
