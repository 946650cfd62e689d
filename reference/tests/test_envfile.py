"""The value of an envdir file, against a plain reading of the manual byte by byte."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemontools import install
from daemontools.core import envfile

# A small process, since the peak memory of a new process includes its parent's.
MEASURE = """
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""

CONTENTS = st.lists(st.sampled_from(b"ab \t\n\0\r=\xff")).map(bytes)


def test_the_examples_in_the_module() -> None:
    assert doctest.testmod(envfile).failed == 0


def test_a_line_is_kept_up_to_the_longest_string_that_any_linux_executes() -> None:
    assert envfile.LONGEST == 2 * 1024 * 1024


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
    assert envfile.value([content] if content else []) == (expected if content else None)


@given(st.lists(CONTENTS.filter(bool)))
def test_it_does_not_matter_how_the_content_is_cut(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert envfile.value(parts) == envfile.value([whole] if whole else [])


LONG = envfile.LONGEST


def test_blanks_beyond_any_length_are_still_at_the_end() -> None:
    assert envfile.value([b"x"] + [b" \t" * LONG] * 3 + [b"\n", b"y"]) == b"x"


def test_what_follows_too_many_blanks_makes_the_value_too_long() -> None:
    value = envfile.value([b"x", b" " * LONG, b" ", b"y", b"\n"])
    assert value is not None
    assert len(value) >= LONG


def test_a_line_without_an_end_is_not_kept() -> None:
    value = envfile.value(bytes(65536) for _ in range(4096))
    assert value is not None
    assert LONG <= len(value) < LONG + 65536


@pytest.mark.parametrize("name", ["hole", "endless"])
@pytest.mark.parametrize("before", [[], ["softlimit", "-m", "50000000"]], ids=["no limit", "limit"])
def test_no_file_takes_more_memory_than_the_longest_value(
    tmp_path: Path, name: str, before: list[str]
) -> None:
    library = str(Path(install.__file__).parents[1])
    install.install(tmp_path / "bin", sys.executable, library)
    (tmp_path / name).mkdir()
    with open(tmp_path / "hole.bytes", "wb") as file:
        file.truncate(600_000_000)
    target = {"hole": tmp_path / "hole.bytes", "endless": Path("/dev/zero")}[name]
    (tmp_path / name / "V").symlink_to(target)
    words = [*before, "envdir", str(tmp_path / name), "true"]
    environment = {"PATH": f"{tmp_path}/bin:/bin"}
    command = [sys.executable, "-IS", "-c", MEASURE, *words]
    measured = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    code, kilobytes = measured.split()
    assert code == b"111"
    assert int(kilobytes) < 40_000  # an interpreter alone takes 10,000


def test_what_follows_the_first_line_is_read_to_its_end() -> None:
    parts = iter([b"one\n", b"two", b"three"])
    assert envfile.value(parts) == b"one"
    assert list(parts) == []
