"""What ps, pgrep and pidof print."""

import subprocess


def output(*command: str) -> list[str]:
    """The lines that a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
