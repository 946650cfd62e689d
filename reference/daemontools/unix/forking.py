"""Children that are never lost, not even without memory.

Three things must not happen to a program that supervises others:

* A child that cannot become what it should comes back into its parent's loop. Here
  it says why, and ends.
* A parent has a child, and no memory for its process id. os.fork() makes that
  integer after the kernel has made the process. So an integer is made and given
  back just before: its room is the first that CPython takes again.
* A child has ended and been waited for, and then there is no memory to note it.
  So the kernel is first asked who has ended (`ended_child`), and a child is let go
  (`let_go`) when its end has been noted. What fails in between is done again.
"""

import os
from time import time_ns

from daemontools.unix.messages import die

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def fork(child: "Callable[[], object]", *complaint: bytes | str) -> int:
    """Call `child` in a new process, and return the process's id.

    The new process never returns: `child` becomes another program, or the process says
    `complaint` and the reason, and ends with 111. Raises OSError, MemoryError: there is
    no new process then.
    """
    room = time_ns()
    del room
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except Exception as error:
            die(111, *complaint, error)
        finally:
            os._exit(111)
    return pid


def ended_child() -> int:
    """The process id of a child that has ended, and waits to be let go; 0 if there is none.

    Raises OSError (ChildProcessError if there are no children at all), MemoryError.
    """
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return ended.si_pid if ended else 0


def let_go(pid: int) -> None:
    """Wait for a child that has ended: now its process id may be another's. Raises OSError."""
    os.waitpid(pid, os.WNOHANG)
