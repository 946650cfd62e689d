"""What tai64n does, plainly: a label before the first byte of each line.

This is the model. The program runs `fast/stamp.py`, which a property test
proves equal to it (reference/tests/test_fast_stamp.py; docs/explain/fast-path.md).
"""


def stamp(block: bytes, label: bytes, *, inside_line: bool) -> bytes:
    """The block with `label` and a space before the first byte of each line.

    A line that began in an earlier block (`inside_line`) got its label
    there. A newline ends a line. The next line begins with its first byte; that may
    arrive much later, so the label is not written before it.
    """
    stamped = b""
    for byte in block:
        if not inside_line:
            stamped += label + b" "
        stamped += bytes([byte])
        inside_line = byte != ord("\n")
    return stamped
