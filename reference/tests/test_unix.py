"""What the programs rely on: clock, lock and self-pipe."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemontools.unix import clock, lock

SELFPIPE = """
import _signal as signal, os, select, sys
from daemontools.unix.selfpipe import drain, open_selfpipe
news = open_selfpipe(signal.SIGCHLD)
poller = select.poll(); poller.register(news, select.POLLIN)
def heard(): return bool(poller.poll(0))
assert not heard()
os.kill(os.getpid(), signal.SIGCHLD); assert heard()
drain(news); assert not heard()
for _ in range(100000): os.kill(os.getpid(), signal.SIGCHLD)  # more than a pipe holds
assert heard()
drain(news); assert not heard()
print("ready", flush=True)
poller.poll(); print("woken", flush=True)
"""


def test_the_wall_clock_stamps_the_middle_of_a_microsecond() -> None:
    before = time.time_ns() // 1000 * 1000
    seconds, nanoseconds = clock.now()
    assert nanoseconds % 1000 == 500
    assert before <= seconds * 10**9 + nanoseconds <= time.time_ns() + 1000


@pytest.mark.parametrize(
    ("nanoseconds", "stamp"),
    [
        (0, (0, 500)),
        (999, (0, 500)),
        (1000, (0, 1500)),
        (1_999_999_999, (1, 999_999_500)),
        (1_234_567_890_123_456_789, (1_234_567_890, 123_456_500)),
    ],
)
def test_a_stamp_counts_whole_microseconds(
    monkeypatch: pytest.MonkeyPatch, nanoseconds: int, stamp: tuple[int, int]
) -> None:
    monkeypatch.setattr(clock, "time_ns", lambda: nanoseconds)
    assert clock.now() == stamp


def test_a_signal_does_not_shorten_a_pause() -> None:
    heard: list[int] = []
    previous = signal.signal(signal.SIGALRM, lambda number, _frame: heard.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        begin = time.monotonic()
        clock.pause(0.5)
        assert time.monotonic() - begin >= 0.5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert heard


def test_a_lock_is_held_once_and_freed_by_closing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    lock.lock_exnb(first)
    with pytest.raises(BlockingIOError):
        lock.lock_exnb(second)
    os.close(first)
    lock.lock_ex(second)
    os.close(second)


def test_a_signal_wakes_poll_even_if_it_came_before() -> None:
    child = subprocess.Popen([sys.executable, "-c", SELFPIPE], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGCHLD)
    readable, _, _ = select.select([child.stdout], [], [], 20)
    assert readable
    assert child.stdout.readline() == b"woken\n"
    assert child.wait(20) == 0
    child.stdout.close()
