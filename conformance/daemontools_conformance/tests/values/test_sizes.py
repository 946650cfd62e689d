"""Files of more than 4 GB. They are sparse, so they take no room."""

import os
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.logdirs import old_files
from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svstat.handmade import answer, masked, service, status_bytes

# Taken modulo 2^31 or 2^32 they would be small, or nothing.
SIZES = [2**31 - 1, 2**31, 2**31 + 10, 2**32 - 1, 2**32, 2**32 + 10, 2**33 + 10]


def grow(file: Path, size: int) -> Path:
    """Give the file this size. Raises Unavailable where no file can be so large."""
    try:
        os.truncate(file, size)
    except OSError as error:
        raise Unavailable(f"no file of {size} bytes here: {error}") from error
    return file


@clause("multilog/restart/huge-current")
def test_a_huge_current_is_put_away_before_the_next_line(sandbox: Sandbox) -> None:
    for size in SIZES:
        log = sandbox.path / f"log{size}"
        grow(sandbox.write(f"{log.name}/current", mode=0o744), size)
        sandbox.run("multilog", f"./{log.name}", input=b"one\n")
        (old,) = old_files(log)
        assert old.stat().st_size == size
        assert (log / "current").read_bytes() == b"one\n"


@clause("multilog/status/huge-file")
def test_a_huge_status_file_is_overwritten_at_its_beginning(sandbox: Sandbox) -> None:
    for size in SIZES:
        file = grow(sandbox.write("status", b"old"), size)
        assert sandbox.run("multilog", "=status", input=b"one\n").code == 0
        assert file.stat().st_size == size
        with open(file, "rb") as content:
            assert content.read(1002) == b"one".ljust(1001, b"\n") + b"\0"


@clause("setlock/file/huge")
def test_a_huge_file_can_be_locked(sandbox: Sandbox) -> None:
    for size in SIZES:
        file = grow(sandbox.write("l"), size)
        finished = sandbox.run("setlock", "-n", "l", "echo", "ran")
        assert (finished.code, finished.out) == (0, b"ran\n")
        assert file.stat().st_size == size


@clause("svstat/answer/huge-status")
def test_of_a_huge_status_file_18_bytes_count(sandbox: Sandbox) -> None:
    for size in SIZES:
        with service(sandbox, f"s{size}", status=status_bytes(pid=4711)):
            grow(sandbox.path / f"s{size}/supervise/status", size)
            assert masked(answer(sandbox, f"s{size}")) == b"up (pid 4711) S seconds"


@clause("exec/path/huge-file")
def test_a_huge_script_is_executed(sandbox: Sandbox) -> None:
    for size in SIZES:
        grow(sandbox.script("bin/prog", "echo ran; exit 7"), size)
        finished = sandbox.run("pgrphack", "./bin/prog")
        assert (finished.code, finished.out) == (7, b"ran\n")
