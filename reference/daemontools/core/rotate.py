"""A cyclic log on disk: when a file is full, how it is put away, and what a restart does.

The files of a log directory, and what their modes mean:

    current     0644 being written; 0744 finished safely: all of it is on disk
    previous    the file that is being put away
    processed   the output of the processor: 0644 incomplete, 0744 complete and on disk
    state       what the last processor wrote to descriptor 5
    newstate    the same, while the processor runs
    @label.s    an old file, completely processed and safely on disk
    @label.u    an old file that an outage or TERM left: perhaps incomplete, not processed

Only the owner's x bit records how far a rotation had gone: a file is marked (0744)
when its contents are on disk, and never before. So whenever a machine stops, the
directory says what a restart must do:

    current     processed   a restart
    marked      any         goes on writing to current and leaves the rest alone
    otherwise   marked      drops previous (its output is complete), keeps processed
                            as @label.s and current as @label.u
    otherwise   otherwise   drops processed, keeps previous and current as @label.u

unix/logdir.py carries out the lists of steps below. The
tables and the state diagram in the book (chapter 6) are made from them.
Clauses: multilog/rotate/..., multilog/restart/..., multilog/power/...
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    # What is done, to which file, and the file's new name (in PROCESSOR: a descriptor number).
    Step = tuple[str, str, str]

# A newline within this many bytes of the largest size ends the file.
MARGIN = 2000

# The shortest name of an old file: "@" and 24 more characters.
OLD_NAME = 25

# The verbs of the steps, apart from read, close, rename and link:
#
#     create    open for appending; a new file gets mode 0600
#     empty     truncate and open for writing; a new file gets mode 0644
#     append    open an existing file for appending
#     sync      wait until the contents are on disk
#     mark      set the mode to 0744: finished, all of the file is on disk
#     unmark    set the mode to 0644: in use
#     keep      make the file an old file of this name: see `keep`
#     remove    remove the name
#     discard   remove the name if it is there, and ignore errors

# `current` is full, or ALRM has come.
FULL: "list[Step]" = [
    ("sync", "current", ""),
    ("close", "current", ""),
    ("rename", "current", "previous"),
    ("create", "current", ""),
    ("unmark", "current", ""),
    ("mark", "previous", ""),
]
# After FULL, if there is no processor.
KEEP: "list[Step]" = [("keep", "previous", "@label.s")]
# The files that a processor gets, and their descriptors.
PROCESSOR: "list[Step]" = [
    ("read", "previous", "0"),
    ("empty", "processed", "1"),
    ("read", "state", "4"),
    ("empty", "newstate", "5"),
]
# The processor has succeeded.
PROCESSED: "list[Step]" = [
    ("create", "processed", ""),
    ("sync", "processed", ""),
    ("mark", "processed", ""),
    ("close", "processed", ""),
    ("create", "newstate", ""),
    ("sync", "newstate", ""),
    ("close", "newstate", ""),
    ("remove", "previous", ""),
    ("rename", "newstate", "state"),
    ("keep", "processed", "@label.s"),
]
# The processor keeps failing, and TERM has come.
GIVE_UP: "list[Step]" = [
    ("discard", "processed", ""),
    ("discard", "newstate", ""),
    ("keep", "previous", "@label.u"),
    ("empty", "state", ""),
]
# The end of input, or TERM.
QUIT: "list[Step]" = [("sync", "current", ""), ("mark", "current", "")]

# A restart that finds `current` marked.
GO_ON: "list[Step]" = [("append", "current", ""), ("unmark", "current", "")]
# A restart that finds it unmarked; `recovery` follows.
FORGET: "list[Step]" = [("discard", "state", ""), ("discard", "newstate", "")]


def recovery(*, is_processed: bool) -> "list[Step]":
    """What a restart does after FORGET; `is_processed`: `processed` exists and is marked."""
    if is_processed:
        first = [("discard", "previous", ""), ("keep", "processed", "@label.s")]
    else:
        first = [("discard", "processed", ""), ("keep", "previous", "@label.u")]
    return [
        *first,
        ("keep", "current", "@label.u"),
        ("empty", "state", ""),
        ("create", "current", ""),
        ("unmark", "current", ""),
    ]


def keep(file: str, old: str, names: int | None) -> "list[Step]":
    """How the file becomes an old one. `names` is its number of links; None: it does not exist.

    A file with two names is already an old file: an outage came between the two steps.
    (Some file systems do not count links and say 0: then the file is linked, so that it is
    not lost.)

    >>> keep("previous", "@label.s", 1)
    [('link', 'previous', '@label.s'), ('remove', 'previous', '')]
    >>> keep("previous", "@label.s", 2)
    [('remove', 'previous', '')]
    """
    if names is None:
        return []
    linking = [("link", file, old)] if names < 2 else []
    return [*linking, ("remove", file, "")]


def cut(block: bytes, start: int, written: int, size: int) -> int:
    r"""Where the next write of block[start:] ends.

    `written` bytes, fewer than `size`, are in the file.

    The write never goes beyond `size`. If it ends near `size`, it ends after the last newline
    that fits.

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

    Every name that begins with "@" and has 25 characters or more counts, whoever made it.
    """
    return sorted(name for name in names if name[:1] == b"@" and len(name) >= OLD_NAME)


def surplus(names: "Iterable[bytes]", number: int) -> list[bytes]:
    """The old files to remove after one more was put away: fewer than `number` stay."""
    old = old_files(names)
    return old[: max(len(old) - number + 1, 0)]
