"""tai64n's work, plainly: a label before the first byte of each line.

This is the model. The program runs `fast/stamp.py`, which a property test
proves equal to it (reference/tests/test_fast_stamp.py; docs/explain/fast-path.md).
"""


def stamp(block: bytes, label: bytes, *, inside_line: bool) -> bytes:
    """The block with `label` and a space before the first byte of each line.

    A line that has begun in an earlier block (`inside_line`) got its label
    there. A newline ends a line; the next line begins with its own first byte,
    which may be a long time coming, and so gets no label before it is there.
    """
    stamped = b""
    for byte in block:
        if not inside_line:
            stamped += label + b" "
        stamped += bytes([byte])
        inside_line = byte != ord("\n")
    return stamped
