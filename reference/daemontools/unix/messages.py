"""What the programs say when something goes wrong, and the codes they say it with.

Every complaint has one shape, and scripts match on it:

    program: fatal: unable to VERB OBJECT: reason
    program: warning: unable to VERB OBJECT: reason

The reason is one of daemontools' own texts, not the C library's: an operator
reads "file does not exist" on every system, whatever its locale. Exit code 100
says that calling again will not help (usage), 111 that it may (the system
refused something). Clauses: messages/...
"""

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# The texts are interface: they are those of 0.76, number by number.
_TEXTS = {
    0: "no error",
    errno.EINTR: "interrupted system call",
    errno.ENOMEM: "out of memory",
    errno.ENOENT: "file does not exist",
    errno.ETXTBSY: "text busy",
    errno.EIO: "input/output error",
    errno.EEXIST: "file already exists",
    errno.ETIMEDOUT: "timed out",
    errno.EINPROGRESS: "operation in progress",
    errno.EAGAIN: "temporary failure",
    errno.EPIPE: "broken pipe",
    errno.EPERM: "permission denied",
    errno.EACCES: "access denied",
    errno.ENXIO: "device not configured",
    errno.EPROTO: "protocol error",
    errno.EISDIR: "is a directory",
    errno.ECONNREFUSED: "connection refused",
    errno.ENOTDIR: "not a directory",
    errno.ESRCH: "no such process",
    errno.E2BIG: "argument list too long",
    errno.ENOEXEC: "exec format error",
    errno.EBADF: "file descriptor not open",
    errno.ECHILD: "no child processes",
    errno.EDEADLK: "operation would cause deadlock",
    errno.EFAULT: "bad address",
    errno.ENOTBLK: "not a block device",
    errno.EBUSY: "device busy",
    errno.EXDEV: "cross-device link",
    errno.ENODEV: "device does not support operation",
    errno.EINVAL: "invalid argument",
    errno.ENFILE: "system cannot open more files",
    errno.EMFILE: "process cannot open more files",
    errno.ENOTTY: "not a tty",
    errno.EFBIG: "file too big",
    errno.ENOSPC: "out of disk space",
    errno.ESPIPE: "unseekable descriptor",
    errno.EROFS: "read-only file system",
    errno.EMLINK: "too many links",
    errno.EDOM: "input out of range",
    errno.ERANGE: "output out of range",
    errno.EALREADY: "operation already in progress",
    errno.ENOTSOCK: "not a socket",
    errno.ENOTEMPTY: "directory not empty",
    errno.ELOOP: "symbolic link loop",
    errno.ENAMETOOLONG: "file name too long",
    errno.EUSERS: "too many users",
    errno.EDQUOT: "disk quota exceeded",
    errno.ESTALE: "stale NFS file handle",
    errno.EREMOTE: "too many levels of remote in path",
    errno.ENOLCK: "no locks available",
    errno.ENOSYS: "system call not available",
}


def error_text(code: int) -> str:
    """The daemontools text for an errno; "unknown error" for one it never named."""
    return _TEXTS.get(code, "unknown error")


def warn(*parts: bytes | str | OSError) -> None:
    """Write the parts as one line on descriptor 2.

    An OSError stands for its text. Nobody may be listening (2 may be closed,
    a pipe without a reader): the program goes on all the same. A write may take
    only the beginning (a limit on file sizes); the rest is then tried again.
    """
    line = b"".join(_as_bytes(part) for part in parts) + b"\n"
    try:
        while line:
            line = line[os.write(2, line) :]
    except OSError:
        pass


def die(code: int, *parts: bytes | str | OSError) -> "NoReturn":
    """Write the parts as one line on descriptor 2 and end the process with `code`."""
    warn(*parts)
    os._exit(code)


def _as_bytes(part: bytes | str | OSError) -> bytes:
    if isinstance(part, OSError):
        return error_text(part.errno or 0).encode()
    return part if isinstance(part, bytes) else part.encode()
