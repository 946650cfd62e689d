"""In a traced process: note each line of the programs that is executed.

A copy of this file, with values for what stands empty below, lies beside a copy of
the programs, whose launchers import it first. The notes are a file with one byte
for each line of the sources, mapped into the process. So a note is no system call:
it can neither fail nor disturb a count of descriptors, a limit on files, a traced
call or a signal, and it survives fork, kill and _exit. After exec there is
nothing left of it.

There is a file of notes for each test. A process belongs to the test in whose sandbox
it starts, or else into whose sandbox its streams lead, or whose sandbox is mounted here.
"""

import mmap
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Trace = Callable[[FrameType, str, object], object]

NOTES = ""  # the folder with the files of notes
FIRST: dict[str, int] = {}  # source file -> the place of its line 0 in the notes

IS_FUNCTION = 1  # CO_OPTIMIZED, in co_flags: neither a module nor the body of a class


def begin() -> None:
    """Trace this process from now on; if that cannot be, leave a word and let it run."""
    paths = [*map(_target, ("cwd", "fd/2", "fd/1", "fd/0")), _mounts()]
    try:
        sys.settrace(_tracer(_mapped(_open(paths))))  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        try:
            with open(f"{NOTES}/lost.{os.getpid()}", "a") as file:
                file.write(f"not attributed: {sys.argv} {paths[0]}: {error}\n")
        except OSError:
            pass


def _target(link: str) -> str:
    try:
        return os.readlink(f"/proc/self/{link}")
    except OSError:
        return ""


def _mounts() -> str:
    """What is mounted, as if it were one path: a test may give a program a root of its own."""
    try:
        with open("/proc/self/mountinfo") as file:
            return file.read().replace(" ", "/")
    except OSError:
        return ""


def _open(paths: list[str]) -> int:
    """The notes of the first sandbox on these paths, named as its folder is. Raises OSError."""
    for name in "/".join(paths).split("/"):
        if name.startswith("t") and os.path.exists(f"{NOTES}/{name}"):
            return os.open(f"{NOTES}/{name}", os.O_RDWR | os.O_CLOEXEC)
    raise FileNotFoundError("no sandbox")


def _mapped(fd: int) -> mmap.mmap:
    """Map the notes, and leave no descriptor open.

    mmap keeps a duplicate, which has the lowest free number: that of one made before.
    """
    try:
        duplicate = os.dup(fd)
        os.close(duplicate)
        notes = mmap.mmap(fd, 0)
        os.close(duplicate)
        return notes
    finally:
        os.close(fd)


def _tracer(notes: mmap.mmap) -> "Trace":
    """What sys.settrace calls for each new frame."""
    known: dict[int, Trace] = {}  # by identity: code of ours is never freed

    def called(frame: "FrameType", _event: str, _: object) -> object:
        code = frame.f_code
        first = FIRST.get(code.co_filename)
        if first is None or not code.co_flags & IS_FUNCTION:
            return None
        if id(code) not in known:
            notes[first + code.co_firstlineno] = 1
            known[id(code)] = _of_function(notes, first, {n for _, _, n in code.co_lines() if n})
        return known[id(code)]

    return called


def _of_function(notes: mmap.mmap, first: int, left: set[int]) -> "Trace":
    """What is called for each line of one function, until all of them are noted."""

    def at_line(frame: "FrameType", event: str, _: object) -> object:
        if event == "line":
            notes[first + frame.f_lineno] = 1
            left.discard(frame.f_lineno)
        frame.f_trace_lines = bool(left)
        return at_line

    return at_line
