"""A control FIFO that the test itself reads: what svc sends, to the byte."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.running.sandbox import Sandbox


class Control:
    """The reading end of a service's `supervise/control`."""

    def __init__(self, fifo: str) -> None:
        self.fifo = fifo
        self.fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    def read(self) -> bytes:
        """All that has arrived since the last call."""
        letters = b""
        try:
            while more := os.read(self.fd, 65536):
                letters += more
        except BlockingIOError:
            pass
        return letters

    def fill(self) -> int:
        """Fill the FIFO to the last byte; the number of bytes."""
        writer = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        written = 0
        for size in (4096, 1):  # whole pages first: only then is it really full
            try:
                while True:
                    written += os.write(writer, b"." * size)
            except BlockingIOError:
                pass
        os.close(writer)
        return written

    def close(self) -> None:
        """Let go of the FIFO, as a supervise that dies."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


@contextmanager
def service(sandbox: Sandbox, name: str | bytes = "s") -> Iterator[Control]:
    """A directory whose FIFOs `ok` and `control` have a reader, as if there were a supervise."""
    folder = sandbox.path / os.fsdecode(name) / "supervise"
    folder.mkdir(parents=True)
    for fifo in ("ok", "control"):
        os.mkfifo(folder / fifo, 0o600)
    ok = os.open(folder / "ok", os.O_RDONLY | os.O_NONBLOCK)
    control = Control(str(folder / "control"))
    try:
        yield control
    finally:
        control.close()
        os.close(ok)


def written(sandbox: Sandbox, vector: Vector) -> list[list[bytes]]:
    """What svc, which exits 0, writes for each directory of the vector's answer."""
    directories = [directory for directory, _ in vector.answer["written"]]
    with ExitStack() as stack:
        controls = [stack.enter_context(service(sandbox, name)) for name in directories]
        assert sandbox.run("svc", *vector.input["words"]).code == 0
        return [[name, one.read()] for name, one in zip(directories, controls, strict=True)]
