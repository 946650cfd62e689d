"""The programs that end by running another program, and how to call each.

    answer = run_through(sandbox, "envdir", "echo", "yes")

Here such a program has nothing to do before it runs its child: it gets an empty
directory, a free lock, or the user that we already are.
"""

import os
import pwd
from collections.abc import Sequence
from typing import Unpack

import pytest

from daemontools_conformance.helpers.marks import needs
from daemontools_conformance.helpers.states import PROBE, wait_until_probe
from daemontools_conformance.running.probe import need_probe
from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.record import Record
from daemontools_conformance.running.sandbox import Argument, Options, Sandbox

# These become their child; fghack forks and waits for it.
CHAIN_PROGRAMS = ("pgrphack", "envdir", "envuidgid", "setlock", "softlimit", "setuidgid")
RUNNERS = ("fghack", *CHAIN_PROGRAMS)


def _parameters(programs: Sequence[str]) -> list[object]:
    # setuidgid sets the groups, and only root may do that.
    return [
        pytest.param(program, marks=needs("root")) if program == "setuidgid" else program
        for program in programs
    ]


each_runner = pytest.mark.parametrize("runner", _parameters(RUNNERS))
each_chain_program = pytest.mark.parametrize("runner", _parameters(CHAIN_PROGRAMS))


def arguments_before_child(sandbox: Sandbox, program: str) -> list[Argument]:
    """The arguments before the child's. Creates what they name."""
    match program:
        case "envdir":
            (sandbox.path / "no.variables").mkdir(exist_ok=True)
            return ["no.variables"]
        case "envuidgid" | "setuidgid":
            return [pwd.getpwuid(os.geteuid()).pw_name]
        case "setlock":
            return ["free.lock"]
        case _:
            return []


def run_through(
    sandbox: Sandbox, program: str, *child: Argument, **options: Unpack[Options]
) -> Finished:
    """Run `program ... child` to its end."""
    return sandbox.run(program, *arguments_before_child(sandbox, program), *child, **options)


def record_of_child(sandbox: Sandbox, program: str, *prepare: Argument) -> Record:
    """The record of the PROBE that `program` runs; `prepare` holds options of prepare.py."""
    need_probe()
    before = arguments_before_child(sandbox, program)
    return wait_until_probe(sandbox.start(program, *before, *PROBE, prepare=prepare))


def refusal(program: str, name: bytes | str, reason: str) -> tuple[int, bytes, bytes]:
    """Exit code, output and message of a program that cannot run its child."""
    shown = os.fsencode(name)
    message = f"{program}: fatal: unable to run ".encode() + shown + f": {reason}\n".encode()
    return 111, b"", message


def answer_of(finished: Finished) -> tuple[int, bytes, bytes]:
    """Exit code, output and messages."""
    return finished.code, finished.out, finished.err
