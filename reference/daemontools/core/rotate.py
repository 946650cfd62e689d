"""A cyclic log on disk: when a file is full, how it is put away, and what a restart does.

The files of a log directory, and what their modes mean:

    current     0644 being written; 0744 finished safely: all of it is on disk
    previous    the file that is being put away
    processed   the processor's output: 0644 incomplete, 0744 complete and on disk
    state       what the last processor wrote to descriptor 5
    newstate    the same, while the processor runs
    @label.s    an old file, completely processed and safely on disk
    @label.u    an old file that an outage cut short: perhaps incomplete, not processed

The x bit of the owner is the only memory of how far things had gone: a file is
marked (0744) when its contents are on disk, and never before. So each moment at
which a machine may stop leaves a directory that says what to do:

    current     processed   a restart
    marked      any         goes on writing to current and leaves the rest alone
    otherwise   marked      drops previous (its output is complete), keeps processed
                            as @label.s and current as @label.u
    otherwise   otherwise   drops processed, keeps previous and current as @label.u

The lists of steps below are what unix/logdir.py carries out, one system call a
step, and what the book's tables and its state diagram are drawn from.
Clauses: multilog/rotate/..., multilog/restart/..., multilog/power/...
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    # What is done, to which file, and the name that it gets (a descriptor's number in PROCESSOR).
    Step = tuple[str, str, str]

# A newline within this many bytes of the largest size ends the file.
MARGIN = 2000

# The shortest name of an old file: "@" and 24 more characters.
OLD_NAME = 25

# The words of the steps:
#
#     create    open for appending; if it is new, its mode is 0600
#     empty     open for writing, emptied; if it is new, its mode is 0644
#     append    open what is there for appending
#     sync      wait until the contents are on disk
#     mark      set the mode to 0744: finished, all of it is on disk
#     unmark    set the mode to 0644: in use
#     keep      make it an old file of this name: see `keep`
#     remove    take the name away
#     discard   the same, whether or not that succeeds

# Current is full, or ALRM has come.
FULL: "list[Step]" = [
    ("sync", "current", ""),
    ("close", "current", ""),
    ("rename", "current", "previous"),
    ("create", "current", ""),
    ("unmark", "current", ""),
    ("mark", "previous", ""),
]
# Then, without a processor.
KEEP: "list[Step]" = [("keep", "previous", "@label.s")]
# The files that a processor has, and their descriptors.
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

# A restart that finds current marked.
GO_ON: "list[Step]" = [("append", "current", ""), ("unmark", "current", "")]
# A restart that does not; then `recovery`.
FORGET: "list[Step]" = [("discard", "state", ""), ("discard", "newstate", "")]


def recovery(*, is_processed: bool) -> "list[Step]":
    """What a restart does after FORGET: is there a processed, and is it marked?"""
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
    """How the file becomes an old one, by the number of its names; None: it is not there.

    A file of two names was cut short between the two steps: it has become one.
    (Some file systems do not count: 0. Then the file is linked, lest it be lost.)

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
