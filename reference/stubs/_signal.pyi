# The C module under `signal`, imported directly because `signal` costs 5 ms.
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Final

_Handler = Callable[[int, FrameType | None], Any] | int | None

SIG_DFL: Final = 0
SIG_IGN: Final = 1
SIG_BLOCK: Final[int]
SIG_UNBLOCK: Final[int]
SIG_SETMASK: Final[int]
SIGALRM: Final[int]
SIGCHLD: Final[int]
SIGCONT: Final[int]
SIGHUP: Final[int]
SIGINT: Final[int]
SIGKILL: Final[int]
SIGPIPE: Final[int]
SIGSTOP: Final[int]
SIGTERM: Final[int]
SIGXFSZ: Final[int]
NSIG: Final[int]

def signal(signalnum: int, handler: _Handler, /) -> _Handler: ...
def getsignal(signalnum: int, /) -> _Handler: ...
def default_int_handler(signalnum: int, frame: FrameType | None, /) -> Any: ...
def pthread_sigmask(how: int, mask: Iterable[int], /) -> set[int]: ...
def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int: ...
def sigpending() -> set[int]: ...
def sigtimedwait(sigset: Iterable[int], timeout: float, /) -> object: ...
def siginterrupt(signalnum: int, flag: bool, /) -> None: ...
