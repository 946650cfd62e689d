"""How long a single line takes from the write to the output."""

import os
import subprocess
import time
from pathlib import Path

from daemontools_conformance.bench.contestants import Contestant, Task

_LINES = {"plain": b"a line that is written alone\n"}
_LINES["stamped"] = b"@400000003883d9ca00000000 " + _LINES["plain"]


def latencies(task: Task, contestant: Contestant, folder: Path, count: int) -> list[float]:
    """The seconds that each of `count` lines took to standard output or to the log file."""
    folder.mkdir()
    for name, content in contestant.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        contestant.argv,
        executable=contestant.executable,
        stdin=subprocess.PIPE,
        stdout=writer,
        cwd=folder,
        env={**os.environ, **task.environment},
        bufsize=0,
    )
    os.close(writer)
    assert process.stdin is not None
    current = folder / "main" / "current"
    taken = []
    for _ in range(count):
        before = current.stat().st_size if current.exists() else 0
        start = time.perf_counter()
        process.stdin.write(_LINES[task.input])
        if task.logs:
            while not current.exists() or current.stat().st_size == before:
                time.sleep(0)
        else:
            os.read(reader, 65536)
        taken.append(time.perf_counter() - start)
    process.stdin.close()
    process.wait()
    os.close(reader)
    return taken[1:]  # the first one waited for the program to start
