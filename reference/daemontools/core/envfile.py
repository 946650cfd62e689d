"""What a file in an envdir directory says about the variable of its name.

Only the first line counts. Blanks and tabs at its end are removed; then each NUL
byte, which no variable can hold, becomes a newline. An empty file says: remove
the variable. That is not the same as an empty first line, which sets it to nothing.
"""


def value(content: bytes) -> bytes | None:
    r"""The value that a file's content gives; None: the variable is to be removed.

    >>> value(b"on \t\nwhat follows is a comment")
    b'on'
    >>> value(b"two\0lines")
    b'two\nlines'
    >>> value(b"\n")
    b''
    >>> value(b"") is None
    True
    """
    if not content:
        return None
    return content.partition(b"\n")[0].rstrip(b" \t").replace(b"\0", b"\n")
