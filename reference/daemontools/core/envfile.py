"""What a file in an envdir directory says about the variable of its name.

Only the first line counts. Blanks and tabs at its end are removed; then each NUL
byte, which no variable can hold, becomes a newline. An empty file means: remove
the variable. An empty first line is different: it sets the variable to nothing.

The file may be larger than the memory, or have no end at all, so only as much
is kept as can count: the first line, up to the length at which the kernel
refuses to hand it on. Blanks beyond that length are not kept; they count only if
something follows them.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Linux executes no program with a string of 32 pages (MAX_ARG_STRLEN, execve(2)), and the
# largest page of Debian's kernels has 64 KB. The kept line may be longer than this by one part.
LONGEST = 32 * 65536

BLANKS = b" \t"


def value(parts: "Iterable[bytes]") -> bytes | None:
    r"""The value that the content of a file gives; None: remove the variable.

    The content comes in parts, and every part is read. If the line is too long to hand on,
    the value is too long as well, but it is not the whole line.

    >>> value([b"on \t\nwhat follows", b" is a comment"])
    b'on'
    >>> value([b"two", b"\0lines"])
    b'two\nlines'
    >>> value([b"\n"])
    b''
    >>> value([]) is None
    True
    """
    line: bytes | None = None
    is_complete = is_too_long = False
    for part in parts:
        line = line or b""
        if is_complete:
            continue
        more, newline, _ = part.partition(b"\n")
        is_complete = bool(newline)
        if len(line) < LONGEST:
            line += more
        elif more.strip(BLANKS):
            is_too_long = True
    if line and not is_too_long:
        line = line.rstrip(BLANKS)
    return line and line.replace(b"\0", b"\n")
