"""tai64n's fast path and its plain model do the same to any text, cut anywhere."""

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import stamp as model
from daemontools.core.tai64 import TAI64N_TEXT, parse_tai64n
from daemontools.fast import stamp

LABEL = b"@4000000037c219bf2ef02e94"

texts = st.lists(st.sampled_from([b"\n", b"\n\n", b"a", b"@", b"\0", b"a line", b"\r"])).map(
    b"".join
)
texts |= st.binary()
blocks = texts.filter(bool)


@given(blocks, st.booleans())
def test_the_fast_path_equals_the_model(block: bytes, inside_line: bool) -> None:
    fast = stamp.stamp(block, LABEL, inside_line=inside_line)
    assert fast == model.stamp(block, LABEL, inside_line=inside_line)


@given(texts)
def test_each_line_gets_one_label(text: bytes) -> None:
    lines = text.split(b"\n")
    expected = b"\n".join(LABEL + b" " + line for line in lines[:-1])
    expected += b"\n" if len(lines) > 1 else b""
    expected += LABEL + b" " + lines[-1] if lines[-1] else b""
    assert model.stamp(text, LABEL, inside_line=False) == expected


@given(st.lists(blocks))
def test_where_the_input_is_cut_does_not_matter(cut: list[bytes]) -> None:
    result, inside_line = b"", False
    for block in cut:
        result += stamp.stamp(block, LABEL, inside_line=inside_line)
        inside_line = not block.endswith(b"\n")
    assert result == model.stamp(b"".join(cut), LABEL, inside_line=False)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "right/UTC"])
def test_a_label_looks_the_same_in_every_zone_and_locale(zone: str) -> None:
    script = "import sys; from daemontools.scripts import tai64n; sys.exit(tai64n())"
    environment = {**os.environ, "TZ": zone, "LC_ALL": "ar_EG.UTF-8"}
    before = time.time()
    label = subprocess.check_output([sys.executable, "-c", script], input=b"x", env=environment)
    second, _ = parse_tai64n(label[:TAI64N_TEXT])
    assert int(before) <= second <= time.time()


def test_lines_of_one_read_share_a_label() -> None:
    assert stamp.stamp(b"one\ntwo\nth", b"@4", inside_line=False) == b"@4 one\n@4 two\n@4 th"
