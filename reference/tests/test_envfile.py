"""The value of an envdir file, against a plain reading of the manual byte by byte."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import envfile

CONTENTS = st.lists(st.sampled_from(b"ab \t\n\0\r=\xff")).map(bytes)


def test_the_examples_in_the_module() -> None:
    assert doctest.testmod(envfile).failed == 0


@given(CONTENTS)
def test_the_value_of_any_content(content: bytes) -> None:
    line = bytearray()
    for byte in content:
        if byte == ord("\n"):
            break
        line.append(byte)
    while line and chr(line[-1]) in " \t":
        del line[-1]
    expected = bytes(ord("\n") if byte == 0 else byte for byte in line)
    assert envfile.value(content) == (expected if content else None)
