"""What tai64n does, fast: all the lines of a block at once.

All lines of one read share one label, since all of them have arrived when the read
returns. So one `replace`, which runs in C, puts a label after every newline, and only
the two ends of the block need care. `core/stamp.py` is the model: the same, byte by byte.
"""


def stamp(block: bytes, label: bytes, *, inside_line: bool) -> bytes:
    """The block with `label` and a space before the first byte of each line.

    `block` has at least one byte. A line that began in an earlier block
    (`inside_line`) got its label there. A line that begins in the next block gets
    its label there, so no label follows a newline at the end of this block.
    """
    label += b" "
    stamped = block[:-1].replace(b"\n", b"\n" + label) + block[-1:]
    return stamped if inside_line else label + stamped
