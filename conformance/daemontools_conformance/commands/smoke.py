"""Is the profile wrong, or the program? Make one harmless call of each and explain it.

Each call is a usage error or an empty input, which every daemontools program
answers at once. The call only shows that the file exists, can be executed,
ends, and does not crash. A program is in trouble if it does not, if it writes more than
1 MB, or if its exit code is 126 or 127. A program that the profile calls with
`arguments` is also in trouble if its exit code is not 0.76's: an interpreter that has
not found it may have answered.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from daemontools_conformance.contract.outcomes import Crashed, NotOffered
from daemontools_conformance.contract.plain import clipped, plain
from daemontools_conformance.contract.profiles import PROGRAMS, Profile
from daemontools_conformance.judging.cause import ended
from daemontools_conformance.running import orphans, table
from daemontools_conformance.running.implementation import Implementation, ProgramMissing, locate
from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.waking import keep_awake

_SECONDS = 10
_MOST_OUTPUT = 1 << 20  # bytes in one stream

# program -> arguments, and the exit code that 0.76 gives. svscanboot is not
# called, because it would close its descriptors and start services.
CALLS: dict[str, tuple[list[str], int]] = {
    "svscan": (["nowhere"], 111),
    "supervise": ([], 100),
    "svc": ([], 0),
    "svok": ([], 100),
    "svstat": ([], 0),
    "fghack": ([], 100),
    "pgrphack": ([], 100),
    "readproctitle": ([], 100),
    "multilog": ([], 0),
    "tai64n": ([], 0),
    "tai64nlocal": ([], 0),
    "setuidgid": ([], 100),
    "envuidgid": ([], 100),
    "envdir": ([], 111),
    "softlimit": ([], 100),
    "setlock": ([], 100),
}


def main(profile: Profile) -> int:
    """Print a line for each program. Returns 1 if one is in trouble.

    A program missing from a plain folder is not trouble: a folder promises nothing.
    """
    scratch, implementation = located(profile, "daemontools-smoke-")
    called = f"called as {profile.source} says"  # and not by the suite's own links
    where = called if profile.programs else f"in {implementation.folder}"
    print(f"{profile.name}: programs {where}")
    absent = implementation.absent if Path(profile.source).is_dir() else []
    keep_awake()
    orphans.prepare(is_worker=False)
    spared = table.children()
    troubles = unlike = 0
    for program in PROGRAMS:
        if program not in absent:
            try:
                verdict, is_trouble = _verdict(implementation, program, scratch)
            finally:
                orphans.end_all_but(spared)  # what a call has left behind
            troubles += is_trouble
            unlike += "(0.76 gives" in verdict
            print(f"  {program:14} {verdict}")
    if absent:
        print(f"missing: {' '.join(absent)} (adopt writes a profile that declares this)")
    if not troubles:
        shutil.rmtree(scratch)
    others = f"; {unlike} differ from 0.76" if unlike else ""
    which = "every program that is there" if absent else "every program"
    summary = f"{troubles} in trouble, see above" if troubles else f"{which} starts and ends"
    print(summary + others)
    return 1 if troubles else 0


def located(profile: Profile, prefix: str) -> tuple[Path, Implementation]:
    """A new temporary directory and the programs, which `setup` may put there.

    Raises ProfileError, and leaves no directory, if there are none.
    """
    scratch = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        return scratch, locate(profile, scratch)
    except BaseException:
        shutil.rmtree(scratch)
        raise


def _verdict(implementation: Implementation, program: str, scratch: Path) -> tuple[str, bool]:
    """The words for one program, and whether it is in trouble."""
    try:
        file, argv = implementation.command(program)
    except NotOffered:
        return "not offered, according to the profile", False
    except ProgramMissing as error:
        return f"PROFILE? {error} (list it in not_offered if it should be absent)", True
    if program not in CALLS:
        real = os.path.realpath(file) if implementation.profile.programs else file
        return f"exists ({real}); not called", False
    arguments, expected = CALLS[program]
    shown = shlex.join(["cd", str(scratch)]) + " && " + shlex.join([file, *argv[1:], *arguments])
    try:
        finished = _called([*argv, *arguments], file, scratch, implementation.path)
    except OSError as error:
        return f"PROFILE? {file} cannot be executed: {os.strerror(error.errno or 0)}", True
    if isinstance(finished, str):
        return f"PROGRAM? it {finished}: {shown}", True
    said = (finished.err or finished.out).decode(errors="replace").strip()
    first = clipped(plain(said.splitlines()[0]), 200) if said else "nothing"
    code = finished.code
    if how := _crash(finished):
        return f"PROGRAM? it crashed ({how}): {shown}", True
    if code in (126, 127):
        return f"PROFILE? exit {code}, {first}: {shown}", True
    note = "" if code == expected else f" (0.76 gives {expected})"
    call = implementation.profile.programs.get(program)
    if note and call and call.arguments:
        return f"PROFILE? exit {code}{note}, {first}: {shown}", True
    return f"answers: exit {code}{note}, {first}", False


def _called(argv: list[str], file: str, folder: Path, path: str) -> Finished | str:
    """The program that has ended, or why it was ended. Raises OSError if it cannot start.

    Its output goes to files: a process that it leaves behind may keep a pipe open.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        called = subprocess.Popen(
            argv, executable=file, cwd=folder, env={"PATH": path},
            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        )  # fmt: skip
        problem, end, is_running = "", time.monotonic() + _SECONDS, True
        while is_running and not problem:
            is_running = called.poll() is None  # if not, look at its output once more
            if any(os.fstat(stream.fileno()).st_size > _MOST_OUTPUT for stream in (out, err)):
                problem = f"wrote more than {_MOST_OUTPUT >> 20} MB"
            elif is_running and time.monotonic() > end:
                problem = f"did not end within {_SECONDS} s"
            time.sleep(0.01)
        if problem:
            called.kill()
            called.wait()
            return problem
        texts = [os.pread(stream.fileno(), _MOST_OUTPUT, 0) for stream in (out, err)]
        return Finished((), called.returncode, *texts)


def _crash(finished: Finished) -> str:
    """How the program died: a signal's name, or "a stack trace"; "" if it did not."""
    if finished.code < 0:
        return ended(finished.code)
    try:
        finished.check_no_crash()
    except Crashed:
        return "a stack trace"
    return ""
