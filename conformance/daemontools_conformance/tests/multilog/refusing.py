"""A multilog that cannot start."""

import os

from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.sandbox import Sandbox


def without_reading(sandbox: Sandbox, *script: str, **options: list[str]) -> Finished:
    """The answer of a multilog that must leave its input unread."""
    reader, writer = os.pipe()
    os.write(writer, b"unread\n")
    os.close(writer)
    prepare = options.get("prepare", [])
    answer = sandbox.run("multilog", *script, stdin=reader, prepare=prepare)
    unread = os.read(reader, 100)
    os.close(reader)
    assert unread == b"unread\n"
    return answer
