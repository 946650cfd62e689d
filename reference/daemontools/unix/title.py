"""The name and the arguments that `ps`, `pgrep` and `pidof` show for this process.

A script runs as `python -BISXutf8 /command/svscan /service`, and that is what the
kernel shows. People and tools look for `svscan /service` and for `supervise
clock`, so the long-lived programs put their own words there.

The kernel remembers the addresses between which the arguments lay when the
process started (arg_start and arg_end, fields 48 and 49 of /proc/self/stat), and
shows what is there now. A process can write its own memory through
/proc/self/mem. The short name (`comm`, at most 15 bytes, which plain `pgrep`
compares) is a file of its own, /proc/self/comm.

The room is as long as the original arguments, the interpreter's words
included; so a program's own words always fit. Words that do not fit are cut at
the end, and the last byte stays NUL: without it the kernel would show the whole
room as one word. The rest of the room is filled with NULs, which `ps` and similar tools do
not show; a reader that splits /proc/PID/cmdline finds empty words. Moving the end of the room
takes prctl(PR_SET_MM_MAP), and so ctypes: 4 ms and half a megabyte for each program.

Without /proc, or without permission (a process that changed its user), nothing
happens: titles are for people, and no program may fail for lack of one.
Clauses: tree/names/...
"""

from posix import O_RDONLY, O_WRONLY, close, pwrite, read, write
from posix import open as os_open

# STATE
_start = _length = 0  # the room, once it has been opened: address and bytes; a fork keeps both


def set_title(words: list[bytes]) -> None:
    """Show `words` as the arguments of this process, and the first one as its name."""
    room = open_room()
    if room is None:
        return
    memory, _start, length = room
    show(room, 0, joined(words)[: length - 1].ljust(length, b"\0"))
    close(memory)
    _write("/proc/self/comm", words[0])


def fits(words: list[bytes]) -> bool:
    """Is the room, which this process has opened before, long enough for these words, uncut?"""
    return len(joined(words)) <= _length


def joined(words: list[bytes]) -> bytes:
    """The words as they lie in memory: each followed by a NUL."""
    return b"\0".join(words) + b"\0"


def open_room() -> tuple[int, int, int] | None:
    """A descriptor of this process's memory, and address and length (bytes) of the room.

    For a program that goes on writing there (readproctitle); close-on-exec.
    None if this system has no such memory, or does not allow it.
    """
    global _start, _length
    try:
        start, end = (_start, _start + _length) if _length else bounds(_read("/proc/self/stat"))
        if end <= start:
            return None
        memory = os_open("/proc/self/mem", O_WRONLY)
    except OSError:
        return None
    _start, _length = start, end - start
    return memory, _start, _length


def bounds(stat: bytes) -> tuple[int, int]:
    """The addresses arg_start and arg_end in the content of a `stat` file; equal if it has none.

    Linux before 3.5 has none there, and neither have other systems' imitations of the file.
    The second field, the name in parentheses, may hold anything.

    >>> bounds(b"7 (a) b) S" + b" 1" * 44 + b" 4096 5000 0")
    (4096, 5000)
    >>> bounds(b"7 (a) S 1")
    (0, 0)
    """
    fields = stat.rpartition(b")")[2].split()
    return (int(fields[45]), int(fields[46])) if len(fields) > 46 else (0, 0)


def show(room: tuple[int, int, int], offset: int, content: bytes) -> None:
    """Write `content` into the room, `offset` bytes after its beginning."""
    memory, start, _length = room
    try:
        pwrite(memory, content, start + offset)
    except OSError:
        pass


def _read(path: str) -> bytes:
    # Not the built-in open(), whose objects take 200 KB of memory in a forked supervise.
    fd = os_open(path, O_RDONLY)
    try:
        return read(fd, 4096)
    finally:
        close(fd)


def _write(path: str, content: bytes) -> None:
    try:
        fd = os_open(path, O_WRONLY)
        write(fd, content)
        close(fd)
    except OSError:
        pass
