"""Note each executed line of the programs, inside a traced process.

A copy of this file, with values for NOTES and FIRST, is beside a copy of the programs,
whose launchers import it first. The notes are a file with one byte for each line of the
sources, mapped into the process. So a note is not a system call: it cannot fail, and it
cannot disturb a count of descriptors, a limit on files, a traced call or a signal. It
survives fork, kill and _exit. exec removes the mapping.

Each test has a file of notes. A process belongs to the test in whose sandbox it starts,
or else to the one whose sandbox its streams lead to, or whose sandbox is mounted here.
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
    """Trace this process from now on. If that is impossible, log it and let the process run."""
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
    """All mounts as one path, since a test may run a program in its own root."""
    try:
        with open("/proc/self/mountinfo") as file:
            return file.read().replace(" ", "/")
    except OSError:
        return ""


def _open(paths: list[str]) -> int:
    """The notes of the first sandbox on these paths, named after its folder. Raises OSError."""
    for name in "/".join(paths).split("/"):
        if name.startswith("t") and os.path.exists(f"{NOTES}/{name}"):
            return os.open(f"{NOTES}/{name}", os.O_RDWR | os.O_CLOEXEC)
    raise FileNotFoundError("no sandbox")


def _mapped(fd: int) -> mmap.mmap:
    """Map the notes, and leave no descriptor open.

    mmap keeps a duplicate with the lowest free number, which is that of `duplicate`.
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
    """The function that sys.settrace calls for each new frame."""
    known: dict[int, Trace] = {}  # by identity: our code objects are never freed

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
    """The function called for each line of one function, until all of them are noted."""

    def at_line(frame: "FrameType", event: str, _: object) -> object:
        if event == "line":
            notes[first + frame.f_lineno] = 1
            left.discard(frame.f_lineno)
        frame.f_trace_lines = bool(left)
        return at_line

    return at_line
