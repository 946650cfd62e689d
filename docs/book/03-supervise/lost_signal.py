"""Without the self-pipe: a signal that comes between the look and the wait wakes nobody."""

import os
import select
import signal
import sys

has_ended = False


def note(_number, _frame):
    """Remember that a child has ended."""
    global has_ended
    has_ended = True


poller = select.poll()
if sys.argv[1:] == ["self-pipe"]:
    read_end, write_end = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(write_end)  # the signal also writes a byte
    poller.register(read_end)  # and the wait is for that byte
signal.signal(signal.SIGCHLD, note)

read_end, write_end = os.pipe()
child = os.fork()
if child == 0:
    os.read(read_end, 1)  # the child lives until it is told to end
    os._exit(0)

print("looks: the child has ended?", has_ended)
os.write(write_end, b"x")  # now it ends, in the gap
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
news = poller.poll(1000)  # for one second; without a limit, for ever
print("waits: woken" if news else "waits: not woken, although the child has ended")
