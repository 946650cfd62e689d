"""A service directory made by hand: what svstat sees is what the test wrote."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.running.status import encode


def status_bytes(pid: int = 0, paused: int = 0, want: bytes = b"u", age: float = 0) -> bytes:
    """A status file of a service that last changed `age` seconds ago."""
    return encode(time.time() - age, pid, paused, want)


@contextmanager
def service(
    sandbox: Sandbox, name: str = "s", status: bytes | None = None, *, down: bool = False
) -> Iterator[None]:
    """A directory whose `supervise/ok` has a reader, as if there were a supervise."""
    if status is None:
        (sandbox.path / name / "supervise").mkdir(parents=True)
    else:
        sandbox.write(f"{name}/supervise/status", status)
    if down:
        sandbox.write(f"{name}/down")
    os.mkfifo(sandbox.path / name / "supervise/ok", 0o600)
    with reading_ok(sandbox, name):
        yield


@contextmanager
def reading_ok(sandbox: Sandbox, name: str = "s") -> Iterator[None]:
    """As if the directory, which has its `supervise/ok`, had a supervise again."""
    reader = os.open(sandbox.path / name / "supervise/ok", os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield
    finally:
        os.close(reader)


def answer(sandbox: Sandbox, name: str = "s") -> bytes:
    """What svstat says about one directory, without the name and the newline."""
    finished = sandbox.run("svstat", name)
    prefix = os.fsencode(name) + b": "
    assert (finished.code, finished.err) == (0, b"")
    assert finished.out.startswith(prefix)
    assert finished.out.endswith(b"\n")
    return finished.out[len(prefix) : -1]


def masked(line: bytes) -> bytes:
    """The line with S for the number of seconds."""
    return re.sub(rb"\b[0-9]+ seconds", b"S seconds", line)


def said_of(sandbox: Sandbox, vector: Vector) -> bytes:
    """What svstat says of the vector's status, with S for the seconds if they are right."""
    status = bytes.fromhex(vector.input["status"].decode())
    with service(sandbox, status=status, down=vector.input["down"]):
        earliest = int(time.time()) - 1  # the clock that counts whole seconds may lag by a tick
        line = answer(sandbox)
        latest = int(time.time())
    if "since" in vector.answer:
        for now in range(earliest, latest + 1):
            age = int(float(max(now - int(vector.answer["since"]), 0)))  # a C double, as in 0.76
            line = line.replace(b" %d seconds" % age, b" S seconds")
    return line
