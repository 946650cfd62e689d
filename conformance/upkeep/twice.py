"""Run pytest, and once more what failed: `python conformance/upkeep/twice.py ARGUMENT...`

Some thousand tests start processes here, several at a time, and wait for them until a deadline.
On a machine that stops for seconds a test fails now and then that passes by itself. This script
names it, and it has to be mended; but the run goes on. A test that fails twice is a failure, and
so are more than MOST tests, which are not repeated.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MOST = 5


def main() -> int:
    """Return pytest's exit code, of the second run if there was one."""
    with tempfile.TemporaryDirectory(prefix="twice-") as cache:
        # -P: pytest's own command does not look for modules in the working directory either.
        command = [sys.executable, "-P", "-m", "pytest", "-o", f"cache_dir={cache}", *sys.argv[1:]]
        code = subprocess.call(command)
        last = Path(cache, "v/cache/lastfailed")
        failed = json.loads(last.read_text()) if code == 1 and last.exists() else {}
        if 0 < len(failed) <= MOST:
            print("once more, without others beside:", *failed, sep="\n    ", flush=True)
            code = subprocess.call([*command, "--last-failed", "-n", "0"])
            if code == 0:
                print("FAILED ONCE, passed by itself:", *failed, sep="\n    ", flush=True)
        return code


if __name__ == "__main__":
    sys.exit(main())
