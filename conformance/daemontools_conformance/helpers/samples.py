"""One harmless call of each program and its answer, for clauses about all programs.

svscanboot has none, because it runs the services of the machine.
"""

import re
import shutil
from collections.abc import Sequence
from typing import NamedTuple, Unpack

import pytest

from daemontools_conformance.helpers.marks import needs
from daemontools_conformance.helpers.runners import RUNNERS, arguments_before_child
from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.sandbox import Argument, Options, Sandbox

TRUE = shutil.which("true", path="/bin:/usr/bin") or "true"


class Sample(NamedTuple):
    """A call and its answer. `call` creates everything that the program finds."""

    arguments: tuple[Argument, ...]
    input: bytes = b""
    code: int = 0
    out: bytes = b""  # a regular expression
    err: bytes = b""


SAMPLES = {
    "svscan": Sample(
        ("no.dir",),
        code=111,
        err=b"svscan: fatal: unable to chdir to no.dir: file does not exist\n",
    ),
    "supervise": Sample(
        ("no.dir",),
        code=111,
        err=b"supervise: fatal: unable to chdir to no.dir: file does not exist\n",
    ),
    "svc": Sample(
        ("-u", "no.dir"), err=b"svc: warning: unable to chdir to no.dir: file does not exist\n"
    ),
    "svok": Sample(
        ("no.dir",), code=111, err=b"svok: fatal: unable to chdir to no.dir: file does not exist\n"
    ),
    "svstat": Sample(("no.dir",), out=rb"no\.dir: unable to chdir: file does not exist\n"),
    "readproctitle": Sample(("x", "........"), input=b"abc\n"),
    "multilog": Sample(("-*", "+b*", "e"), input=b"abc\nbcd\n", err=b"bcd\n"),
    "tai64n": Sample((), input=b"hello\n", out=rb"@[0-9a-f]{24} hello\n"),
    "tai64nlocal": Sample((), input=b"hello\n", out=rb"hello\n"),
    **{runner: Sample(("/usr/bin/printf", "yes"), out=b"yes") for runner in RUNNERS},
}


def each(programs: Sequence[str]) -> pytest.MarkDecorator:
    """Run the test for each of the programs."""
    return pytest.mark.parametrize(
        "program",
        [pytest.param(p, marks=needs("root")) if p == "setuidgid" else p for p in programs],
    )


each_program = each([*SAMPLES])


def call(sandbox: Sandbox, program: str, **options: Unpack[Options]) -> Finished:
    """Make the sample call of a program."""
    sample = SAMPLES[program]
    before = arguments_before_child(sandbox, program)
    source = sandbox.write("sample.input", sample.input)
    with open(source, "rb") as stdin:
        options.setdefault("stdin", stdin)
        return sandbox.run(program, *before, *sample.arguments, **options)


def is_as_ever(program: str, finished: Finished, usual: Finished) -> bool:
    """Is this the program's usual answer: 0.76's, or the same as its own before?"""
    sample = SAMPLES[program]
    if (finished.code, finished.err) == (sample.code, sample.err) and re.fullmatch(
        sample.out, finished.out
    ):
        return True
    return (finished.code, finished.out, finished.err) == (usual.code, usual.out, usual.err)
