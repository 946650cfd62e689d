"""The verb `exercise`: write a program in any language, and see how far it goes.

An exercise is a list of steps, from what everybody notices to what only few do. A step is
some clauses and the place in the docs that tells what one must know for them. The first
step that does not hold ends the grading, so that there is only one thing to mend at a time.
What the program's tests need besides it, the reference lends.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from daemontools_conformance.contract import clauses
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.plain import clipped, plain
from daemontools_conformance.reports import results


@dataclass(frozen=True)
class Step:
    """What the step is about, where to read, and the clauses, whose ids lack the program."""

    title: str
    read: str
    clauses: str


EXERCISES = {
    "svok": [
        Step(
            "it says whether a supervise is there",
            "chapter 2 of the book, 'Code: svok'",
            "exit/running exit/killed exit/never-supervised exit/no-directory",
        ),
        Step(
            "it neither waits nor leaves a trace",
            "chapter 2 of the book, from the top",
            "effect/asks-without-waiting effect/nothing-written effect/creates-nothing "
            "effect/stopped-supervise",
        ),
        Step(
            "it is called wrongly",
            "svok(8)",
            "usage/no-operand usage/further-operands usage/no-options",
        ),
        Step(
            "odd things lie where ok should be",
            "svok(8), 'Exit status', and Messages in the reference",
            "exit/not-a-directory exit/ok-is-directory exit/supervise-is-file exit/closed-ok",
        ),
    ],
    "setlock": [
        Step(
            "it holds a lock while a program runs",
            "chapter 8 of the book, 'setlock: one at a time'",
            "lock/held-by-child lock/released-at-death wait/two-waiters",
        ),
        Step(
            "the file",
            "setlock(8)",
            "file/created file/not-truncated file/stays error/no-folder error/directory",
        ),
        Step(
            "the options, and with `-n` the kind of the lock",
            "setlock(8)",
            "wait/until-free options/n options/n-free lock/flock-not-fcntl options/nx options/x "
            "options/last-counts options/end-at-operand usage/too-few usage/illegal-option",
        ),
        Step(
            "it becomes the program, and changes nothing else",
            "chapter 8 of the book, 'How the next program is found', and the last of its answers",
            "child/same-process child/found-along-path "
            "state/environment-unchanged state/descriptors-unchanged state/signals-unchanged",
        ),
    ],
    "tai64n": [
        Step(
            "each line gets a label, and comes out at once (is the output buffered?)",
            "chapter 7 of the book, 'Which second is it?' and 'When the label is taken', "
            "and tai64n(8)",
            "output/line-at-once label/each-line label/form label/offset",
        ),
        Step(
            "when the label is taken",
            "chapter 7 of the book, 'When the label is taken'",
            "label/first-byte label/nanoseconds label/not-before-first-byte output/piece-at-once",
        ),
        Step(
            "any input",
            "tai64n(8)",
            "input/empty input/empty-lines input/any-byte input/unfinished input/long-line "
            "input/constant-memory",
        ),
        Step(
            "the end",
            "tai64n(8), 'Exit status'",
            "exit/end-of-input exit/stdin-closed exit/stdout-closed exit/disk-full signal/pipe",
        ),
    ],
    "supervise": [
        Step(
            "it starts ./run again, answers svok, and says in `status` that ./run is up",
            "chapter 3 of the book, 'A supervise of forty lines', 'The directory' "
            "and 'The 18 bytes'",
            "usage/no-operand folder/mode start/argv start/directory start/down-file "
            "restart/whatever-the-end restart/pause",
        ),
        Step(
            "the letters",
            "chapter 3 of the book, 'Code: what supervise does, as a table'",
            "command/up command/down-order command/once command/pause command/continue "
            "command/signals command/term-restarts command/exit-down command/exit-up "
            "command/in-order command/others-ignored",
        ),
        Step(
            "the 18 bytes",
            "chapter 3 of the book, 'The 18 bytes'",
            "status/size status/renamed status/pid status/stamp status/paused status/want "
            "status/after-exit status/mode",
        ),
        Step(
            "never two",
            "chapter 3 of the book, 'Program 4: never two'",
            "lock/second lock/second-disturbs-nothing lock/freed folder/order",
        ),
        Step(
            "what the child gets",
            "chapter 3 of the book, 'What the child gets'",
            "start/descriptors start/child-signal start/pipe-signals unstartable/missing "
            "unstartable/pauses",
        ),
    ],
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the exercise's name and the program to grade."""
    parser.add_argument("name", choices=EXERCISES, help="the program that you have written")
    parser.add_argument("program", type=Path, help="its file, in any language, or its folder")


