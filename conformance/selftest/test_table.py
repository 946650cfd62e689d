"""What the table of processes tells of a process that changes while the suite looks."""

import os
import subprocess
import sys

from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.table import (
    argv_of,
    comm_of,
    is_alive,
    is_asleep,
    need_proc,
    proc,
)

TWO_THREADS = """
import sys, threading

def work():
    while not done:
        pass

done = []
threading.Thread(target=work).start()
sys.stdin.readline()
done.append(True)
sys.stdin.readline()
"""

ENDS_ITS_FIRST_THREAD = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.readline).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_with_its_new_name_shows_its_new_arguments_or_none() -> None:
    """The kernel gives the name first; in a twentieth of the trials no arguments are there yet."""
    need_proc()
    seen = set()
    for _ in range(100):
        pid = os.fork()
        if pid == 0:
            os.execv("/bin/sleep", ["sleep", "1000"])
        while comm_of(pid) != b"sleep":
            pass
        seen.add(argv_of(pid))
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    assert seen <= {(b"sleep", b"1000"), ()}


def test_a_process_is_asleep_when_all_of_its_threads_are() -> None:
    need_proc()
    command = [sys.executable, "-c", TWO_THREADS]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        eventually(lambda: len(os.listdir(proc(process.pid, "task"))) == 2)
        eventually(lambda: b") S " in proc(process.pid, "stat").read_bytes())
        assert not any(is_asleep(process.pid) for _ in range(100))
        process.stdin.write(b"\n")
        process.stdin.flush()
        eventually(lambda: is_asleep(process.pid))
        process.stdin.write(b"\n")


def test_a_process_lives_until_its_last_thread_has_ended() -> None:
    need_proc()
    command = [sys.executable, "-c", ENDS_ITS_FIRST_THREAD]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        eventually(lambda: b") Z " in proc(process.pid, "stat").read_bytes())
        assert is_alive(process.pid)
        eventually(lambda: is_asleep(process.pid))
        process.stdin.write(b"\n")
        process.stdin.flush()
        eventually(lambda: not is_alive(process.pid))
