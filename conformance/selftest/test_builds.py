"""The copies of the reference that mutants and liars are made of."""

import subprocess
from pathlib import Path

from selftest.builds import Patch, patched


def test_a_patch_is_in_what_the_launchers_run(tmp_path: Path) -> None:
    patch = Patch("programs/svok.py", "svok: usage:", "svok: patched:")
    programs = patched(tmp_path, [patch])
    answer = subprocess.run([programs / "svok"], capture_output=True, check=False)
    assert answer.stderr.startswith(b"svok: patched:")
