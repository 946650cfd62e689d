"""What the tests of the two filters, tai64n and tai64nlocal, have in common."""

import os
import select
import tty
from collections.abc import Sequence

from daemontools_conformance.helpers.limits import bytes_in
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Finished, resident_kilobytes
from daemontools_conformance.running.sandbox import PIPE, Sandbox

MEGABYTE = 1 << 20


def run_without_reader(sandbox: Sandbox, program: str, prepare: Sequence[str]) -> Finished:
    """Run the program with its output to a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    answer = sandbox.run(program, input=b"a\n", stdout=writer, prepare=prepare)
    os.close(writer)
    return answer


def run_with_fault(sandbox: Sandbox, program: str, fault: str) -> Finished:
    """Run the program on a file of two lines while strace makes its reads of that file fail."""
    source = sandbox.write("input", b"a\nb\n")
    strace = ["strace", "-qq", "-o", "trace", "-P", str(source), "-e", f"inject={fault}"]
    with open(source, "rb") as input_:
        return sandbox.start_command([*strace, sandbox.file(program)], stdin=input_).wait()


def run_on_failing_input(sandbox: Sandbox, program: str, text: bytes) -> Finished:
    """Run the program on a terminal that gives the text, and then an error: nobody writes to it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.write(slave, text)
    eventually(lambda: bytes_in(master) == len(text), what="the text is there")
    os.close(slave)
    try:
        return sandbox.run(program, stdin=master)
    finally:
        os.close(master)


def run_on_directory(sandbox: Sandbox, program: str) -> Finished:
    """Run the program with a directory as its input."""
    directory = os.open(sandbox.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return sandbox.run(program, stdin=directory)
    finally:
        os.close(directory)


def run_on_empty_pipe(sandbox: Sandbox, program: str) -> Finished:
    """Run the program with a non-blocking pipe as input that is empty and has a writer."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    answer = sandbox.run(program, stdin=reader)
    os.close(reader)
    os.close(writer)
    return answer


def run_into_full_pipe(sandbox: Sandbox, program: str) -> Finished:
    """Run the program with much to write to a non-blocking pipe that no process reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    source = sandbox.write("input", b"line\n" * 100_000)
    with open(source, "rb") as input_:
        answer = sandbox.run(program, stdin=input_, stdout=writer)
    os.close(reader)
    os.close(writer)
    return answer


def run_under_file_limit(sandbox: Sandbox, program: str, most: int) -> tuple[Finished, int]:
    """Run the program with more to write than the file size limit allows; how much it wrote."""
    source = sandbox.write("input", b"line\n" * most)
    log = sandbox.path / "log"
    prepare = ["--default", "XFSZ", "--limit", f"FSIZE={most}"]
    with open(source, "rb") as input_, open(log, "wb") as output:
        answer = sandbox.run(program, stdin=input_, stdout=output, prepare=prepare)
    return answer, log.stat().st_size


def read_slowly(sandbox: Sandbox, program: str, text: bytes) -> bytes:
    """The program's output for the text, read in small pieces, so that its pipe is always full."""
    reader, writer = os.pipe()
    source = sandbox.write("input", text)
    with open(source, "rb") as input_:
        sandbox.start(program, stdin=input_, stdout=writer)
    os.close(writer)
    pieces, poll = [], select.poll()
    poll.register(reader, select.POLLIN)
    while eventually(lambda: poll.poll(100), what=f"{program} writes") and (
        piece := os.read(reader, 4093)
    ):
        pieces.append(piece)
    os.close(reader)
    return b"".join(pieces)


def peak_kilobytes(
    sandbox: Sandbox,
    program: str,
    *arguments: str,
    megabytes: int,
    start: bytes = b"",
    end: bytes = b"\n",
) -> int:
    """The program's peak resident memory, with this many MB of zeros between start and end."""
    with open("/dev/null", "wb") as null:
        running = sandbox.start(program, *arguments, stdin=PIPE, stdout=null)
    running.write(start)
    most = 0
    for number in range(megabytes):
        running.write(b"0" * MEGABYTE)
        if number % 10 == 9:  # where the kernel tells no peak, it is the greatest that was seen
            most = max(most, resident_kilobytes(running.pid, peak=True))
    running.write(end)
    return max(most, resident_kilobytes(running.pid, peak=True))
