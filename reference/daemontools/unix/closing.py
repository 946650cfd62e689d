"""Close what exec would have closed.

A forked process that goes on in this interpreter instead of executing a
program must not hold descriptors that the program would not have: a pipe
end that stays open keeps a reader waiting for ever.
"""

from os import close, get_inheritable, listdir


def close_as_exec_would() -> None:
    """Close all descriptors that are marked close-on-exec."""
    for fd in _open_descriptors():
        try:
            if not get_inheritable(fd):
                close(fd)
        except OSError:
            pass  # not open: the listing itself used one


def _open_descriptors() -> "list[int] | range":
    try:
        return [int(name) for name in listdir("/proc/self/fd")]
    except OSError:
        # There is no /proc, or no free descriptor to read it. The limit on descriptors is no
        # help: it may be huge, or lower than the number of one that is open already.
        return range(65536)
