"""Run a command on this Linux as on a system that has only what POSIX and the BSDs have.

    python conformance/upkeep/without-linux [--nobody] COMMAND [ARGUMENT]...
    python conformance/upkeep/without-linux --rates [NAME]...

COMMAND, and all that it starts, sees a system of its own:

* /proc is an empty folder;
* strace, unshare and other tools of Linux cannot be executed, and `ps` is the one beside
  this file, which knows no more columns than the BSDs' ps;
* the kernel refuses calls that only Linux has: prctl, limits of another process, namespaces,
  process descriptors, the size of a pipe.

With --nobody, root runs the command as nobody. --rates judges the implementations NAME (djb
and reference) as the caller, and for root as nobody too, and prints how many clauses were
judged. Needs root, or namespaces that every user may make.
"""

import ctypes
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from daemontools_conformance.reports import results

TOOLS = (
    *("strace", "unshare", "nsenter", "setpriv", "prlimit", "setsid", "chattr", "pidof", "pgrep"),
    *("pkill", "taskset", "flock", "chrt"),
)
NOBODY = 65534
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
F_SETPIPE_SZ, F_GETPIPE_SZ = 1031, 1032

# The numbers of Linux's own system calls, by machine. fcntl and prlimit64 are refused in part.
CALLS = {
    "x86_64": {
        "fcntl": 72,
        "prlimit64": 302,
        "prctl": 157,
        "unshare": 272,
        "setns": 308,
        "ptrace": 101,
        "pidfd_open": 434,
        "signalfd4": 289,
        "memfd_create": 319,
    },
    "aarch64": {
        "fcntl": 25,
        "prlimit64": 261,
        "prctl": 167,
        "unshare": 97,
        "setns": 268,
        "ptrace": 117,
        "pidfd_open": 434,
        "signalfd4": 74,
        "memfd_create": 279,
    },
}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # the filter's instructions
NUMBER, FIRST, SECOND = 0, 16, 24  # where it finds the call's number and arguments
ALLOW, NO_SUCH_CALL, INVALID = 0x7FFF0000, 0x00050000 | 38, 0x00050000 | 22  # ENOSYS, EINVAL
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """See the module's docstring."""
    match sys.argv[1:]:
        case ["--rates", *names]:
            return rates(names or ["djb", "reference"])
        case ["--nobody", *command] if command and os.geteuid() == 0:
            return run(command, NOBODY, NOBODY)
        case [first, *_] as command if not first.startswith("-"):
            return run(command, os.geteuid(), os.getegid())
    print(__doc__, file=sys.stderr)
    return 2


