"""What the programs say when something goes wrong, and the codes they say it with.

Nearly all messages about system errors have one shape, and scripts match it:

    program: fatal: unable to VERB OBJECT: reason
    program: warning: unable to VERB OBJECT: reason

The reason is one of daemontools' own texts, not the C library's: an operator
reads "file does not exist" on every system, whatever its locale. Exit code 100
says that calling again will not help (usage), 111 that it may (the system
refused something). Clauses: messages/...
"""

import errno
import posix as os  # `os` takes 1 ms and 250 kB more (docs/explain/shape.md)
from posix import _exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# The texts are an interface: they are those of 0.76, error by error. A system may lack
# a name, or have two names for one number: then the first name in this list counts.
_TEXTS = (
    ("EINTR", "interrupted system call"),
    ("ENOMEM", "out of memory"),
    ("ENOENT", "file does not exist"),
    ("ETXTBSY", "text busy"),
    ("EIO", "input/output error"),
    ("EEXIST", "file already exists"),
    ("ETIMEDOUT", "timed out"),
    ("EINPROGRESS", "operation in progress"),
    ("EAGAIN", "temporary failure"),
    ("EWOULDBLOCK", "input/output would block"),
    ("EPIPE", "broken pipe"),
    ("EPERM", "permission denied"),
    ("EACCES", "access denied"),
    ("ENXIO", "device not configured"),
    ("EPROTO", "protocol error"),
    ("EISDIR", "is a directory"),
    ("ECONNREFUSED", "connection refused"),
    ("ENOTDIR", "not a directory"),
    ("ESRCH", "no such process"),
    ("E2BIG", "argument list too long"),
    ("ENOEXEC", "exec format error"),
    ("EBADF", "file descriptor not open"),
    ("ECHILD", "no child processes"),
    ("EDEADLK", "operation would cause deadlock"),
    ("EFAULT", "bad address"),
    ("ENOTBLK", "not a block device"),
    ("EBUSY", "device busy"),
    ("EXDEV", "cross-device link"),
    ("ENODEV", "device does not support operation"),
    ("EINVAL", "invalid argument"),
    ("ENFILE", "system cannot open more files"),
    ("EMFILE", "process cannot open more files"),
    ("ENOTTY", "not a tty"),
    ("EFBIG", "file too big"),
    ("ENOSPC", "out of disk space"),
    ("ESPIPE", "unseekable descriptor"),
    ("EROFS", "read-only file system"),
    ("EMLINK", "too many links"),
    ("EDOM", "input out of range"),
    ("ERANGE", "output out of range"),
    ("EALREADY", "operation already in progress"),
    ("ENOTSOCK", "not a socket"),
    ("EDESTADDRREQ", "destination address required"),
    ("EMSGSIZE", "message too long"),
    ("EPROTOTYPE", "incorrect protocol type"),
    ("ENOPROTOOPT", "protocol not available"),
    ("EPROTONOSUPPORT", "protocol not supported"),
    ("ESOCKTNOSUPPORT", "socket type not supported"),
    ("EOPNOTSUPP", "operation not supported"),
    ("EPFNOSUPPORT", "protocol family not supported"),
    ("EAFNOSUPPORT", "address family not supported"),
    ("EADDRINUSE", "address already used"),
    ("EADDRNOTAVAIL", "address not available"),
    ("ENETDOWN", "network down"),
    ("ENETUNREACH", "network unreachable"),
    ("ENETRESET", "network reset"),
    ("ECONNABORTED", "connection aborted"),
    ("ECONNRESET", "connection reset"),
    ("ENOBUFS", "out of buffer space"),
    ("EISCONN", "already connected"),
    ("ENOTCONN", "not connected"),
    ("ESHUTDOWN", "socket shut down"),
    ("ETOOMANYREFS", "too many references"),
    ("ELOOP", "symbolic link loop"),
    ("ENAMETOOLONG", "file name too long"),
    ("EHOSTDOWN", "host down"),
    ("EHOSTUNREACH", "host unreachable"),
    ("ENOTEMPTY", "directory not empty"),
    ("EPROCLIM", "too many processes"),
    ("EUSERS", "too many users"),
    ("EDQUOT", "disk quota exceeded"),
    ("ESTALE", "stale NFS file handle"),
    ("EREMOTE", "too many levels of remote in path"),
    ("EBADRPC", "RPC structure is bad"),
    ("ERPCMISMATCH", "RPC version mismatch"),
    ("EPROGUNAVAIL", "RPC program unavailable"),
    ("EPROGMISMATCH", "program version mismatch"),
    ("EPROCUNAVAIL", "bad procedure for program"),
    ("ENOLCK", "no locks available"),
    ("ENOSYS", "system call not available"),
    ("EFTYPE", "bad file type"),
    ("EAUTH", "authentication error"),
    ("ENEEDAUTH", "not authenticated"),
    ("ENOSTR", "not a stream device"),
    ("ETIME", "timer expired"),
    ("ENOSR", "out of stream resources"),
    ("ENOMSG", "no message of desired type"),
    ("EBADMSG", "bad message type"),
    ("EIDRM", "identifier removed"),
    ("ENONET", "machine not on network"),
    ("ERREMOTE", "object not local"),
    ("ENOLINK", "link severed"),
    ("EADV", "advertise error"),
    ("ESRMNT", "srmount error"),
    ("ECOMM", "communication error"),
    ("EMULTIHOP", "multihop attempted"),
    ("EREMCHG", "remote address changed"),
)


def error_text(code: int) -> str:
    """The daemontools text for an errno; "unknown error" for one that has no text."""
    if code == 0:
        return "no error"
    for name, text in _TEXTS:
        if getattr(errno, name, None) == code:
            return text
    return "unknown error"


def warn(*parts: bytes | str | Exception) -> None:
    """Write the parts as one line on descriptor 2.

    In place of an OSError its text is written. If the write fails (2 is closed, say), the
    program goes on all the same; for a pipe without a reader, SIGPIPE kills the program
    unless it is ignored or blocked. If a write takes only the beginning (a limit on file
    sizes), the rest is tried again.
    If there is no memory for the line, it is `out of memory`.
    """
    try:
        line = b"".join(_as_bytes(part) for part in parts) + b"\n"
    except MemoryError:
        line = b"out of memory\n"
    try:
        while line:
            line = line[os.write(2, line) :]
    except OSError:
        pass


def die(code: int, *parts: bytes | str | Exception) -> "NoReturn":
    """Write the parts as one line on descriptor 2 and end the process with `code`."""
    warn(*parts)
    _exit(code)


def _as_bytes(part: bytes | str | Exception) -> bytes:
    if isinstance(part, OSError):
        return error_text(part.errno or 0).encode()
    if isinstance(part, MemoryError):
        return b"out of memory"
    if isinstance(part, Exception):
        return b"internal error: " + ascii(part).encode()
    return part if isinstance(part, bytes) else part.encode()
