"""Close what exec would have closed.

A forked process that goes on in this interpreter instead of executing a
program must not hold descriptors that the program would not have: a pipe
end that stays open keeps a reader waiting for ever.

What the process had when it started was not close-on-exec, and Python opens all else
close-on-exec. So the descriptors to keep are those that were open at the start.
"""

from posix import closerange, get_inheritable, listdir

# Above all numbers that this process opens: each gets the lowest free number.
MOST = 65536


def kept_by_exec() -> list[int]:
    """The open descriptors that are not marked close-on-exec."""
    return [fd for fd in _open_descriptors() if _is_kept(fd)]


def close_all_but(kept: "list[int]") -> None:
    """Close all descriptors but these."""
    first = 0
    for fd in sorted(kept):
        if first < fd:  # closerange(0, 0) would close all
            closerange(first, fd)
        first = fd + 1
    closerange(first, MOST)


def _is_kept(fd: int) -> bool:
    try:
        return get_inheritable(fd)
    except OSError:
        return False  # not open: the listing itself used one


def _open_descriptors() -> "list[int] | range":
    try:
        return [int(name) for name in listdir("/proc/self/fd")]
    except OSError:
        # There is no /proc, or no free descriptor to read it. The limit on descriptors is no
        # help: it may be huge, or lower than the number of one that is open already.
        return range(MOST)
