"""Format all Markdown, one sentence a line: `python conformance/upkeep/sentences.py [--check]`.

mdformat does it, by .mdformat.toml; this script names the files and silences a warning that
its plugin gives for each paragraph. If nobody maintains it, run mdformat by hand.
"""

import logging
import subprocess
import sys
from pathlib import Path

from mdformat._cli import run

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    logging.getLogger("mdformat_slw").setLevel(logging.ERROR)
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "*.md"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    files = [str(ROOT / name) for name in names.split("\0") if name]
    sys.exit(run([*sys.argv[1:], *files]))
