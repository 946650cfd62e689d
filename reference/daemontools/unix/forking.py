"""Children that are never lost, not even when memory is short.

Three things must not happen to a program that supervises others:

* A child that cannot become another program returns into its parent's loop. Here
  it says why, and ends.
* A parent has a child, but no memory for its process id. os.fork() makes that
  integer after the kernel has made the process. So `fork` makes and frees an integer
  just before: CPython reuses that memory first.
* A child has ended and wait has removed it, but there is no memory to note its end.
  So `ended_child` only asks the kernel which child has ended, and `let_go` removes that
  child after its end has been noted. If something fails in between, it is done again.
"""

from posix import (  # type: ignore[attr-defined,unused-ignore]  # waitid: macOS from 3.13 on
    P_ALL,
    WEXITED,
    WNOHANG,
    WNOWAIT,
    _exit,
    waitid,
    waitpid,
)
from posix import fork as os_fork
from time import time_ns

from daemontools.unix.messages import die

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def fork(
    complaint: tuple[bytes | str, ...], child: "Callable[..., object]", *arguments: object
) -> int:
    """Call `child(*arguments)` in a new process, and return the id of that process.

    The new process never returns: `child` becomes another program, or the process prints
    `complaint` and the reason, and ends with 111. Raises OSError, MemoryError if there is
    no new process.
    """
    room = time_ns()
    del room
    pid = os_fork()
    if pid == 0:
        try:
            child(*arguments)
        except Exception as error:
            die(111, *complaint, error)
        finally:
            _exit(111)
    return pid


def ended_child() -> int:
    """The process id of a child that has ended and must be let go; 0 if there is none.

    Raises OSError (ChildProcessError if there are no children at all), MemoryError.
    """
    ended = waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT)
    return ended.si_pid if ended else 0


def let_go(pid: int) -> None:
    """Wait for a child that has ended, which frees its process id. Raises OSError."""
    waitpid(pid, WNOHANG)
