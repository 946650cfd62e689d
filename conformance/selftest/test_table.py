"""What the table of processes tells of a process that changes while the suite looks."""

import os

from daemontools_conformance.running.table import argv_of, comm_of, need_proc


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
