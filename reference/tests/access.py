"""Whether other users can use a file: some homes, and so some interpreters, are closed.

So are the folders that pytest makes.
"""

from pathlib import Path


def is_closed_to_others(file: Path) -> bool:
    """Is there a folder on the way to this file that only its owner may enter?"""
    return not all(step.stat().st_mode & 1 for step in (file, *file.parents))


def open_to_everybody(folder: Path) -> None:
    """Let every user enter a folder of pytest, whose parents are closed to others."""
    for step in (folder, *folder.parents[:-2]):
        step.chmod(0o755)
