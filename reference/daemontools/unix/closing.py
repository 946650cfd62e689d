"""Close what exec would have closed.

A forked process that goes on in this interpreter, in place of executing a
program, must not hold descriptors that the program would not have had: a pipe
end that stays open keeps a reader waiting for ever.
"""

import os


def close_as_exec_would() -> None:
    """Close all descriptors that are marked close-on-exec."""
    for fd in _open_descriptors():
        try:
            if not os.get_inheritable(fd):
                os.close(fd)
        except OSError:
            pass  # not open: the listing itself used one


def _open_descriptors() -> "list[int] | range":
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        # Without /proc, or without a descriptor to read it. The limit says nothing: it may be
        # huge, and it may have been lowered under descriptors that are open already.
        return range(65536)