def run(command: list[str], uid: int, gid: int) -> int:
    """Run the command in the reduced system as this user: its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        outside = os.fork()
        if outside == 0:
            _end_with(lambda: _be_init(Path(folder), command, uid, gid))
        try:
            return os.waitstatus_to_exitcode(os.waitpid(outside, 0)[1])
        except KeyboardInterrupt:
            return 130  # the terminal has told all of them


def _be_init(folder: Path, command: list[str], uid: int, gid: int) -> int:
    """Make the namespaces; the first process inside starts the command and reaps all."""
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)  # who ends the caller ends all of them
    is_root = os.geteuid() == 0
    _call("unshare", CLONE_NEWNS | CLONE_NEWPID | (0 if is_root else CLONE_NEWUSER))
    if not is_root:
        _map_ids(Path("/proc"), f"0 {uid} 1", f"0 {gid} 1")
    init = os.fork()
    if init:
        return os.waitstatus_to_exitcode(os.waitpid(init, 0)[1])
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    proc = hide(folder)
    child = os.fork()
    if child == 0:
        os.setsid()
        become_poor(proc, uid, gid, is_root=is_root)
        os.execvp(command[0], command)
    pid, status = 0, 0
    while pid != child:
        pid, status = os.wait()
    left = [name for name in os.listdir(proc) if name.isdigit() and name != "1"]
    for name in left:  # they end with this process
        words = (proc / name / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        print(f"without-linux: a process is left: {words}", file=sys.stderr)
    return os.waitstatus_to_exitcode(status)


def _end_with(action: Callable[[], int]) -> None:
    """End this process with what the action returns; 125 if it fails."""
    try:
        os._exit(action() & 0xFF)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"without-linux: {error}", file=sys.stderr)
    os._exit(125)


def become_poor(proc: Path, uid: int, gid: int, *, is_root: bool) -> None:
    """Give up Linux's own calls, and become the user."""
    if not is_root:  # in a second namespace, the caller is the caller again, and no longer root
        _call("unshare", CLONE_NEWUSER)
        _map_ids(proc, f"{uid} 0 1", f"{gid} 0 1")
    refuse_calls()
    if is_root and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def hide(folder: Path) -> Path:
    """Hide /proc and Linux's tools. The folder where /proc can be found now."""
    proc, nothing, ps = folder / "proc", folder / "nothing", folder / "ps"
    proc.mkdir()
    nothing.touch(mode=0o000)
    source = Path(__file__).with_name("ps.c")
    subprocess.run(["cc", "-O", f'-DPROC="{proc}"', "-o", ps, source], check=True)
    _mount("--make-rprivate", "/")
    _mount("-t", "proc", "proc", str(proc))
    for tool in TOOLS:
        if found := shutil.which(tool):
            _mount("--bind", str(nothing), os.path.realpath(found))
    _mount("--bind", str(ps), os.path.realpath(shutil.which("ps") or "/bin/ps"))
    _mount("-t", "tmpfs", "-o", "mode=555", "tmpfs", "/proc")
    return proc


def refuse_calls() -> None:
    """Make the kernel refuse Linux's own calls to this process and its descendants."""
    program = b""
    for name, number in CALLS[platform.machine()].items():
        match name:
            case "fcntl":
                passed = [(SECOND, F_SETPIPE_SZ, INVALID), (SECOND, F_GETPIPE_SZ, INVALID)]
                otherwise = ALLOW
            case "prlimit64":  # of the caller itself it is getrlimit and setrlimit
                passed, otherwise = [(FIRST, 0, ALLOW)], NO_SUCH_CALL
            case _:
                passed, otherwise = [], NO_SUCH_CALL
        answers = [
            _step(LOAD, place) + _step(EQUAL, value, 0, 1) + _step(RETURN, answer)
            for place, value, answer in passed
        ]
        body = b"".join(answers) + _step(RETURN, otherwise)
        program += _step(LOAD, NUMBER) + _step(EQUAL, number, 0, len(body) // 8) + body
    program += _step(RETURN, ALLOW)
    steps = ctypes.create_string_buffer(program)
    whole = struct.pack("@HP", len(program) // 8, ctypes.addressof(steps))
    _call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(whole))


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _call(name: str, *arguments: object) -> None:
    if _LIBC[name](*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _map_ids(proc: Path, users: str, groups: str) -> None:
    (proc / "self/setgroups").write_text("deny")
    (proc / "self/uid_map").write_text(users)
    (proc / "self/gid_map").write_text(groups)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def rates(names: list[str]) -> int:
    """Judge each implementation as each user, and print how many clauses were judged."""
    status = 0
    users = ["root", "nobody"] if os.geteuid() == 0 else ["user"]
    for name in names:
        for user in users:
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o777)
                report = Path(folder) / "report"
                suite = [sys.executable, "-I", "-m", "daemontools_conformance"]
                command = [*suite, "--implementation", name, "--report", str(report)]
                uid = NOBODY if user == "nobody" else os.geteuid()
                code = run(command, uid, uid if uid else os.getegid())
                status = status or code
                print(f"{name} as {user}: {rate(report)}; exit code {code}", flush=True)
    return status


def rate(report: Path) -> str:
    """How many clauses a report judges, in words."""
    outcomes = Counter(cell["outcome"] for cell in results.read(report).clauses.values())
    whole = outcomes.total() - outcomes["NOT-OFFERED"] - outcomes["NOT-RUN"]
    judged = whole - outcomes["UNTESTED"]
    return f"{judged} of {whole} clauses judged, {100 * judged / whole:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