def exercise(given: argparse.Namespace) -> int:
    """Grade the program step by step. Returns 0 if all hold. Raises OSError."""
    file = given.program / given.name if given.program.is_dir() else given.program
    program = file.resolve()
    if not program.is_file():
        raise OSError(f"there is no file {file}")
    if not os.access(program, os.X_OK):
        raise OSError(f"{file} cannot be executed: chmod +x {file}")
    steps = EXERCISES[given.name]
    with tempfile.TemporaryDirectory(prefix="daemontools-exercise-") as scratch:
        folder = Path(scratch) / file.stem
        folder.mkdir()
        Path(scratch).chmod(0o755)
        (folder / given.name).symlink_to(program)
        for number, step in enumerate(steps, 1):
            print(f"step {number} of {len(steps)}: {step.title}", flush=True)
            asked = [f"{given.name}/{clause}" for clause in step.clauses.split()]
            found = _judged(folder, Path(scratch) / f"report-{number}", asked)
            if untested := [c for c in asked if found.outcome(c) is Outcome.UNTESTED]:
                print(f"  cannot be tried here: {', '.join(untested)}")
            asked = [clause for clause in asked if clause not in untested]
            if short := [clause for clause in asked if found.outcome(clause) is not Outcome.PASS]:
                held = len(asked) - len(short)
                print(f"  {held} of {len(asked)} clauses hold. These fail, wholly or in part:")
                for clause in short:
                    _tell(clause, found)
                if any(clauses.load()[clause].by_hand for clause in short):
                    print(f"\nfor the lines by hand, put your {given.name} first on PATH:")
                    link = f"ln -s {shlex.quote(str(program))} bin/{given.name}"
                    print(f"  mkdir bin; {link}; PATH=$PWD/bin:$PATH")
                print("\nmore: daemontools-conformance --implementation FOLDER --clause CLAUSE")
                print(f"\nread {step.read}\nthen try again")
                return 1
            print(f"  {len(asked)} of {len(asked)} clauses hold")
    print(f"all steps hold; with the file as FOLDER/{given.name}, this asks all its clauses:")
    print(f"  daemontools-conformance --implementation FOLDER --program {given.name}")
    return 0


def _judged(folder: Path, report: Path, asked: list[str]) -> results.Report:
    """What the suite says of these clauses. Raises OSError if it says nothing."""
    words = [word for clause in asked for word in ("--clause", clause)]
    run = [sys.executable, "-I", "-m", "daemontools_conformance", "--implementation", str(folder)]
    done = subprocess.run(
        [*run, *words, "--report", str(report)], check=False, capture_output=True, text=True
    )
    if not (report / "results.jsonl").exists():
        raise OSError(f"the suite did not run: {clipped(plain(done.stdout + done.stderr), 500)}")
    return results.read(report)


def _shown(difference: str) -> str:
    """What was seen, with paths inside the sandbox."""
    return re.sub(r"/[^ ']*/daemontools-conformance-[\w-]+/(tests/)?\w+/box/", "", difference)


def _tell(clause: str, found: results.Report) -> None:
    known, cell = clauses.load()[clause], found.clauses[clause]
    print(f"\n  {clause}\n    {known.text}")
    if why := str(cell.get("difference") or cell.get("detail", "")):
        print(f"    seen: {clipped(plain(_shown(why.splitlines()[0])), 200)}")
    for command in known.by_hand[:1]:
        print(f"    by hand: {command.replace('`', '')}")
