"""A cyclic log on disk: when a file is full, how it is put away, and what a restart finds.

The files of a log directory, and what their modes mean:

    current     0644 being written; 0744 finished safely: all of it is on disk
    previous    the file that is being put away
    processed   the processor's output: 0644 incomplete, 0744 complete and on disk
    state       what the last processor wrote to descriptor 5
    newstate    the same, while the processor runs
    @label.s    an old file, completely processed and safely on disk
    @label.u    an old file that an outage cut short: perhaps incomplete, not processed

The x bit of the owner is the only memory of how far things had gone: it is set
when the contents are on disk, and never before. So each moment at which a
machine may stop leaves a directory that says what to do:

    current     processed   a restart
    0744        any         goes on writing to current and leaves the rest alone
    otherwise   0744        drops previous (its output is complete), keeps processed
                            as @label.s and current as @label.u
    otherwise   otherwise   drops processed, keeps previous and current as @label.u

ROTATION and its fellows list the steps of a rotation, and `after` says what a
step does to a directory. The state diagram in the book is drawn from them, and
tests hold them to what multilog really does (traced) and to the suite's fixtures.
Clauses: multilog/rotate/..., multilog/restart/...
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    # What is done, to which file, and what it becomes (a name or a mode).
    Step = tuple[str, str, str]
    # File -> mode ("644"); a mode that ends in "+" belongs to a file that has a second name.
    Directory = dict[str, str]

# A newline within this many bytes of the largest size ends the file.
MARGIN = 2000

# The shortest name of an old file: "@" and 24 more characters.
OLD_NAME = 25

FULL: "list[Step]" = [
    ("sync", "current", ""),
    ("rename", "current", "previous"),
    ("create", "current", "600"),
    ("mode", "current", "644"),
    ("mode", "previous", "744"),
]
KEEP: "list[Step]" = [("link", "previous", "@label.s"), ("remove", "previous", "")]
PROCESS: "list[Step]" = [
    ("create", "processed", "644"),
    ("create", "newstate", "644"),
    ("sync", "processed", ""),
    ("mode", "processed", "744"),
    ("sync", "newstate", ""),
    ("remove", "previous", ""),
    ("rename", "newstate", "state"),
    ("link", "processed", "@label.s"),
    ("remove", "processed", ""),
]
QUIT: "list[Step]" = [("sync", "current", ""), ("mode", "current", "744")]


def cut(block: bytes, start: int, written: int, size: int) -> int:
    r"""Where the next write of block[start:] ends.

    `written` bytes, fewer than `size`, are in the file.

    Never beyond `size`; and if that comes near it, after the last newline that fits.

    >>> cut(b"one\ntwo\nthree", 0, 4090, 4096), cut(b"one\ntwo\nthree", 4, 4090, 4096)
    (4, 8)
    >>> cut(b"one\ntwo\nthree", 0, 0, 4096), cut(b"longest", 0, 4092, 4096)
    (13, 4)
    """
    end = min(len(block), start + size - written)
    if written + end - start >= size - MARGIN:
        newline = block.rfind(b"\n", start, end)
        if newline >= 0:
            return newline + 1
    return end


def ends_well(written: int, size: int, last: int) -> bool:
    """Is a file of `written` bytes big enough, and its last byte a newline?"""
    return written >= size - MARGIN and last == ord("\n")


def old_files(names: "Iterable[bytes]") -> list[bytes]:
    """The old files among the names of a directory, oldest first.

    Whatever begins with "@" and has 25 characters or more counts, be it ours or not.
    """
    return sorted(name for name in names if name[:1] == b"@" and len(name) >= OLD_NAME)


def surplus(names: "Iterable[bytes]", number: int) -> list[bytes]:
    """The old files that go when one more was put away: fewer than `number` stay."""
    old = old_files(names)
    return old[: max(len(old) - number + 1, 0)]


def restart(current: str, processed: str) -> "list[Step]":
    """What a restart does, by the modes of the two files ("" if there is none).

    "keep" stands for: link to the name, unless the file has its second name already;
    then remove. The outage came between the two if it has.
    """
    if current.startswith("7"):
        return [("append", "current", ""), ("mode", "current", "644")]
    steps = [("remove", "state", ""), ("remove", "newstate", "")]
    if processed.startswith("7"):
        steps += [("remove", "previous", ""), ("keep", "processed", "@label.s")]
    else:
        steps += [("remove", "processed", ""), ("keep", "previous", "@label.u")]
    return [
        *steps,
        ("keep", "current", "@label.u"),
        ("create", "state", "644"),
        ("create", "current", "600"),
        ("mode", "current", "644"),
    ]


def after(directory: "Directory", step: "Step") -> "Directory":
    """The directory after one step. A step for a file that is not there does nothing.

    >>> after({"current": "644"}, ("rename", "current", "previous"))
    {'previous': '644'}
    >>> after({"previous": "744"}, ("link", "previous", "@label.s"))
    {'previous': '744+', '@label.s': '744'}
    """
    act, file, what = step
    new = dict(directory)
    if act == "create":
        new.setdefault(file, what)
    elif file not in new:
        return new
    elif act == "mode":
        new[file] = what
    elif act == "rename":
        new[what] = new.pop(file)
    elif act == "remove":
        del new[file]
    elif act == "link":
        new[file], new[what] = new[file] + "+", new[file]
    elif act == "keep":
        mode = new.pop(file)
        if not mode.endswith("+"):
            new[what] = mode
    return new
