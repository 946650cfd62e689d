"""No program imports anything after its stanza RESOURCES: see unix/start.py."""

import subprocess
import sys
from pathlib import Path

import pytest

# Importing is made impossible before the first byte of input arrives.
POISONED = """\
import os, posix, sys
from daemontools.programs.{program} import main
read = posix.read
def poisoned_read(fd, size):
    if fd == 0:
        sys.meta_path[:] = []
        for name in ("re", "signal", "enum", "resource", "daemontools.core.match"):
            if name not in sys.modules:
                sys.modules[name] = None
    return read(fd, size)
posix.read = poisoned_read
sys.exit(main([os.fsencode(word) for word in sys.argv]))
"""
TEXT = b"@4000000037c219bf2ef02e94 fatal\n\n@x\nnothing\n" * 200
SCRIPTS: dict[str, list[list[str]]] = {
    "multilog": [
        ["t", "-*", "+* @*", "e", "=status", "s4096", "!cat", "./log"],
        ["+*f*", "-*debug*", "./log"],
        ["t", "-*debug*", "./log", "+*", "./all"],
    ],
    "tai64n": [[]],
    "tai64nlocal": [[]],
    "readproctitle": [["errors:", "." * 30]],
}


@pytest.mark.parametrize(
    ("program", "script"), [(name, script) for name in SCRIPTS for script in SCRIPTS[name]]
)
def test_nothing_is_imported_after_the_first_read(
    program: str, script: list[str], tmp_path: Path
) -> None:
    code = POISONED.format(program=program)
    command = [sys.executable, "-ISXutf8", "-c", code, *script]
    source = Path(__file__).parents[1]
    command[3] = f"import sys; sys.path.insert(0, {str(source)!r})\n{code}"
    ended = subprocess.run(command, input=TEXT, cwd=tmp_path, capture_output=True, check=False)
    assert ended.returncode == 0
    assert b"rror" not in ended.stderr
