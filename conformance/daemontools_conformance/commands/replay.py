"""Print or run the shell script of one test.

The script calls the programs that the run judged. If the run had made them, or a peer's,
for itself, they are gone by now, and are made again.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.profiles import ProfileError, find
from daemontools_conformance.running.implementation import locate
from daemontools_conformance.running.replay import read_origins

_MOST_NAMED = 20  # of the tests that match


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name one test, and the option to run its script."""
    evidence = "the evidence folder that a failure names, or a report folder"
    parser.add_argument("evidence", type=Path, help=evidence)
    clause = "the clause or test, if the folder holds several"
    parser.add_argument("clause", nargs="?", default="", help=clause)
    run = "run the script instead of printing it"
    parser.add_argument("--run", action="store_true", help=run)


def main(given: argparse.Namespace) -> int:
    """Print the script, or run it and return its exit code.

    Raises ProfileError or OSError if its programs are gone and cannot be made again.
    """
    wanted = given.clause.replace("/", ".")
    scripts = [
        script
        for script in sorted(given.evidence.rglob("replay.sh"))
        if wanted in str(script.relative_to(given.evidence))
    ]
    failed = [script for script in scripts if (script.parent / "failure.txt").exists()]
    if not failed:
        declared = _declared(given.evidence)
        failed = [script for script in scripts if script.parent in declared]
    scripts = failed or scripts  # a test that could not run has a script, too
    if len(scripts) != 1:
        what = "matching tests failed and" if failed else "matching tests"
        return _name_them(scripts, f"{what} have evidence in {given.evidence}")
    text = scripts[0].read_text()
    gone = {f: name for f, name in read_origins(text).items() if not Path(f).is_dir()}
    if given.run:
        return _run(text, gone)
    for name in gone.values():
        print(f"the programs of {name} are gone; --run makes them again", file=sys.stderr)
    print(text, end="")
    return 0


def _declared(report: Path) -> set[Path]:
    """The evidence of the tests in which the report saw a known bug; none without a report."""
    try:
        lines = [json.loads(line) for line in (report / "results.jsonl").read_text().splitlines()]
    except (OSError, ValueError):
        return set()
    bugs = [line for line in lines if line.get("outcome") == str(Outcome.KNOWN_BUG)]
    return {report / line["evidence"] for line in bugs if line["kind"] == "test"}


def _name_them(scripts: list[Path], what: str) -> int:
    for script in scripts[:_MOST_NAMED]:
        print(shlex.quote(str(script.parent)))
    if len(scripts) > _MOST_NAMED:
        print(f"and {len(scripts) - _MOST_NAMED} more")
    print(f"{len(scripts)} {what}{'; name one' if scripts else ''}", file=sys.stderr)
    return 1


def _run(text: str, gone: dict[str, str]) -> int:
    """Run the script, with the programs that are gone in new folders."""
    with tempfile.TemporaryDirectory(prefix="daemontools-replay-") as scratch:
        Path(scratch).chmod(0o755)  # some scripts become another user
        for number, (folder, name) in enumerate(gone.items()):
            made = Path(scratch) / str(number)
            made.mkdir()
            try:
                again = locate(find(name), made).folder
            except ProfileError as error:
                raise ProfileError(f"the script needs {folder}, which is gone: {error}") from error
            text = text.replace(folder, str(again))
            print(f"{folder} is gone: made the programs of {name} again", file=sys.stderr)
        script = Path(scratch) / "replay.sh"
        script.write_text(text)
        return subprocess.run(["bash", script], check=False).returncode
