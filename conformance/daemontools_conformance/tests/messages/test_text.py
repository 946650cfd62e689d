"""messages: the reasons, error by error."""

import errno
import os
import shutil

import pytest

from daemontools_conformance.helpers.marks import AS_USER, clause, needs
from daemontools_conformance.helpers.runners import answer_of
from daemontools_conformance.running.sandbox import Sandbox

# Names that this system lacks are left out. (EINTR is too: nothing here that can
# be interrupted reports it.)
TEXTS = {
    "ENOMEM": "out of memory",
    "ENOENT": "file does not exist",
    "ETXTBSY": "text busy",
    "EIO": "input/output error",
    "EEXIST": "file already exists",
    "ETIMEDOUT": "timed out",
    "EINPROGRESS": "operation in progress",
    "EAGAIN": "temporary failure",
    "EPIPE": "broken pipe",
    "EPERM": "permission denied",
    "EACCES": "access denied",
    "ENXIO": "device not configured",
    "EPROTO": "protocol error",
    "EISDIR": "is a directory",
    "ECONNREFUSED": "connection refused",
    "ENOTDIR": "not a directory",
    "ESRCH": "no such process",
    "E2BIG": "argument list too long",
    "ENOEXEC": "exec format error",
    "EBADF": "file descriptor not open",
    "ECHILD": "no child processes",
    "EDEADLK": "operation would cause deadlock",
    "EFAULT": "bad address",
    "ENOTBLK": "not a block device",
    "EBUSY": "device busy",
    "EXDEV": "cross-device link",
    "ENODEV": "device does not support operation",
    "EINVAL": "invalid argument",
    "ENFILE": "system cannot open more files",
    "EMFILE": "process cannot open more files",
    "ENOTTY": "not a tty",
    "EFBIG": "file too big",
    "ENOSPC": "out of disk space",
    "ESPIPE": "unseekable descriptor",
    "EROFS": "read-only file system",
    "EMLINK": "too many links",
    "EDOM": "input out of range",
    "ERANGE": "output out of range",
    "EALREADY": "operation already in progress",
    "ENOTSOCK": "not a socket",
    "EDESTADDRREQ": "destination address required",
    "EMSGSIZE": "message too long",
    "EPROTOTYPE": "incorrect protocol type",
    "ENOPROTOOPT": "protocol not available",
    "EPROTONOSUPPORT": "protocol not supported",
    "ESOCKTNOSUPPORT": "socket type not supported",
    "EOPNOTSUPP": "operation not supported",
    "EPFNOSUPPORT": "protocol family not supported",
    "EAFNOSUPPORT": "address family not supported",
    "EADDRINUSE": "address already used",
    "EADDRNOTAVAIL": "address not available",
    "ENETDOWN": "network down",
    "ENETUNREACH": "network unreachable",
    "ENETRESET": "network reset",
    "ECONNABORTED": "connection aborted",
    "ECONNRESET": "connection reset",
    "ENOBUFS": "out of buffer space",
    "EISCONN": "already connected",
    "ENOTCONN": "not connected",
    "ESHUTDOWN": "socket shut down",
    "ETOOMANYREFS": "too many references",
    "ELOOP": "symbolic link loop",
    "ENAMETOOLONG": "file name too long",
    "EHOSTDOWN": "host down",
    "EHOSTUNREACH": "host unreachable",
    "ENOTEMPTY": "directory not empty",
    "EPROCLIM": "too many processes",
    "EUSERS": "too many users",
    "EDQUOT": "disk quota exceeded",
    "ESTALE": "stale NFS file handle",
    "EREMOTE": "too many levels of remote in path",
    "EBADRPC": "RPC structure is bad",
    "ERPCMISMATCH": "RPC version mismatch",
    "EPROGUNAVAIL": "RPC program unavailable",
    "EPROGMISMATCH": "program version mismatch",
    "EPROCUNAVAIL": "bad procedure for program",
    "ENOLCK": "no locks available",
    "ENOSYS": "system call not available",
    "EFTYPE": "bad file type",
    "EAUTH": "authentication error",
    "ENEEDAUTH": "not authenticated",
    "ENOSTR": "not a stream device",
    "ETIME": "timer expired",
    "ENOSR": "out of stream resources",
    "ENOMSG": "no message of desired type",
    "EBADMSG": "bad message type",
    "EIDRM": "identifier removed",
    "ENONET": "machine not on network",
    "ERREMOTE": "object not local",
    "ENOLINK": "link severed",
    "EADV": "advertise error",
    "ESRMNT": "srmount error",
    "ECOMM": "communication error",
    "EMULTIHOP": "multihop attempted",
    "EREMCHG": "remote address changed",
}
KNOWN = [name for name in TEXTS if hasattr(errno, name)]
UNKNOWN = ["ECANCELED", "EILSEQ", "ENODATA", "ENOKEY", "EOVERFLOW", "EUCLEAN"]


def _unable_to_open(sandbox: Sandbox, error: str) -> tuple[int, bytes, bytes]:
    """What setlock answers if opening its file gives this error."""
    words = sandbox.words("setlock", str(sandbox.path / "lock"), "true")
    call = ["strace", "-f", "-o", "/dev/null", "-P", str(sandbox.path / "lock")]
    number = getattr(errno, error)  # strace may not know the name: EFTYPE is new in glibc 2.43
    call += ["-e", "trace=open,openat", "-e", f"inject=open,openat:error={number}"]
    return answer_of(sandbox.start_command([*call, *words]).wait())


def _complaint(name: str, reason: str) -> tuple[int, bytes, bytes]:
    return 111, b"", f"setlock: fatal: unable to open {name}: {reason}\n".encode()


@clause("messages/text/errors")
@needs("strace")
@pytest.mark.parametrize("error", KNOWN)
def test_error_has_its_text(sandbox: Sandbox, error: str) -> None:
    answer = _unable_to_open(sandbox, error)
    assert answer == _complaint(str(sandbox.path / "lock"), TEXTS[error])


@clause("messages/text/unknown")
@needs("strace")
@pytest.mark.parametrize("error", UNKNOWN)
def test_other_errors_are_unknown(sandbox: Sandbox, error: str) -> None:
    answer = _unable_to_open(sandbox, error)
    assert answer == _complaint(str(sandbox.path / "lock"), "unknown error")


@clause("messages/text/met")
def test_errors_met_on_the_way(sandbox: Sandbox) -> None:
    box = sandbox.path
    (box / "dir").mkdir()
    (box / "loop").symlink_to("loop")
    os.mkfifo(box / "fifo")
    sandbox.write("file")
    shutil.copy("/bin/sleep", box / "running")
    sandbox.start_command([str(box / "running"), "1000"])
    reasons = {
        "none/lock": "file does not exist",
        "file/lock": "not a directory",
        "dir": "is a directory",
        "loop": "symbolic link loop",
        "x" * 300: "file name too long",
        "fifo": "device not configured",
        "running": "text busy",
    }
    answers = {name: answer_of(sandbox.run("setlock", name, "true")) for name in reasons}
    assert answers == {name: _complaint(name, why) for name, why in reasons.items()}


@clause("messages/text/met")
def test_a_file_that_is_closed_to_the_user(sandbox: Sandbox) -> None:
    sandbox.write("closed", mode=0o000)
    answer = sandbox.run("setlock", "closed", "true", prepare=AS_USER)
    assert answer_of(answer) == _complaint("closed", "access denied")
